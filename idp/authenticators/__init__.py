"""The ways to prove who one is: password, code by mail, trusted device."""

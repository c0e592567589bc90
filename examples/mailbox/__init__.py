"""The dev mailbox: a mail server that keeps what it gets, and a page to read it. For the demo and tests."""

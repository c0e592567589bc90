"""Parvis, an OpenID Connect provider for mutual health insurers."""

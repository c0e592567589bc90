"""Relying-party libraries that others wrote, run against a started provider."""

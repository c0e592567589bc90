"""Benchmarks, for `make bench`."""

"""The provider and a signed-in member, for the modules of the conformance suite."""

import pytest

pytest.register_assert_rewrite("tests.conformance.suite", "tests.conformance.metadata")

from tests.support.provider import member, rp, world  # noqa: E402 (their assertions explain themselves)

__all__ = ["member", "rp", "world"]

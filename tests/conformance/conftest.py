"""The provider and a signed-in member, for the modules of the conformance suite."""

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

pytest.register_assert_rewrite(
    "tests.conformance.suite", "tests.conformance.metadata", "tests.conformance.fapi"
)

from tests.support.provider import member, rp, world  # noqa: E402 (their assertions explain themselves)

__all__ = ["member", "rp", "world"]


@pytest.fixture(scope="session")
def rsa_key():
    """A key that the provider has never seen; made once, since making it takes long."""
    return rsa.generate_private_key(65537, 2048)

"""The provider, a relying party and a signed-in member, for the tests of each clause."""

from tests.support.provider import member, rp, world

__all__ = ["member", "rp", "world"]

"""The text of client files: of a new one, or of one that somebody wrote, with other secrets."""

import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from idp.core import toml_places

SECRETS = "client_secret_sha256"
# RFC 7517 section 4, RFC 7518 section 6: what tells a public key, and whose it is.
_OF_A_KEY = ("kty", "kid", "use", "alg", "crv", "x", "y", "n", "e")


def compose(document: Mapping[str, Any], *, heading: str) -> str:
    """The text of a client file: a heading, one line for each key, then a table for each public key."""
    pairs = [f"{name} = {_value(value)}" for name, value in document.items() if name != "jwks"]
    keys = document.get("jwks", {}).get("keys", [])
    return "\n".join([f"# {heading}", *pairs, *(line for key in keys for line in _table(key))]) + "\n"


def secrets_of(text: str) -> tuple[str, ...]:
    """The digests that a client file holds now, the newest first; the file was checked before."""
    held = tomllib.loads(text).get(SECRETS, ())
    return (held,) if isinstance(held, str) else tuple(held)


def with_secrets(text: str, digests: Sequence[str]) -> str:
    """The same file with these digests: all else stays, comments included. KeyError when it holds none."""
    place = toml_places.places(text)[(SECRETS,)]
    held = digests[0] if len(digests) == 1 else list(digests)
    return text[: place.start] + _value(held) + text[place.end :]


def _table(key: Mapping[str, Any]) -> Iterator[str]:
    yield ""
    yield "[[jwks.keys]]"
    yield from (f"{name} = {_value(key[name])}" for name in _OF_A_KEY if name in key)


def _value(value: object) -> str:
    # Texts, lists of them and truth values are written alike in JSON and TOML.
    return json.dumps(value, ensure_ascii=False)

"""The libraries, each behind the same few verbs, so that one story is told of all of them."""

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tests.interop.clients import Registered

NODE = Path(__file__).parent / "node"


class LibraryRefused(Exception):
    """The library did not accept what it was given, or was refused by the provider."""


@dataclass(frozen=True)
class Tokens:
    """What the library has after the exchange, its ID token verified."""

    claims: dict[str, Any]
    id_token: str
    access_token: str
    refresh_token: str | None
    token_type: str


class Party(Protocol):
    """One library, configured for one client."""

    def begin(self, **asked: str) -> str:
        """The address of an authorization request."""

    def finish(self, callback: str) -> Tokens:
        """Check the answer, exchange the code, verify the ID token. Raises LibraryRefused."""

    def userinfo(self) -> dict[str, Any]:
        """The member's claims, for the access token at hand. Raises LibraryRefused."""

    def refresh(self) -> Tokens:
        """Use the refresh token at hand. Raises LibraryRefused."""

    def revoke(self, token: str) -> None:
        """RFC 7009."""

    def introspect(self, token: str) -> dict[str, Any]:
        """RFC 7662."""

    def client_credentials(self, scope: str, resource: str) -> str:
        """An access token of the client itself."""

    def end_session_url(self, goodbye: str, state: str) -> str:
        """Where a logout begins."""

    def logout_token(self, token: str) -> dict[str, Any]:
        """The claims of a logout token, verified. Raises LibraryRefused."""

    def close(self) -> None:
        """Let go of what it holds."""


class NodeParty:
    """A library for Node, which is spoken to in lines of JSON."""

    def __init__(self, node: str, script: str, client: Registered, issuer: str) -> None:
        self._process = subprocess.Popen(
            [node, str(NODE / script)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8", bufsize=1,
        )  # fmt: skip
        try:
            self._ask("configure", **client.for_library(issuer))
        except LibraryRefused:
            self.close()
            raise

    def begin(self, **asked: str) -> str:
        return self._ask("begin", asked=asked)

    def finish(self, callback: str) -> Tokens:
        return Tokens(**self._ask("finish", callback=callback))

    def userinfo(self) -> dict[str, Any]:
        return self._ask("userinfo")

    def refresh(self) -> Tokens:
        return Tokens(**self._ask("refresh"))

    def revoke(self, token: str) -> None:
        self._ask("revoke", token=token)

    def introspect(self, token: str) -> dict[str, Any]:
        return self._ask("introspect", token=token)

    def client_credentials(self, scope: str, resource: str) -> str:
        return self._ask("clientCredentials", scope=scope, resource=resource)

    def end_session_url(self, goodbye: str, state: str) -> str:
        return self._ask("endSessionUrl", goodbye=goodbye, state=state)

    def logout_token(self, token: str) -> dict[str, Any]:
        return self._ask("logoutToken", token=token)

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait(timeout=10)
        self._process.stdout.close()

    def _ask(self, verb: str, **more: Any) -> Any:
        self._process.stdin.write(json.dumps({"verb": verb, **more}) + "\n")
        line = self._process.stdout.readline()
        assert line, f"the script ended at {verb}"
        answer = json.loads(line)
        if "error" in answer:
            raise LibraryRefused(answer["error"])
        return answer["value"]


MakeParty = Callable[[str, Registered], Party]

"""The ways this API says no: RFC 6750 errors, RFC 9470 step-up, and the RFC 9728 metadata they point to."""

from urllib.parse import urlsplit

from flask import Response, jsonify

from examples.member_data.tokens import SCOPE, STRONG_ACR, STRONG_FOR

METADATA_PATH = "/.well-known/oauth-protected-resource"


class Challenges:
    """Refusals of one resource, each with the header that tells a client what to do next."""

    def __init__(self, audience: str, issuer: str) -> None:
        """The audience is this service's own identifier, an https (or loopback http) URL."""
        self._audience = audience
        self._issuer = issuer
        parts = urlsplit(audience)
        # RFC 9728 3.1: the well-known part goes between the host and the path of the identifier.
        self._metadata_url = f"{parts.scheme}://{parts.netloc}{METADATA_PATH}{parts.path.rstrip('/')}"

    def metadata(self) -> Response:
        """Where tokens for this service come from, and what they must carry."""
        return jsonify(
            resource=self._audience,
            resource_name="Mutuelle Horizon, données des adhérents",
            authorization_servers=[self._issuer],
            scopes_supported=[SCOPE],
            bearer_methods_supported=["header"],
        )

    def no_token(self) -> Response:
        """RFC 6750 3.1: a request without any token gets a challenge without an error."""
        return self._refuse(401, {}, "a bearer token is needed")

    def invalid_token(self, reason: str) -> Response:
        """The token is expired, forged, or meant for another service."""
        return self._refuse(401, {"error": "invalid_token", "error_description": reason}, reason)

    def insufficient_scope(self) -> Response:
        """The token is good but does not open this service."""
        return self._refuse(403, {"error": "insufficient_scope", "scope": SCOPE}, "the scope is missing")

    def step_up(self) -> Response:
        """RFC 9470 3: sign in again, in two steps, then come back."""
        reason = "a recent sign-in in two steps is needed"
        details = {
            "error": "insufficient_user_authentication",
            "error_description": reason,
            "acr_values": " ".join(STRONG_ACR),
            "max_age": str(int(STRONG_FOR.total_seconds())),
        }
        return self._refuse(401, details, reason)

    def _refuse(self, status: int, details: dict[str, str], message: str) -> Response:
        body = jsonify(error=details.get("error", "unauthorized"), message=message)
        body.status_code = status
        fields = {"realm": "member-data", **details, "resource_metadata": self._metadata_url}
        # All values are our own ASCII without quotes: nothing of the request is repeated here.
        pairs = ", ".join(f'{name}="{value}"' for name, value in fields.items())
        body.headers["WWW-Authenticate"] = f"Bearer {pairs}"
        return body

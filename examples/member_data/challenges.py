"""The ways this API says no: RFC 6750 and 9449 errors, RFC 9470 step-up, the RFC 9728 metadata they point to."""

from enum import StrEnum
from urllib.parse import urlsplit

from flask import Response, jsonify

from examples.member_data import dpop
from examples.member_data.tokens import SCOPE, STRONG_ACR, STRONG_FOR, Access

METADATA_PATH = "/.well-known/oauth-protected-resource"


class Scheme(StrEnum):
    """How a token is presented: alone, or with a proof of possession."""

    BEARER = "Bearer"
    DPOP = "DPoP"

    @classmethod
    def named(cls, text: str) -> "Scheme | None":
        """The scheme of an Authorization header, in any case (RFC 9110 section 11.1)."""
        return next((scheme for scheme in cls if scheme.lower() == text.lower()), None)

    @classmethod
    def of(cls, access: Access) -> "Scheme":
        """The one way in which this token may be presented."""
        return cls.BEARER if access.bound_to is None else cls.DPOP


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
            dpop_signing_alg_values_supported=list(dpop.ALGORITHMS),
            # Tokens of both kinds are taken: their `cnf` says which one needs a proof.
            dpop_bound_access_tokens_required=False,
        )

    def no_token(self) -> Response:
        """RFC 6750 3.1: a request without any token gets a challenge without an error."""
        return self._refuse(Scheme.BEARER, 401, {}, "a token is needed")

    def invalid_token(self, scheme: Scheme, reason: str) -> Response:
        """The token is expired, forged, meant for another service, or presented in the wrong way."""
        return self._refuse(scheme, 401, {"error": "invalid_token", "error_description": reason}, reason)

    def invalid_proof(self, reason: str) -> Response:
        """RFC 9449 7.1: the token may be good, but whoever sent it does not prove to hold its key."""
        details = {"error": "invalid_dpop_proof", "error_description": reason}
        return self._refuse(Scheme.DPOP, 401, details, reason)

    def insufficient_scope(self, scheme: Scheme) -> Response:
        """The token is good but does not open this service."""
        details = {"error": "insufficient_scope", "scope": SCOPE}
        return self._refuse(scheme, 403, details, "the scope is missing")

    def step_up(self, access: Access) -> Response:
        """RFC 9470 3: sign in again, in two steps, then come back."""
        reason = "a recent sign-in in two steps is needed"
        details = {
            "error": "insufficient_user_authentication",
            "error_description": reason,
            # The least that will do: a stronger sign-in is enough as well.
            "acr_values": STRONG_ACR[0],
            "max_age": str(int(STRONG_FOR.total_seconds())),
        }
        return self._refuse(Scheme.of(access), 401, details, reason)

    def _refuse(self, used: Scheme, status: int, details: dict[str, str], message: str) -> Response:
        body = jsonify(error=details.get("error", "unauthorized"), message=message)
        body.status_code = status
        for scheme in Scheme:
            # RFC 9449 7.1: both schemes are offered; the one that was used carries the error.
            algorithms = {"algs": " ".join(dpop.ALGORITHMS)} if scheme is Scheme.DPOP else {}
            told = details if scheme is used else {}
            fields = {"realm": "member-data", **told, **algorithms, "resource_metadata": self._metadata_url}
            # All values are our own ASCII without quotes: nothing of the request is repeated here.
            pairs = ", ".join(f'{name}="{value}"' for name, value in fields.items())
            body.headers.add("WWW-Authenticate", f"{scheme.value} {pairs}")
        return body

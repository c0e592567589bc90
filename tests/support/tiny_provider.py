"""A real but tiny OIDC provider on a loopback port, for the example services: its one member is always signed in."""

import base64
import hashlib
import json
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import unquote_plus, urlencode

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from flask import Flask, Response, jsonify, redirect, request
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from werkzeug.serving import make_server

MEMBER_DATA = "http://127.0.0.1:8001"
CAMILLE = {
    "sub": "subject-of-camille",
    "given_name": "Camille",
    "family_name": "Martin",
    "name": "Camille Martin",
    "email": "camille@example.org",
    "member_number": "1234567",
    "population": "adherent",
    "space": "adherent",
}


KINDS = {
    "ES256": (lambda: ec.generate_private_key(ec.SECP256R1()), ECAlgorithm),
    "RS256": (lambda: rsa.generate_private_key(65537, 2048), RSAAlgorithm),
    "EdDSA": (ed25519.Ed25519PrivateKey.generate, OKPAlgorithm),
}


class SigningKey:
    """A key pair with a name."""

    def __init__(self, key_id: str, algorithm: str = "ES256") -> None:
        make, self._kind = KINDS[algorithm]
        self.key_id, self.algorithm, self.private = key_id, algorithm, make()

    def public_jwk(self) -> dict:
        jwk = json.loads(self._kind.to_jwk(self.private.public_key()))
        return jwk | {"kid": self.key_id, "use": "sig", "alg": self.algorithm}

    def sign(self, claims: dict, typ: str | None = "JWT") -> str:
        # The layer below `jwt.encode`, which would refuse to sign the nonsense that some tests need.
        payload, headers = json.dumps(claims).encode(), {"kid": self.key_id, "typ": typ}
        return jwt.PyJWS().encode(payload, self.private, algorithm=self.algorithm, headers=headers)


DEVICES = "/api/v1/account/devices"


@dataclass
class TinyProvider:
    """Start it with `with`; tests read the counters and plant trouble in the other fields."""

    secrets: dict[str, str] = field(default_factory=dict)
    member: dict = field(default_factory=lambda: dict(CAMILLE))
    keys: list[SigningKey] = field(default_factory=lambda: [SigningKey("first")])
    sid: str = "session-1"
    acr: str = "urn:parvis:acr:2sv-remembered"
    auth_time: int = 0
    access_lifetime: int = 300
    error: str | None = None
    id_token_changes: dict = field(default_factory=dict)
    answer_changes: dict = field(default_factory=dict)
    userinfo_changes: dict = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)
    bodies: dict[str, bytes] = field(default_factory=dict)
    devices: list[dict] = field(default_factory=list)
    calls: Counter = field(default_factory=Counter)
    requests: list[dict] = field(default_factory=list)

    def __enter__(self) -> Self:
        self.codes: dict[str, dict] = {}
        self._server = make_server("127.0.0.1", 0, self._app(), threaded=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Go away, as a provider that was switched off."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()

    def access_token(self, *, typ: str = "at+jwt", key: SigningKey | None = None, **changes: object) -> str:
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": [MEMBER_DATA, self.url],
            "sub": self.member["sub"],
            "client_id": "espace-adherent",
            "iat": now,
            "exp": now + self.access_lifetime,
            "jti": base64.b16encode(
                hashlib.sha256(str(time.perf_counter_ns()).encode()).digest()[:8]
            ).decode(),
            "scope": "openid profile email member member_data",
            "member_number": self.member["member_number"],
            "acr": self.acr,
            "auth_time": self.auth_time or now,
            "sid": self.sid,
        } | changes
        return (key or self.keys[0]).sign({k: v for k, v in claims.items() if v is not None}, typ)

    def logout_token(
        self, *, typ: str = "logout+jwt", key: SigningKey | None = None, **changes: object
    ) -> str:
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": "espace-adherent",
            "iat": now,
            "exp": now + 120,
            "jti": "logout-1",
            "sub": self.member["sub"],
            "sid": self.sid,
            "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
        } | changes
        return (key or self.keys[0]).sign({k: v for k, v in claims.items() if v is not None}, typ)

    def _app(self) -> Flask:
        app = Flask("tiny_provider")
        routes = {
            "/.well-known/openid-configuration": self._discovery,
            "/jwks": lambda: jsonify(keys=[key.public_jwk() for key in self.keys]),
            "/authorize": self._authorize,
            "/token": self._token,
            "/userinfo": self._userinfo,
            "/end_session": self._end_session,
        }
        for path, view in routes.items():
            app.add_url_rule(path, path, view, methods=["GET", "POST"])
        app.add_url_rule(DEVICES, "devices", lambda: jsonify(self.devices))
        app.add_url_rule(f"{DEVICES}/<name>", "device", self._revoke_device, methods=["DELETE"])
        app.before_request(self._trouble)
        return app

    def _trouble(self) -> Response | None:
        self.calls[request.path] += 1
        if request.path not in self.statuses and request.path not in self.bodies:
            return None
        return Response(self.bodies.get(request.path, b"{}"), self.statuses.get(request.path, 200))

    def _discovery(self) -> Response:
        return jsonify(
            issuer=self.url,
            authorization_endpoint=f"{self.url}/authorize",
            token_endpoint=f"{self.url}/token",
            userinfo_endpoint=f"{self.url}/userinfo",
            jwks_uri=f"{self.url}/jwks",
            end_session_endpoint=f"{self.url}/end_session",
        )

    def _authorize(self) -> Response:
        asked = request.args.to_dict()
        self.requests.append(asked)
        answer = {"state": asked["state"], "iss": self.url}
        if self.error:
            answer["error"] = self.error
        else:
            answer["code"] = f"code-{len(self.requests)}"
            self.codes[answer["code"]] = asked
        if "acr_values" in asked:
            self.acr, self.auth_time = asked["acr_values"], int(time.time())
        return redirect(f"{asked['redirect_uri']}?{urlencode(answer)}", 303)

    def _token(self) -> Response:
        asked = self.codes.pop(request.form["code"], None)
        sent = request.authorization
        # RFC 6749 2.3.1: both parts arrive form-encoded.
        client_id, secret = (unquote_plus(sent.username), unquote_plus(sent.password)) if sent else ("", None)
        if self.secrets.get(client_id, "") != secret:
            return jsonify(error="invalid_client"), 401
        digest = hashlib.sha256(request.form["code_verifier"].encode()).digest()
        proof = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if asked is None or (asked["client_id"], asked["redirect_uri"], asked["code_challenge"]) != (
            client_id,
            request.form["redirect_uri"],
            proof,
        ):
            return jsonify(error="invalid_grant"), 400
        access_token = self.access_token(client_id=asked["client_id"], scope=asked["scope"])
        answer = {
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": self.access_lifetime,
            "id_token": self._id_token(asked, access_token),
        }
        return jsonify(answer | self.answer_changes)

    def _id_token(self, asked: dict, access_token: str) -> str:
        now = int(time.time())
        half = hashlib.sha256(access_token.encode()).digest()[:16]
        claims = {
            "iss": self.url,
            "aud": asked["client_id"],
            "sub": self.member["sub"],
            "sid": self.sid,
            "iat": now,
            "exp": now + 300,
            "auth_time": self.auth_time or now,
            "acr": self.acr,
            "nonce": asked["nonce"],
            "at_hash": base64.urlsafe_b64encode(half).rstrip(b"=").decode(),
        } | self.id_token_changes
        typ = claims.pop("typ", "JWT")
        key = claims.pop("key", self.keys[0])
        return key.sign({k: v for k, v in claims.items() if v is not None}, typ)

    def _userinfo(self) -> Response:
        return jsonify(self.member | self.userinfo_changes)

    def _revoke_device(self, name: str) -> Response | tuple[Response, int]:
        left = [device for device in self.devices if device["id"] != name]
        if len(left) == len(self.devices):
            return jsonify(error="invalid_request"), 404
        self.devices = left
        return Response(status=204)

    def _end_session(self) -> Response:
        back = urlencode({"state": request.args["state"]})
        return redirect(f"{request.args['post_logout_redirect_uri']}?{back}", 303)

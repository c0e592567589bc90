"""The relying party that the suite plays in the FAPI 2.0 plan: it pushes, signs, proves, and doubts."""

from urllib.parse import urlencode

import jwt

from tests.conformance.suite import DESCRIPTION, LEAST_ENTROPY, Flow, Suite, entropy
from tests.protocol.party import ClientKey

PAR, TOKEN, USERINFO = "/oauth2/par", "/oauth2/token", "/oauth2/userinfo"
# FAPI 2.0 section 5.4.1: what a token, an assertion and a proof may be signed with; RFC 9864 gives EdDSA with this
# curve a name of its own.
ALGORITHMS = {"PS256", "ES256", "EdDSA", "Ed25519"}
SHORTEST = 16


class RsaKey(ClientKey):
    """A key of the other kind, which proves by PS256."""

    algorithm = "PS256"

    def __init__(self, private):
        self.private = private
        self.public_jwk = jwt.algorithms.RSAAlgorithm.to_jwk(private.public_key(), as_dict=True)

    @property
    def bare_jwk(self):
        return {name: self.public_jwk[name] for name in ("kty", "n", "e")}


class FapiSuite(Suite):
    """A client that signs with one key, and proves with another that it holds its tokens."""

    token_type = "DPoP"

    def __init__(self, world, client_id="fapi"):
        super().__init__(world, client_id=client_id)
        self.dpop = ClientKey()
        self.proven_at = 0
        """How many seconds this client's clock is ahead where it makes its proofs."""

    def proof(self, path, *, key=None, **more):
        """The DPoP header for one request."""
        now = self.world.clock.now()
        issued_at = int(now.timestamp()) + self.proven_at
        claims = {"iat": issued_at, **more}
        return {"DPoP": (key or self.dpop).proof(self.world.issuer + path, now, **claims)}

    def assertion(self, **changes):
        """A client assertion for us (FAPI 2.0 section 5.3.3.1)."""
        return self.rp.key.assertion(
            self.rp.client_id, self.world.clock.now(), **{"aud": self.world.issuer, **changes}
        )

    def push(self, asked, **more):
        """The `request_uri` of a request that was pushed with success (RFC 9126 section 2.2)."""
        response = self.rp.push(asked.parameters, **more)
        assert response.status_code == 201, response.text
        assert response.content_type == "application/json"
        assert "no-store" in response.headers["Cache-Control"]
        assert set(response.json) == {"request_uri", "expires_in"}
        assert type(response.json["expires_in"]) is int
        assert 0 < response.json["expires_in"] < 600
        assert entropy(response.json["request_uri"].rpartition(":")[2]) >= LEAST_ENTROPY
        return response.json["request_uri"]

    def authorize(self, browser, request_uri, **more):
        """The answer of the authorization endpoint to a handle, with nothing else beside the client's name."""
        query = {"client_id": self.rp.client_id, "request_uri": request_uri, **more}
        return browser.get("/oauth2/authorize?" + urlencode(query))

    def begin(self, browser, *, push=None, outside=None, **changes):
        """A request that was pushed, and its code: `outside` stands in the browser's address, `push` in the headers."""
        asked = self.ask(**changes)
        response = self.authorize(browser, self.push(asked, headers=push), **(outside or {}))
        return self.code(response, asked), asked

    def flow(self, browser, **changes):
        """The whole flow of a signed-in browser."""
        code, asked = self.begin(browser, **changes)
        return self.end(code, asked)

    def finish(self, response, asked):
        """From the answer of the authorization endpoint on."""
        return self.end(self.code(response, asked), asked)

    def end(self, code, asked):
        """Tokens for the code, their checks, userinfo."""
        tokens = self.tokens(self.redeem(code, asked))
        claims = self.id_token(tokens, nonce=asked.parameters.get("nonce"))
        info = self.userinfo(self.call(tokens["access_token"]), sub=claims["sub"])
        return Flow(tokens, jwt.get_unverified_header(tokens["id_token"]), claims, info)

    def code(self, response, asked):
        """The code, which nobody can guess."""
        code = super().code(response, asked)
        assert len(code) >= SHORTEST
        assert entropy(code) >= LEAST_ENTROPY
        return code

    def redeem(self, code, asked, **more):
        """A token request with a proof."""
        return self.rp.redeem(code, asked, headers=self.proof(TOKEN), **more)

    def refresh(self, token, **more):
        """A refresh with a proof."""
        return self.rp.refresh(token, headers=self.proof(TOKEN), **more)

    def tokens(self, response):
        """A token response, whose tokens nobody can guess."""
        tokens = super().tokens(response)
        assert len(tokens["access_token"]) >= SHORTEST
        for name in {"access_token", "refresh_token"} & tokens.keys():
            assert entropy(tokens[name]) >= LEAST_ENTROPY
        return tokens

    def id_token(self, tokens, *, nonce=None):
        """The claims of an ID token signed as the profile allows, with no hash that does not fit."""
        header = jwt.get_unverified_header(tokens["id_token"])
        assert header["alg"] in ALGORITHMS
        claims = super().id_token(tokens, nonce=nonce)
        assert ("nonce" in claims) is (nonce is not None)
        assert not {"s_hash", "c_hash"} & claims.keys()
        return claims

    def call(self, token, *, proof=None, headers=None):
        """The resource (our userinfo) with the token and a proof."""
        headers = headers or self.proof(USERINFO, method="GET", token=token, **(proof or {}))
        return self.http.get(
            USERINFO, headers={"Authorization": f"DPoP {token}", **headers}, base_url=self.world.issuer
        )

    def denied(self, response, *errors):
        """An error of the token or the pushing endpoint, by any of these names."""
        assert response.json["error"] in errors, response.text
        # RFC 6749 section 5.2: 401 belongs to this error alone.
        assert response.status_code == (401 if response.json["error"] == "invalid_client" else 400)
        assert response.content_type == "application/json"
        assert "no-store" in response.headers["Cache-Control"]
        assert set(response.json) == {"error", "error_description"}
        assert DESCRIPTION.fullmatch(response.json["error_description"])

    def stays_here(self, response, number):
        """A page at the provider, from which nothing leads to the client."""
        self.error_page(response, number=number)
        host = self.rp.redirect_uri.split("/")[2]
        assert host not in response.headers["Content-Security-Policy"]
        assert f"https://{host}" not in response.text

    def first_step_of(self, browser, **changes):
        """A pushed request that was opened: the redirect to the sign-in, and the request."""
        asked = self.ask(**changes)
        sent = self.authorize(browser, self.push(asked))
        self.login_page(browser, sent)
        return sent, asked

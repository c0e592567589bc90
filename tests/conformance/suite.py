"""The relying party that the suite plays: it looks at every answer as the suite does, as far as a provider can see."""

import base64
import hashlib
import math
import re
import secrets
from collections import Counter
from dataclasses import dataclass
from urllib.parse import parse_qsl

import jwt
from bs4 import BeautifulSoup

from idp.app import create_app
from tests.conformance.metadata import KINDS, LANGUAGE
from tests.protocol.party import World

HTTPS_ISSUER = "https://connexion.example.org"
DISCOVERY = "/.well-known/openid-configuration"
PRIVATE_OR_SYMMETRIC = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}
FIVE_MINUTES = 300
LEAST_ENTROPY = 96
# RFC 6749 sections 4.1.2.1 and 5.2: what an error_description may be made of.
DESCRIPTION = re.compile(r"[\x20-\x21\x23-\x5b\x5d-\x7e]+")
# RFC 6749 appendix A.17.
REFRESH_TOKEN = re.compile(r"[\x20-\x7e]+")
BIRTHDATE = re.compile(r"(\d{4}|0000)(-\d{2}-\d{2})?")
# OIDC Core 5.1: the type of each standard claim.
CLAIM_TYPES = {
    **dict.fromkeys(
        ("name", "given_name", "family_name", "middle_name", "nickname", "preferred_username", "profile",
         "picture", "website", "email", "gender", "birthdate", "zoneinfo", "locale", "phone_number"), str
    ),
    "sub": str,
    "email_verified": bool,
    "phone_number_verified": bool,
    "address": dict,
    "updated_at": int,
}  # fmt: skip
# OIDC Core 5.4: what the scope `profile` opens.
PROFILE = """
    name family_name given_name middle_name nickname preferred_username profile picture website gender birthdate
    zoneinfo locale updated_at
"""
PROFILE_CLAIMS = frozenset(PROFILE.split())
# What a provider of ours adds to the standard claims; text, all of it.
OWN_CLAIMS = {"member_number", "population", "space"}


@dataclass(frozen=True)
class Flow:
    """What one whole flow gave."""

    tokens: dict
    header: dict
    claims: dict
    info: dict


class Suite:
    """A client that asks by one response mode and doubts everything that comes back."""

    token_type = "Bearer"

    def __init__(self, world, *, mode="query", client_id="silent-alg"):
        self.world = world
        self.mode = mode
        self.rp = world.party(client_id)
        self.http = world.app.test_client()

    @property
    def discovery(self):
        return self.http.get(DISCOVERY, base_url=self.world.issuer).json

    @property
    def keys(self):
        """The published keys, each with a kid of its own and no private member."""
        path = self.discovery["jwks_uri"].removeprefix(self.world.issuer)
        keys = self.http.get(path, base_url=self.world.issuer).json["keys"]
        assert keys
        assert all(key["kid"] for key in keys)
        assert len({key["kid"] for key in keys}) == len(keys)
        assert not [key["kid"] for key in keys if PRIVATE_OR_SYMMETRIC & key.keys() or key["kty"] == "oct"]
        return keys

    def ask(self, **changes):
        """An authorization request with a state of 128 characters; a change to None leaves one out."""
        mode = {"response_mode": "form_post"} if self.mode == "form_post" else {}
        return self.rp.ask(**{**mode, "state": secrets.token_urlsafe(96), **changes})

    def flow(self, browser, **changes):
        """The whole flow of a signed-in browser: no page is shown."""
        asked = self.ask(**changes)
        return self.finish(browser.get(asked.url), asked)

    def sign_in(self, browser, **changes):
        """The whole flow through the sign-in pages, which are shown."""
        asked = self.ask(**changes)
        sent = browser.get(asked.url)
        self.login_page(browser, sent)
        return self.finish(browser.sign_in(sent), asked)

    def login_page(self, browser, sent):
        """The page to which a request leads, which asks who it is and for the password."""
        assert sent.status_code == 303, sent.text
        assert sent.location.startswith("/connexion"), sent.location
        page = browser.get(sent.location)
        assert page.status_code == 200
        soup = BeautifulSoup(page.text, "html.parser")
        assert soup.find("input", {"name": "identifier"})
        assert soup.find("input", {"name": "password", "type": "password"})
        return soup

    def finish(self, response, asked):
        """From the answer of the authorization endpoint on: tokens, their checks, userinfo."""
        code = self.code(response, asked)
        tokens = self.tokens(self.rp.redeem(code, asked))
        claims = self.id_token(tokens, nonce=asked.parameters.get("nonce"))
        info = self.userinfo(self.rp.userinfo(tokens["access_token"]), sub=claims["sub"])
        return Flow(tokens, jwt.get_unverified_header(tokens["id_token"]), claims, info)

    def code(self, response, asked):
        answer = self.answer(response, asked)
        assert set(answer) == {"code", "iss"} | ({"state"} & asked.parameters.keys()), answer
        return answer["code"]

    def error(self, response, asked):
        """The error that came back, with nothing beside it that does not belong there."""
        answer = self.answer(response, asked)
        assert set(answer) == {"error", "error_description", "state", "iss"}, answer
        assert DESCRIPTION.fullmatch(answer["error_description"])
        return answer["error"]

    def answer(self, response, asked):
        """The parameters that come to the redirect_uri, by the way that was asked for and by no other."""
        pairs = self._posted(response) if self.mode == "form_post" else self._in_query(response)
        answer = dict(pairs)
        assert len(answer) == len(pairs), "a parameter comes twice"
        assert answer["iss"] == self.discovery["issuer"]
        assert answer.get("state") == asked.parameters.get("state")
        return answer

    def _in_query(self, response):
        assert response.status_code in {302, 303}, response.text
        assert "#" not in response.location
        registered = self.rp.redirect_uri
        start = registered + ("&" if "?" in registered else "?")
        assert response.location.startswith(start), response.location
        return parse_qsl(response.location.removeprefix(start), keep_blank_values=True, strict_parsing=True)

    def _posted(self, response):
        """What the page sends by itself: a POST in form encoding, with nothing in any address."""
        assert response.status_code == 200, response.text
        assert response.mimetype == "text/html"
        assert "Location" not in response.headers
        assert "no-store" in response.headers["Cache-Control"]
        soup = BeautifulSoup(response.text, "html.parser")
        form = soup.find(id="form-post")
        assert form["method"].lower() == "post"
        assert form.get("enctype", "application/x-www-form-urlencoded") == "application/x-www-form-urlencoded"
        assert form["action"] == self.rp.redirect_uri, "neither code nor error is in the address"
        with self.http.get(soup.find("script")["src"], base_url=self.world.issuer) as script:
            assert 'getElementById("form-post").submit()' in script.text
        return [(tag["name"], tag["value"]) for tag in form.find_all("input")]

    def tokens(self, response):
        """A token response (RFC 6749 section 5.1)."""
        assert response.status_code == 200, response.text
        assert response.content_type == "application/json"
        assert response.headers["Cache-Control"] == "no-store"
        tokens = response.json
        assert tokens["access_token"]
        assert tokens["token_type"] == self.token_type
        assert type(tokens["expires_in"]) is int
        assert tokens["expires_in"] > 0
        return tokens

    def id_token(self, tokens, *, nonce=None):
        """The claims of an ID token, verified by PyJWT with a published key (OIDC Core 3.1.3.7)."""
        token = tokens["id_token"]
        header = jwt.get_unverified_header(token)
        [key] = [key for key in self.keys if key["kid"] == header["kid"]]
        assert header["alg"] in self.discovery["id_token_signing_alg_values_supported"]
        claims = jwt.decode(
            token,
            jwt.PyJWK(key),
            algorithms=[header["alg"]],
            audience=self.rp.client_id,
            issuer=self.discovery["issuer"],
            # The provider's clock is the story's; the times are compared with it below.
            options={"verify_exp": False, "verify_iat": False, "verify_nbf": False},
        )
        self._check_times(claims)
        assert claims["aud"] == self.rp.client_id
        assert claims.get("azp", self.rp.client_id) == self.rp.client_id
        assert claims.get("nonce") == nonce
        assert 0 < len(claims["sub"]) <= 255
        assert claims["sub"].isascii()
        assert claims["acr"]
        digest = hashlib.sha256(tokens["access_token"].encode()).digest()[:16]
        assert claims["at_hash"] == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        return claims

    def _check_times(self, claims):
        now = self.world.clock.now().timestamp()
        for name in ("iat", "exp", "auth_time"):
            assert type(claims[name]) is int
        assert now - FIVE_MINUTES < claims["iat"] <= now < claims["exp"]
        assert claims["auth_time"] <= now

    def userinfo(self, response, *, sub):
        """Userinfo in JSON, of the same subject, each claim of its type and none of them empty."""
        assert response.status_code == 200, response.text
        assert response.content_type == "application/json"
        info = response.json
        assert info["sub"] == sub
        types = {**CLAIM_TYPES, **dict.fromkeys(OWN_CLAIMS, str)}
        assert info.keys() <= types.keys()
        assert {name: value for name, value in info.items() if type(value) is not types[name]} == {}
        assert all(value for name, value in info.items() if types[name] is str)
        assert LANGUAGE.fullmatch(info.get("locale", "fr"))
        assert BIRTHDATE.fullmatch(info.get("birthdate", "1950"))
        return info

    def refused(self, response, error):
        """An error of the token endpoint (RFC 6749 section 5.2)."""
        assert response.status_code == 400, response.text
        assert response.content_type == "application/json"
        assert response.headers["Cache-Control"] == "no-store"
        assert set(response.json) == {"error", "error_description"}
        assert response.json["error"] == error
        assert DESCRIPTION.fullmatch(response.json["error_description"])

    def error_page(self, response, *, number="P-3002"):
        """A page at the provider, from which nothing leads to any client."""
        assert response.status_code == 400
        assert response.mimetype == "text/html"
        assert "Location" not in response.headers
        assert number in response.text
        soup = BeautifulSoup(response.text, "html.parser")
        assert not soup.find(id="form-post")
        assert "http://127.0.0.1:9" not in response.headers["Content-Security-Policy"]
        assert not soup.find("a", href=re.compile("^http://127.0.0.1:9/"))


def entropy(text):
    """The measured entropy of a text in bits, as the suite counts it (Shannon's, over its characters)."""
    counts = Counter(text)
    each = -sum(count / len(text) * math.log2(count / len(text)) for count in counts.values())
    return each * len(text)


def check_refresh(suite, other, browser):
    """`oidcc-refresh-token`: the token, what it gives, and that it is its own client's."""
    first = suite.flow(browser, scope="openid offline_access", prompt="consent")
    token = first.tokens["refresh_token"]
    assert REFRESH_TOKEN.fullmatch(token)
    suite.world.clock.advance(seconds=1)

    tokens = suite.tokens(suite.rp.refresh(token, scope="openid offline_access"))

    # OIDC Core 12.2: the new ID token should carry no nonce; it answers no authentication request.
    claims = suite.id_token(tokens, nonce=None)
    assert entropy(tokens["access_token"]) >= LEAST_ENTROPY
    assert tokens["access_token"] != first.tokens["access_token"]
    for name in ("iss", "sub", "aud", "auth_time"):
        assert claims[name] == first.claims[name]
    assert claims["iat"] > first.claims["iat"]
    assert ("azp" in claims) == ("azp" in first.claims)
    suite.userinfo(suite.rp.userinfo(tokens["access_token"]), sub=claims["sub"])

    others = other.flow(browser, scope="openid offline_access", prompt="consent").tokens["refresh_token"]
    suite.refused(suite.rp.refresh(others), "invalid_grant")
    other.tokens(other.rp.refresh(others))


def over_https(world):
    """The same provider as it is in production, where the suite meets it: under an https issuer."""
    return in_production(world).app.test_client()


def in_production(world):
    """The same store and clock under an https issuer, whose clients are those with https addresses only."""
    settings = world.settings.model_copy(update={"issuer": HTTPS_ISSUER})
    app = create_app(settings, clock=world.clock, database=world.database)
    return World(app, settings, world.clock, world.database, world.accounts)


def check_discovery(document, issuer):
    """`oidcc-discovery-endpoint-verification`: what a client must be able to read, and of which kind it is."""
    assert document["issuer"] == issuer
    assert {name for name in document if name not in KINDS} == set(), "registered with IANA, all of them"
    assert {name: value for name, value in document.items() if not KINDS[name](value)} == {}
    assert {"code"} <= set(document["response_types_supported"])
    assert {"public", "pairwise"} >= set(document["subject_types_supported"]) != set()
    assert "RS256" in document["id_token_signing_alg_values_supported"]
    assert "openid" in document["scopes_supported"]
    assert "S256" in document["code_challenge_methods_supported"]
    assert "sub" in document["claims_supported"]
    for name in ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri"):
        assert document[name].startswith(f"{issuer}/")

"""A forger's workshop: from one genuine token, everything that must never be taken for it."""

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from idp.oidc.keys import Algorithm
from tests.protocol.party import NOON
from tests.support.proofs import Prover, encoded

# The order of P-256: 0 and this number are no parts of a signature.
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
WEB = "http://127.0.0.1:9/keys.json"


def as_json(document) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def unpadded(segment: str) -> bytes:
    return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))


@dataclass
class Workshop:
    """A genuine ES256 token, the key that signed it, what is published, and a thief's own key."""

    genuine: str
    prover: Prover
    published: list[dict]
    rsa: object = None
    thief: Prover = field(default_factory=Prover)

    @classmethod
    def at(cls, world, genuine: str) -> "Workshop":
        """For a token of the provider, with its private keys at hand (the worst that can happen)."""
        ring = world.parts.provider.keys.ring
        published = world.app.test_client().get("/oauth2/jwks.json", base_url=world.settings.issuer).json
        return cls(
            genuine=genuine,
            prover=Prover(private=ring.signer(Algorithm.ES256).key.private_key),
            published=published["keys"],
            rsa=ring.signer(Algorithm.RS256),
        )

    @property
    def parts(self) -> list[str]:
        return self.genuine.split(".")

    @property
    def header(self) -> dict:
        return jwt.get_unverified_header(self.genuine)

    @property
    def claims(self) -> dict:
        return json.loads(unpadded(self.parts[1]))

    @cached_property
    def key(self) -> dict:
        """The published key that signed the genuine token."""
        return next(key for key in self.published if key["kid"] == self.header["kid"])

    def signed(self, header=None, claims=None, *, by: Prover | None = None) -> str:
        """Well signed, with changed members; a change to None leaves one out."""
        head = _changed(self.header, header)
        return self.sealed(as_json(head), as_json(_changed(self.claims, claims)), by=by)

    def sealed(self, header: bytes, payload: bytes, *, by: Prover | None = None) -> str:
        """Well signed over any bytes."""
        return self.over(f"{encoded(header)}.{encoded(payload)}", by=by)

    def over(self, message: str, *, by: Prover | None = None) -> str:
        prover = by or self.prover
        signature = jwt.PyJWS().get_algorithm_by_name("ES256").sign(message.encode(), prover.private)
        return f"{message}.{encoded(signature)}"

    def unsigned(self, header, signature: str = "") -> str:
        return f"{encoded(as_json(_changed(self.header, header)))}.{self.parts[1]}.{signature}"

    def macced(self, secret: bytes, algorithm: str = "HS256") -> str:
        """The old confusion: what is public, taken for the secret of an HMAC."""
        kinds = {"HS256": hashes.SHA256(), "HS384": hashes.SHA384(), "HS512": hashes.SHA512()}
        message = self.unsigned({"alg": algorithm}).rpartition(".")[0]
        mac = hmac.HMAC(secret, kinds[algorithm])
        mac.update(message.encode())
        return f"{message}.{encoded(mac.finalize())}"

    def with_signature(self, raw: bytes) -> str:
        return f"{self.parts[0]}.{self.parts[1]}.{encoded(raw)}"

    @property
    def signature(self) -> bytes:
        return unpadded(self.parts[2])

    def public(self, encoding: str) -> bytes:
        kind = getattr(serialization.Encoding, encoding)
        return self.prover.private.public_key().public_bytes(
            kind, serialization.PublicFormat.SubjectPublicKeyInfo
        )


def _changed(document: dict, changes) -> dict:
    changed = {**document, **(changes or {})}
    return {
        name: value for name, value in changed.items() if value is not None or name not in (changes or {})
    }


Make = Callable[[Workshop], str]


def no_signature() -> Iterator[tuple[str, Make]]:
    """RFC 8725 section 3.2: nothing unsigned is a token."""
    for alg in ("none", "None", "NONE", "nOnE", "none ", "", 0, False, ["none"], {}):
        yield f"alg {alg!r}, no signature", lambda w, alg=alg: w.unsigned({"alg": alg})
    yield "alg none, kept signature", lambda w: w.unsigned({"alg": "none"}, w.parts[2])
    yield "alg none, signature AA", lambda w: w.unsigned({"alg": "none"}, "AA")
    yield "no alg, no signature", lambda w: w.unsigned({"alg": None})
    yield "no alg, kept signature", lambda w: w.unsigned({"alg": None}, w.parts[2])
    yield "empty signature", lambda w: w.with_signature(b"")
    yield "two segments", lambda w: ".".join(w.parts[:2])
    yield "only the payload", lambda w: w.parts[1]
    yield "bare claims", lambda w: json.dumps(w.claims)


def algorithm_confusion() -> Iterator[tuple[str, Make]]:
    """RFC 8725 section 3.1: the key decides the algorithm."""
    secrets: dict[str, Callable[[Workshop], bytes]] = {
        "PEM": lambda w: w.public("PEM"),
        "PEM stripped": lambda w: w.public("PEM").strip(),
        "PEM with BOM": lambda w: b"\xef\xbb\xbf" + w.public("PEM"),
        "DER": lambda w: w.public("DER"),
        "JWK": lambda w: json.dumps(w.key).encode(),
        "compact JWK": lambda w: as_json(w.key),
        "JWKS": lambda w: as_json({"keys": w.published}),
        "x of the JWK": lambda w: w.key["x"].encode(),
        "raw x": lambda w: unpadded(w.key["x"]),
        "kid": lambda w: w.key["kid"].encode(),
        "nothing": lambda w: b"",
    }
    for name, secret in secrets.items():
        yield f"HS256 with {name}", lambda w, secret=secret: w.macced(secret(w))
    for algorithm in ("HS384", "HS512"):
        yield f"{algorithm} with PEM", lambda w, alg=algorithm: w.macced(w.public("PEM"), alg)
    for alg in (
        "RS256",
        "ES384",
        "ES512",
        "ES256K",
        "PS256",
        "EdDSA",
        "Ed25519",
        "es256",
        "ES256 ",
        "SHA256",
    ):
        yield f"alg {alg!r} on our ES256 signature", lambda w, alg=alg: w.signed({"alg": alg})
    for alg in (["ES256"], {"ES256": 1}, 256, True):
        yield f"alg {alg!r} on our ES256 signature", lambda w, alg=alg: w.signed({"alg": alg})


def brought_keys() -> Iterator[tuple[str, Make]]:
    """RFC 8725 section 3.10: a key, or the way to one, that the token itself brings."""
    yield "stranger's key, our kid", lambda w: w.signed(by=w.thief)
    brought: dict[str, Callable[[Workshop], dict]] = {
        "jwk": lambda w: {"jwk": w.thief.jwk},
        "jwk with private key": lambda w: {"jwk": w.thief.private_jwk},
        "jku": lambda w: {"jku": WEB},
        "jku to a file": lambda w: {"jku": "file:///etc/passwd"},
        "jku to ourselves": lambda w: {"jku": w.claims["iss"] + "/oauth2/jwks.json"},
        "x5u": lambda w: {"x5u": WEB},
        "x5c": lambda w: {"x5c": [base64.b64encode(_certificate(w.thief)).decode()]},
        "x5t": lambda w: {"x5t#S256": encoded(bytes(32))},
    }
    for name, members in brought.items():
        yield f"{name}, our kid", lambda w, m=members: w.signed(m(w), by=w.thief)
        yield f"{name}, own kid", lambda w, m=members: w.signed({**m(w), "kid": "mine"}, by=w.thief)
        yield f"{name}, no kid", lambda w, m=members: w.signed({**m(w), "kid": None}, by=w.thief)
    yield "another installation", lambda w: w.signed({"kid": w.thief.jkt}, by=w.thief)


def _certificate(prover: Prover) -> bytes:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "parvis")])
    builder = x509.CertificateBuilder(
        name, name, prover.private.public_key(), 1, NOON, NOON.replace(year=2030)
    )
    return builder.sign(prover.private, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def key_names() -> Iterator[tuple[str, Make]]:
    """A `kid` is looked up among our keys, and goes nowhere else."""
    names = {
        "path": "../../../../../../dev/null",
        "file": "file:///dev/null",
        "SQL": "x' UNION SELECT 'AA'--",
        "url": WEB,
        "command": "|cat /etc/passwd",
        "empty": "",
        "array": [],
        "object": {},
        "number": 0,
        "true": True,
        "NUL": "\0",
        "half a character": "\ud800",
        "long": "k" * 5_000,
    }
    for name, kid in names.items():
        yield f"kid {name}, no secret", lambda w, kid=kid: _macced_as(w, kid)
        yield f"kid {name}, our signature", lambda w, kid=kid: w.signed({"kid": kid})
    yield "kid missing, our signature", lambda w: w.signed({"kid": None})
    yield "kid null, our signature", lambda w: w.sealed(as_json({**w.header, "kid": None}), as_json(w.claims))
    yield "kid in an array", lambda w: w.signed({"kid": [w.header["kid"]]})
    yield "kid with a space", lambda w: w.signed({"kid": w.header["kid"] + " "})
    yield "kid in capitals", lambda w: w.signed({"kid": w.header["kid"].swapcase()})
    yield "kid cut short", lambda w: w.signed({"kid": w.header["kid"][:-1]})
    yield (
        "kid of another of our keys",
        lambda w: w.signed(
            {"kid": next((k["kid"] for k in w.published if k["kid"] != w.header["kid"]), "k2")}
        ),
    )


def _macced_as(workshop: Workshop, kid) -> str:
    message = workshop.unsigned({"alg": "HS256", "kid": kid}).rpartition(".")[0]
    mac = hmac.HMAC(b"", hashes.SHA256())
    mac.update(message.encode())
    return f"{message}.{encoded(mac.finalize())}"


def other_shapes() -> Iterator[tuple[str, Make]]:
    """JWE, JSON serialisations, detached payloads: we take the compact serialisation of a JWS only."""
    jwe = {"alg": "dir", "enc": "A128GCM"}
    yield "JWE of five parts", lambda w: f"{encoded(as_json(jwe))}..{'A' * 16}.{w.parts[1]}.{'A' * 22}"
    pbes2 = {"alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "p2c": 2**31, "p2s": "AAAAAAAAAAA"}
    yield "JWE with endless key derivation", lambda w: f"{encoded(as_json(pbes2))}.AAAA.AAAA.AAAA.AAAA"
    yield "JWE in three parts", lambda w: f"{encoded(as_json(jwe))}.{w.parts[1]}.{w.parts[2]}"
    yield (
        "flattened JSON",
        lambda w: json.dumps({"protected": w.parts[0], "payload": w.parts[1], "signature": w.parts[2]}),
    )
    yield (
        "general JSON",
        lambda w: json.dumps(
            {"payload": w.parts[1], "signatures": [{"protected": w.parts[0], "signature": w.parts[2]}]}
        ),
    )
    yield "detached payload", lambda w: f"{w.parts[0]}..{w.parts[2]}"
    yield "four segments", lambda w: w.genuine + ".AAAA"
    yield "trailing dot", lambda w: w.genuine + "."
    yield "leading dot", lambda w: "." + w.genuine
    yield "dots", lambda w: "...."
    yield "a million dots", lambda w: "." * 1_000_000
    yield "twice", lambda w: w.genuine + w.genuine
    yield "two with a comma", lambda w: f"{w.genuine},{w.genuine}"
    yield "two with a space", lambda w: f"{w.genuine} {w.genuine}"


def signatures() -> Iterator[tuple[str, Make]]:
    """ECDSA as JWA writes it: 64 bytes, both numbers in their range, over this very message."""
    yield "truncated signature", lambda w: w.with_signature(w.signature[:-1])
    yield "half a signature", lambda w: w.with_signature(w.signature[:32])
    yield "extended signature", lambda w: w.with_signature(w.signature + b"\0")
    yield "first bit flipped", lambda w: w.with_signature(_flipped(w.signature, 0))
    yield "last bit flipped", lambda w: w.with_signature(_flipped(w.signature, -1))
    yield "halves swapped", lambda w: w.with_signature(w.signature[32:] + w.signature[:32])
    yield "DER", lambda w: w.with_signature(_in_der(w))
    order = P256_ORDER.to_bytes(32, "big")
    zero, one = bytes(32), (1).to_bytes(32, "big")
    numbers = {
        "r and s are 0": zero + zero,
        "r and s are the order": order + order,
        "r is 0, s is 1": zero + one,
        "r and s are 1": one + one,
        "all bits set": b"\xff" * 64,
        "r is 0, s is the order": zero + order,
    }
    for name, raw in numbers.items():
        yield name, lambda w, raw=raw: w.with_signature(raw)
    yield "signature of another token", _transplanted
    yield (
        "changed claims",
        lambda w: f"{w.parts[0]}.{encoded(as_json({**w.claims, 'sub': 'x'}))}.{w.parts[2]}",
    )
    yield (
        "changed header",
        lambda w: f"{encoded(as_json({**w.header, 'typ': 'JOSE'}))}.{w.parts[1]}.{w.parts[2]}",
    )


def _flipped(raw: bytes, place: int) -> bytes:
    changed = bytearray(raw)
    changed[place] ^= 1
    return bytes(changed)


def _in_der(workshop: Workshop) -> bytes:
    message = ".".join(workshop.parts[:2]).encode()
    der = workshop.prover.private.sign(message, ec.ECDSA(hashes.SHA256()))
    assert decode_dss_signature(der)
    return der


def _transplanted(workshop: Workshop) -> str:
    return workshop.with_signature(unpadded(workshop.signed({}, {"jti": "another"}).split(".")[2]))


def spellings() -> Iterator[tuple[str, Make]]:
    """There is one way to write a token (RFC 7515 section 2, RFC 4648 section 3.5)."""
    yield "nothing", lambda w: ""
    yield "a word", lambda w: "token"
    yield "padded signature", lambda w: w.genuine + "=="
    yield "padded header", _padded
    yield "non-canonical signature", lambda w: w.genuine[:-1] + _sibling(w.genuine[-1])
    yield "standard base64", _standard
    yield "space inside", lambda w: w.genuine.replace(".", ". ")
    yield "line break inside", lambda w: w.genuine[:50] + "\n" + w.genuine[50:]
    yield "line break at the end", lambda w: w.genuine + "\n"
    yield "tab at the end", lambda w: w.genuine + "\t"
    yield "NUL at the end", lambda w: w.genuine + "\0"
    yield "NUL inside", lambda w: w.genuine[:50] + "\0" + w.genuine[50:]
    yield "percent-encoded dots", lambda w: w.genuine.replace(".", "%2E")
    yield "percent-encoded letter", lambda w: f"%{ord(w.genuine[0]):02x}{w.genuine[1:]}"
    yield "in quotes", lambda w: f'"{w.genuine}"'
    yield "with its scheme again", lambda w: f"Bearer {w.genuine}"
    yield "wide dots", lambda w: w.genuine.replace(".", "\uff0e")
    yield "a Cyrillic letter", lambda w: "\u0435" + w.genuine[1:]
    yield "zero width space", lambda w: w.genuine + "\u200b"
    yield "byte order mark", lambda w: "\ufeff" + w.genuine
    yield "case swapped", lambda w: w.genuine.swapcase()
    yield "backwards", lambda w: w.genuine[::-1]
    yield "first letter lost", lambda w: w.genuine[1:]
    yield "last letter lost", lambda w: w.genuine[:-1]
    yield "a megabyte of signature", lambda w: w.genuine + "A" * 1_000_000
    yield "a megabyte, well signed", lambda w: w.signed({}, {"pad": "x" * 1_000_000})
    yield "a megabyte of header", lambda w: w.signed({"pad": "x" * 1_000_000})
    yield (
        "deep header",
        lambda w: w.sealed(b'{"alg":' + b"[" * 3_000 + b"]" * 3_000 + b"}", as_json(w.claims)),
    )
    for name, header in (
        ("array", b"[]"),
        ("text", b'"ES256"'),
        ("null", b"null"),
        ("number", b"1"),
        ("empty", b""),
        ("no JSON", b"{"),
        ("no UTF-8", b'{"alg":"\xff"}'),
        ("NaN", b"NaN"),
    ):
        yield f"header is {name}", lambda w, header=header: w.sealed(header, as_json(w.claims))


def _padded(workshop: Workshop) -> str:
    header, payload, signature = workshop.parts
    return f"{header}{'=' * (-len(header) % 4) or '===='}.{payload}.{signature}"


def _sibling(letter: str) -> str:
    """The letter whose unused low bits differ: many decoders read the same bytes."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return alphabet[alphabet.index(letter) ^ 1]


def _standard(workshop: Workshop) -> str:
    for rank in range(1_000):
        token = workshop.signed({}, {"jti": f"plus-{rank}"})
        if "-" in token or "_" in token:
            return token.replace("-", "+").replace("_", "/")
    raise AssertionError


def odd_headers() -> Iterator[tuple[str, Make]]:
    """Well signed, with header members that we never write (RFC 7515 section 4.1.11, RFC 7797)."""
    for name, more in {
        "unknown crit": {"crit": ["x"], "x": 1},
        "empty crit": {"crit": []},
        "crit is text": {"crit": "exp"},
        "crit names alg": {"crit": ["alg"]},
        "crit b64": {"crit": ["b64"], "b64": True},
        "b64 false": {"crit": ["b64"], "b64": False},
        "zip": {"zip": "DEF"},
        "cty JWT": {"cty": "JWT"},
    }.items():
        yield name, lambda w, more=more: w.signed(more)


def other_kinds() -> Iterator[tuple[str, Make]]:
    """Well signed, of another type (RFC 8725 section 3.11)."""
    for typ in ("JWT", "at+jwt", "logout+jwt", "dpop+jwt", "oauth-authz-req+jwt", "token-introspection+jwt"):
        yield f"typ {typ}", lambda w, typ=typ: w.signed({"typ": typ if typ != w.header["typ"] else "id+jwt"})
    for typ in ("", "jwt at+jwt", "at", "at+jwt;v=1", 7, ["at+jwt", "JWT"], {}):
        yield f"typ {typ!r}", lambda w, typ=typ: w.signed({"typ": typ})
    yield "no typ", lambda w: w.signed({"typ": None})


def bad_payloads() -> Iterator[tuple[str, Make]]:
    """Well signed, and no object of claims."""
    bodies = {
        "array": b"[]",
        "text": b'"sub"',
        "null": b"null",
        "true": b"true",
        "number": b"1",
        "NaN": b"NaN",
        "empty object": b"{}",
        "empty": b"",
        "broken": b'{"sub":',
        "no UTF-8": b'{"sub":"\xff\xfe"}',
        "deep": b'{"sub":' * 1_000 + b"1" + b"}" * 1_000,
        "deep arrays": b"[" * 3_000 + b"]" * 3_000,
        "endless number": b'{"exp":' + b"9" * 4_500 + b"}",
    }
    for name, payload in bodies.items():
        yield f"payload is {name}", lambda w, payload=payload: w.sealed(as_json(w.header), payload)
    yield "payload in an array", lambda w: w.sealed(as_json(w.header), as_json([w.claims]))
    yield "payload is a token", lambda w: w.sealed(as_json(w.header), w.genuine.encode())
    yield "payload is text of JSON", lambda w: w.sealed(as_json(w.header), as_json(json.dumps(w.claims)))


def wrong_claims(issuer: str, audiences: tuple[str, ...]) -> Iterator[tuple[str, Make]]:
    """Well signed, and says of itself that it is not for here, or not for now."""
    now = int(NOON.timestamp())
    for value in (
        f"{issuer}/",
        issuer[:-1],
        f"{issuer}.evil.example",
        issuer.upper(),
        "",
        None,
        7,
        [issuer],
        {},
    ):
        yield f"iss {value!r}", lambda w, value=value: w.signed({}, {"iss": value})
    first = audiences[0]
    for value in (
        *(f"{audience}/" for audience in audiences),
        *(f"{audience}.evil.example" for audience in audiences),
        f"{first} http://evil.example",
        first[:-1],
        "http://127.0.0.1",
        "*",
        "",
        None,
        7,
        True,
        [],
        [""],
        [list(audiences)],
        [*audiences, ["x"]],
        [*audiences, 7],
        {first: first},
        ["reader"],
    ):
        yield f"aud {value!r}", lambda w, value=value: w.signed({}, {"aud": value})
    for value in (
        now - 3_600,
        0,
        -1,
        -(10**30),
        str(now + 300),
        "later",
        "",
        None,
        [now + 300],
        {},
        float("nan"),
    ):
        yield f"exp {value!r}", lambda w, value=value: w.signed({}, {"exp": value})
    for name in ("client_id", "jti", "sub"):
        for value in (None, 7, ["x"], {}, True):
            yield f"{name} {value!r}", lambda w, name=name, value=value: w.signed({}, {name: value})
    for value in (7, ["openid"], {}, True):
        yield f"scope {value!r}", lambda w, value=value: w.signed({}, {"scope": value})
    for value in ("x", 7, ["jkt"], True, {"jkt": 7}, {"jkt": ["x"]}, {"jkt": "x" * 43}):
        yield f"cnf {value!r}", lambda w, value=value: w.signed({}, {"cnf": value})
    yield "nbf tomorrow", lambda w: w.signed({}, {"nbf": now + 86_400})
    yield "aud twice, the last another's", lambda w: doubled(w, "aud", "http://evil.example")
    yield "iss twice, the last another's", lambda w: doubled(w, "iss", "http://evil.example")
    yield "exp twice, the last over", lambda w: doubled(w, "exp", 1)
    yield "alg twice, the last none", lambda w: doubled_header(w, "alg", "none")
    yield "typ twice, the last another", lambda w: doubled_header(w, "typ", "logout+jwt")


def doubled(workshop: Workshop, name: str, value) -> str:
    payload = as_json(workshop.claims)[:-1] + b"," + as_json({name: value})[1:]
    return workshop.sealed(as_json(workshop.header), payload)


def doubled_header(workshop: Workshop, name: str, value) -> str:
    header = as_json(workshop.header)[:-1] + b"," + as_json({name: value})[1:]
    return workshop.sealed(header, as_json(workshop.claims))


# Never a token, whoever reads it.
FORGED: dict[str, Make] = {
    name: make
    for source in (
        no_signature,
        algorithm_confusion,
        brought_keys,
        key_names,
        other_shapes,
        signatures,
        spellings,
    )
    for name, make in source()
}
# Signed by the right key, and still never what we write.
NEVER_OURS: dict[str, Make] = {
    name: make for source in (odd_headers, other_kinds, bad_payloads) for name, make in source()
}

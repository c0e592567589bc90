"""ID tokens that come back to us as hints: genuine ones count even when they are over."""

from dataclasses import dataclass

from idp.oidc.keys import KeyRing, Kind


@dataclass(frozen=True, slots=True)
class Hint:
    """What a genuine ID token of ours says."""

    client_id: str
    sub: str
    sid: str | None


def read(token: str, *, ring: KeyRing, issuer: str) -> Hint | None:
    """The hint, or None when it is no ID token of ours; `exp` is not judged (RP-Initiated Logout 2)."""
    document = ring.read(token, Kind.ID_TOKEN)
    if document is None or document.get("iss") != issuer:
        return None
    audience, sub, sid = document.get("aud"), document.get("sub"), document.get("sid")
    if not isinstance(audience, str) or not isinstance(sub, str):
        return None
    return Hint(client_id=audience, sub=sub, sid=sid if isinstance(sid, str) else None)

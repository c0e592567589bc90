"""What a browser began and may go on with: a secret of its own for each thing, set when it began."""

from idp.core import secrets
from idp.web.kit import Visit

KEPT_SECRETS = 5


def fingerprints(visit: Visit, cookie: str) -> list[str]:
    """What the things are found by that this browser began under this cookie."""
    return [secrets.fingerprint(secret) for secret in _secrets(visit, cookie)]


def own_from_now_on(visit: Visit, cookie: str) -> str:
    """A fresh secret for something new: a cookie that was known before is worthless for it. Its fingerprint."""
    secret = secrets.token()
    visit.set_cookie(cookie, ".".join([secret, *_secrets(visit, cookie)][:KEPT_SECRETS]))
    return secrets.fingerprint(secret)


def _secrets(visit: Visit, cookie: str) -> list[str]:
    return [secret for secret in (visit.cookie(cookie) or "").split(".")[:KEPT_SECRETS] if secret]

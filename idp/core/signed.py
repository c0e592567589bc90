"""Short-lived signed values (itsdangerous), for what need not be single-use nor revocable."""

import hashlib

from itsdangerous import BadData, URLSafeTimedSerializer

from idp.core.secrets import Vault


class Signer:
    """Signs texts for one purpose with SHA-256; a value of another purpose never verifies."""

    def __init__(self, vault: Vault, purpose: str) -> None:
        """Derive the purpose's own key."""
        self._serializer = URLSafeTimedSerializer(
            vault.key("signed:" + purpose), salt=purpose, signer_kwargs={"digest_method": hashlib.sha256}
        )

    def sign(self, value: str) -> str:
        """The value with its time and signature, url-safe."""
        return str(self._serializer.dumps(value))

    def read(self, signed: str, *, max_age_seconds: int) -> str | None:
        """The value, or None when it was altered, is too old, or was never ours."""
        try:
            value = self._serializer.loads(signed, max_age=max_age_seconds)
        except BadData:
            return None
        return value if isinstance(value, str) else None

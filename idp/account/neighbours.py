"""Pages beside « Mon compte » that are made elsewhere."""

from datetime import datetime, timedelta

from idp.core.audit import AuditEvent

# « Sécurité de ma connexion »: passkeys, authenticator app, recovery codes.
SECURITY = "/compte/securite"
# « Ce n'était pas moi » for who is signed in.
ALARM = "/compte/alerte"

# As long as the links of security mails live.
ALARM_WITHIN = timedelta(days=7)


def not_me_url(event: AuditEvent, *, now: datetime) -> str | None:
    """Where « Ce n'était pas moi » leads beside a line of the history; None beside one that is too old."""
    return f"{ALARM}?evenement={event.id}" if now - event.at <= ALARM_WITHIN else None

"""The proof cookie: what was proved in a sign-in goes on only in the browser that proved it.

The browser cookie names an interaction before anything is proved, so it may have been known to others. From the first
proof on, every step needs a secret that was set with that proof.
"""

from idp.core import secrets
from idp.login.interaction import Interaction
from idp.sessions import service as sessions
from idp.subjects import accounts
from idp.web.kit import Visit


def bind(visit: Visit, interaction: Interaction) -> None:
    """Set a fresh secret with the proof that was just given."""
    secret = secrets.token()
    interaction.proof_hash = secrets.fingerprint(secret)
    visit.set_cookie(_name(interaction), secret)


def holds(visit: Visit, interaction: Interaction) -> bool:
    """Whether this request may build on what the interaction holds: its proof cookie, and its first session."""
    if interaction.proof_hash is None:
        return True
    secret = visit.cookie(_name(interaction)) or ""
    if not secrets.same(secrets.fingerprint(secret), interaction.proof_hash):
        return False
    if interaction.account_id is not None:
        # At every step: what was proved to an account that has changed since counts no more.
        look = accounts.hold if visit.request.method == "POST" else accounts.by_id
        account = look(visit.session, interaction.account_id)
        if account is None or account.epoch != interaction.epoch:
            return False
    if interaction.inherited_from is None:
        return True
    return sessions.by_row(visit.session, interaction.inherited_from, now=visit.now) is not None


def release(visit: Visit, interaction: Interaction) -> None:
    """Drop the cookie of a sign-in that is over."""
    visit.drop_cookie(_name(interaction))


def _name(interaction: Interaction) -> str:
    return "proof_" + interaction.id[:12]

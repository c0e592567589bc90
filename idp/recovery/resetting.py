"""A new password after a recovery: set once, with all that it ends."""

from enum import StrEnum

from idp.recovery import by_letter, lifting
from idp.recovery.forms import Answer
from idp.recovery.password import PROOF
from idp.sessions import alarms, credentials
from idp.subjects import accounts, recoveries
from idp.subjects.accounts import Account
from idp.subjects.recoveries import Kind, Recovery
from idp.web import owner
from idp.web.kit import Visit


class NotSet(StrEnum):
    """Why a password was not set; nothing changed."""

    OVER = "over"
    """The request is over, or asks for something else now."""
    TOO_MANY = "too-many"
    """The member gave as many new addresses as a day allows."""


def set_password(
    visit: Visit, row: Recovery, stored: str, *, knows_paper: bool, answer: Answer | None = None
) -> NotSet | None:
    """Use the request up and change the password, in one transaction; otherwise why not, and nothing changed.

    Sessions, devices, refresh tokens, other links and codes end by the epoch; no session is opened, no trust given.
    `knows_paper`: the access code or the code of a letter was given, which an alarm asks for. `answer`: what the
    reader of a letter said of the addresses.
    """
    account = accounts.hold(visit.session, row.account_id or "")
    if account is None or account.epoch != row.epoch:
        return NotSet.OVER
    if row.kind == Kind.LETTER:
        not_set = _by_letter(visit, row, account, stored, answer)
    else:
        not_set = _by_mail(visit, row, account, stored, knows_paper=knows_paper)
    if not_set is not None:
        return not_set
    visit.drop_cookie(PROOF)
    visit.audit("password.reset", account.id, way=row.kind)
    owner.warn_of_password(
        visit,
        account,
        cause=f"recovery:{row.id}:changed",
        sign_in_url=f"{visit.kit.settings.issuer}/connexion?espace={visit.space.name}",
    )
    return None


def _by_letter(
    visit: Visit, row: Recovery, account: Account, stored: str, answer: Answer | None
) -> NotSet | None:
    if answer is None or not by_letter.still_counts(visit, account, answer):
        return NotSet.OVER
    if not by_letter.may_answer(visit, account, answer):
        return NotSet.TOO_MANY
    if not recoveries.spend(visit.session, row, now=visit.now):
        return NotSet.OVER
    by_letter.apply(visit, row, account, stored, answer)
    return None


def _by_mail(
    visit: Visit, row: Recovery, account: Account, stored: str, *, knows_paper: bool
) -> NotSet | None:
    # Whoever reads a disowned mailbox was sent nothing; should something have reached it, it opens nothing.
    if account.is_disowned or lifting.needs_letter(account):
        return NotSet.OVER
    if not knows_paper and lifting.needs_access_code(visit.session, account, now=visit.now):
        return NotSet.OVER
    if not recoveries.spend(visit.session, row, now=visit.now):
        return NotSet.OVER
    alarms.lift(account)
    credentials.change_password(visit.session, account, stored, now=visit.now)
    return None

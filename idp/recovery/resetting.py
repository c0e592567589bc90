"""A new password after a recovery: set once, with all that it ends."""

from idp.core.mail_templates import Kind as MailKind
from idp.recovery import address, changes, lifting
from idp.recovery.parts import tools_of
from idp.recovery.password import PROOF
from idp.sessions import alarms, credentials
from idp.subjects import accounts, address_changes, recoveries
from idp.subjects.accounts import Account
from idp.subjects.recoveries import Kind, Recovery
from idp.web import owner
from idp.web.kit import Visit


def set_password(
    visit: Visit, row: Recovery, stored: str, *, knows_paper: bool, kept_change: str = ""
) -> bool:
    """Use the request up and change the password, in one transaction; False, and nothing changed, when it is over.

    Sessions, devices, refresh tokens, other links and codes end by the epoch; no session is opened, no trust given.
    `knows_paper`: the access code or the code of a letter was given, which an alarm asks for. `kept_change`: the
    new address that the reader of a letter recognised as theirs.
    """
    account = accounts.hold(visit.session, row.account_id or "")
    if account is None or account.epoch != row.epoch:
        return False
    by_letter = row.kind == Kind.LETTER
    if not by_letter and lifting.needs_letter(account):
        return False
    if not knows_paper and lifting.needs_access_code(visit.session, account, now=visit.now):
        return False
    if not recoveries.spend(visit.session, row, now=visit.now):
        return False
    if by_letter:
        _change_by_letter(visit, row, account, stored, kept_change=kept_change)
    else:
        alarms.lift(account)
        credentials.change_password(visit.session, account, stored, now=visit.now)
    visit.drop_cookie(PROOF)
    visit.audit("password.reset", account.id, way=row.kind)
    owner.warn(
        visit,
        account,
        MailKind.PASSWORD_CHANGED,
        cause=f"recovery:{row.id}:changed",
        context={"sign_in_url": f"{visit.kit.settings.issuer}/connexion?espace={visit.space.name}"},
    )
    return True


def _change_by_letter(
    visit: Visit, row: Recovery, account: Account, stored: str, *, kept_change: str
) -> None:
    """A letter's code proves most: it lifts what stands in the way, and is the second proof of a new address.

    Only of the one that its reader recognised: a thief with the paper alone may have asked for another.
    """
    lifting.lift_all(visit.session, account, now=visit.now)
    change = address_changes.pending_of(visit.session, account, now=visit.now)
    credentials.change_password(visit.session, account, stored, now=visit.now)
    if change is None:
        return
    row.change_id = change.id
    if change.id != kept_change:
        change.refused_at = visit.now
        visit.audit("address.refused", account.id, way=row.kind)
        return
    # All that stood on the former credentials is void, but for this change: the letter has just proved it.
    change.epoch = account.epoch
    change.proved_at = visit.now
    visit.session.flush()
    if change.verified_at is None:
        address.ask_again(visit, account, change, interaction_id=row.interaction_id)
    elif change.is_due(account, visit.now):
        changes.take_effect(visit.session, account, change, tools=tools_of(visit), now=visit.now)

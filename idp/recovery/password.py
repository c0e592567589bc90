"""« Mot de passe oublié »: one request, its mails and its code, the same for whoever asks about whomever."""

from collections.abc import Sequence

from idp.authenticators import password
from idp.core import secrets
from idp.core.db import new_id
from idp.core.mail_templates import Kind as MailKind
from idp.login import own_browser
from idp.recovery.parts import COOKIE, LONGEST_TOKEN, issue_pair, may_send_again, spend_of_day
from idp.subjects import accounts, emails, members, one_time, recoveries
from idp.subjects.accounts import Account
from idp.subjects.one_time import Purpose, Refusal, Spent
from idp.subjects.recoveries import Kind, Recovery
from idp.web import owner
from idp.web.kit import Visit

PROOF = "recovery_proof"
# A row of the outbox that nobody receives: it has expired when it is written.
NOBODY = "personne@example.invalid"
NO_LIMIT = 1_000_000


def ask(visit: Visit, identifier: str, *, handle: str) -> None:
    """Begin a request for each account that the identifier means, or for nobody; a mail for each."""
    found = _meant(visit, identifier)
    browser = own_browser.own_from_now_on(visit, COOKIE)
    request_id = new_id()
    for account in found or (None,):
        row = recoveries.begin(
            visit.session,
            account,
            kind=Kind.PASSWORD,
            request_id=request_id,
            browser=browser,
            typed=identifier,
            interaction_id=handle or None,
            space=visit.space.name,
            locale=visit.locale,
            now=visit.now,
            lifetime=visit.kit.settings.recovery.lifetime,
        )
        _send(visit, row, account)
        visit.audit("recovery.asked", row.account_id)


def _meant(visit: Visit, identifier: str) -> list[Account]:
    """The accounts of an address or a number. An enrolment that waits for its mail is none yet."""
    return password.find_accounts(visit.session, identifier, populations=visit.space.populations)


def send_again(visit: Visit, request_id: str) -> None:
    """Send the mails of a request again, when its wait is over and their number is left."""
    for row in recoveries.lock_request(visit.session, request_id):
        if may_send_again(visit, row):
            _send(visit, row, accounts.by_id(visit.session, row.account_id or ""))


def _send(visit: Visit, row: Recovery, account: Account | None) -> None:
    """A link, a code and a mail, made for everybody, so that all cost the same.

    Who is not to get a mail has one that expired at once; a request whose first mail did not leave opens nothing,
    so that whoever guesses codes gets no more of them than mails.
    """
    is_sent = _may_mail(visit, row, account) and row.epoch != recoveries.VOID
    if account is not None and account.is_disowned:
        # Whoever reads that mailbox gets nothing that opens.
        is_sent = False
    token, code = issue_pair(visit, row, link_for=Purpose.PASSWORD_LINK, code_for=Purpose.PASSWORD_CODE)
    if not is_sent and row.mails == 0:
        row.epoch = recoveries.VOID
    row.mails += 1
    row.mailed_at = visit.now
    row.outbox_id = _mail(visit, row, account, token=token, code=code, is_sent=is_sent)


def _mail(
    visit: Visit, row: Recovery, account: Account | None, *, token: str, code: str, is_sent: bool
) -> int | None:
    issuer = visit.kit.settings.issuer
    cause = f"recovery:{row.id}:mail:{row.mails}"
    expires_at = row.expires_at if is_sent else visit.now
    if account is None:
        address = emails.parse(row.typed)
        # As the name of an owner costs, whom their mail greets.
        members.by_id(visit.session, "")
        return visit.mail(
            MailKind.NO_ACCOUNT,
            address or NOBODY,
            cause=cause,
            expires_at=expires_at if address else visit.now,
            context=stranger_context(visit),
        )
    return owner.warn(
        visit,
        account,
        MailKind.PASSWORD_ASKED,
        cause=cause,
        expires_at=expires_at,
        context={
            "link": f"{issuer}/mot-de-passe/nouveau/{token}",
            "code": code,
            "minutes": str(round((row.expires_at - visit.now).total_seconds() / 60)),
        },
    )


def stranger_context(visit: Visit) -> dict[str, str]:
    """What the mail says to whom no account belongs: how to sign in otherwise, or to enrol."""
    issuer, space = visit.kit.settings.issuer, visit.space
    links = {"sign_in_url": f"{issuer}/connexion?espace={space.name}"}
    return links | ({"enrol_url": f"{issuer}/inscription?espace={space.name}"} if space.enrolment else {})


def _may_mail(visit: Visit, row: Recovery, account: Account | None) -> bool:
    """Count a mail for whom it is about and for where it is asked from; strangers' mailboxes are spared most."""
    rules = visit.kit.settings.recovery
    if account is not None:
        who, most, from_here = f"account:{account.id}", rules.mails_per_day, NO_LIMIT
    else:
        who = "unknown:" + visit.kit.vault.mac("unknown-identifier", emails.fold(row.typed))
        most, from_here = rules.mails_to_strangers_per_day, rules.strangers_per_network
    is_within = spend_of_day(visit, f"recovery-mails:{who}", limit=most)
    is_first = spend_of_day(visit, f"recovery-mails:{who}:{visit.network}", limit=1)
    if account is not None and is_first and not is_within:
        # Strangers used the day up: the owner, who comes from elsewhere, still has their mail.
        is_within = spend_of_day(visit, f"recovery-mails-beyond:{who}", limit=most)
    kind = "owners" if account is not None else "strangers"
    return spend_of_day(visit, f"recovery-mails-to-{kind}:{visit.network}", limit=from_here) and is_within


def tries_left(visit: Visit, rows: Sequence[Recovery]) -> int:
    """How many codes this request may still try."""
    left = one_time.tries_left(
        visit.session,
        purpose=Purpose.PASSWORD_CODE,
        budget=rows[0].request_id,
        tries=visit.kit.settings.recovery.code_tries * len(rows),
        now=visit.now,
    )
    return left // len(rows)


def redeem_code(visit: Visit, rows: Sequence[Recovery], entry: str) -> Recovery | Refusal:
    """Count the try, compare it with the codes of the request, and bind the account it opens to this browser."""
    refusal = Refusal.EXPIRED
    for row in rows:
        outcome = one_time.spend_code(
            visit.session,
            vault=visit.kit.vault,
            purpose=Purpose.PASSWORD_CODE,
            binding=row.id,
            entry=entry,
            # Each try is compared, and so counted, once for each account of the request.
            tries=visit.kit.settings.recovery.code_tries * len(rows),
            budget=row.request_id,
            budget_ends_at=row.expires_at,
            now=visit.now,
        )
        match outcome:
            case Spent():
                if account_of(visit, row) is None:
                    return Refusal.EXPIRED
                prove(visit, row)
                visit.audit("recovery.proved", row.account_id)
                return row
            case Refusal() as refused:
                refusal = refused
    visit.audit("recovery.code_refused", rows[0].account_id)
    return refusal


def is_done(rows: Sequence[Recovery]) -> bool:
    """Whether a new password was chosen already."""
    return any(row.spent_at is not None for row in rows)


def of_browser(visit: Visit) -> Sequence[Recovery]:
    """The request that this browser made last: a row for each account that it means."""
    browsers = own_browser.fingerprints(visit, COOKIE)
    return recoveries.of_browser(visit.session, browsers, kind=Kind.PASSWORD)


def prove(visit: Visit, row: Recovery) -> None:
    """From now on a new password may be chosen, in this browser only: it is given a fresh secret."""
    secret = secrets.token()
    row.proof_hash = secrets.fingerprint(secret)
    visit.set_cookie(PROOF, secret)


def proved(visit: Visit) -> Recovery | None:
    """What was proved in this browser."""
    secret = visit.cookie(PROOF)
    return recoveries.by_proof(visit.session, secrets.fingerprint(secret)) if secret else None


def of_link(visit: Visit, token: str) -> Recovery | None:
    """The request of a link, live or over: looking changes nothing."""
    if len(token) > LONGEST_TOKEN:
        return None
    found = one_time.find_link(
        visit.session, vault=visit.kit.vault, purpose=Purpose.PASSWORD_LINK, token=token
    )
    return recoveries.by_id(visit.session, found) if found is not None else None


def account_of(visit: Visit, row: Recovery) -> Account | None:
    """The account that a request opens, while it is as it was then; None when the request is over."""
    if not row.is_open(visit.now):
        return None
    account = accounts.by_id(visit.session, row.account_id or "")
    if account is None or account.epoch != row.epoch:
        return None
    # A mail opens nothing of an account whose mailbox is not its owner's; a letter does.
    return account if row.kind == Kind.LETTER or not account.is_disowned else None

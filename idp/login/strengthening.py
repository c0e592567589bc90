"""Setting up an app or a passkey, for the sign-in and for « Mon compte »: what is shown, kept, and told the owner."""

from dataclasses import dataclass

import segno
from flask import Response
from markupsafe import Markup

from idp.authenticators import authenticator_app, passkey, recovery_codes
from idp.authenticators.authenticator_app import AuthenticatorApp
from idp.authenticators.passkey import Refusal, Verified
from idp.core.errors import Problem
from idp.core.words import N_
from idp.login import passkeys
from idp.subjects.accounts import Account
from idp.web import browser, owner
from idp.web.kit import Visit

GROUP = 4
WRONG = N_(
    "Ce code n’est pas le bon. Vérifiez-le dans l’application, et vérifiez que l’heure de votre téléphone est juste."
)
TOO_MANY_TRIES = N_("Trop de codes ont été essayés. Scannez le nouveau QR code, puis entrez son code.")
EVENTS = {
    ("app", "authenticator-added"): "app.added",
    ("app", "authenticator-removed"): "app.removed",
    ("codes", "authenticator-added"): "recovery_codes.made",
    ("passkey", "authenticator-added"): "passkey.added",
    ("passkey", "authenticator-removed"): "passkey.removed",
}
"""What the account's history calls each of these mails."""
TOO_MANY_KEYS = N_("Vous avez déjà 10 clés d’accès : retirez-en une d’abord.")


@dataclass(frozen=True, slots=True)
class Shown:
    """What a page shows of an app that is being set up."""

    picture: Markup
    address: str
    """The same as a link, for who reads the page on the telephone that has the app."""
    secret: list[str]
    """The secret in groups, for those who type it."""


def shown(visit: Visit, account: Account, app: AuthenticatorApp) -> Shown:
    """The QR code and the secret of an app, named as its member knows the mutual and the account."""
    vault = visit.kit.vault
    mutual = visit.kit.spaces.default.title.partition(" – ")[0]
    address = authenticator_app.address_of(app, vault=vault, service=mutual, member=account.email)
    code = segno.make(address, error="l", micro=False)
    drawing = code.svg_inline(omitsize=True, svgclass=None, lineclass=None, light="#fff")
    # Ours alone: the library's paths, of a text that it only draws. Its label is beside it.
    picture = Markup(drawing.replace("<svg ", '<svg width="220" height="220" aria-hidden="true" ', 1))  # noqa: S704
    secret = authenticator_app.secret_of(app, vault=vault)
    groups = [secret[start : start + GROUP] for start in range(0, len(secret), GROUP)]
    return Shown(picture, address, groups)


def confirm_app(visit: Visit, account: Account, app: AuthenticatorApp, digits: str) -> str | None:
    """Take the first code of an app; None when it counts from now on, else the sentence for the member."""
    outcome = authenticator_app.confirm(visit.session, app, digits, vault=visit.kit.vault, now=visit.now)
    match outcome:
        case authenticator_app.Verified():
            tell(visit, account, "authenticator-added", "app", row=app.id)
            return None
        case authenticator_app.Refusal.EXHAUSTED:
            authenticator_app.begin(
                visit.session, account, vault=visit.kit.vault, holder=app.holder, now=visit.now
            )
            return TOO_MANY_TRIES
        case authenticator_app.Refusal():
            visit.audit("app.setup_wrong", account.id)
            return WRONG


def new_codes(visit: Visit, account: Account) -> list[str]:
    """Ten new recovery codes, to be shown on this answer and never again; the owner is told."""
    tell(visit, account, "authenticator-added", "codes", row=visit.now.isoformat())
    return first_codes(visit, account)


def first_codes(visit: Visit, account: Account) -> list[str]:
    """The codes that come with an app, of which the owner is told anyway."""
    return recovery_codes.make(visit.session, account, vault=visit.kit.vault, now=visit.now)


def registration_options(visit: Visit, account: Account) -> Response:
    """What the browser needs to make a passkey of this account, as JSON."""
    document = passkey.registration_options(
        visit.session,
        account,
        party=passkeys.party_or_fail(visit),
        browser=visit.browser,
        member=account.email,
        now=visit.now,
    )
    return passkeys.as_json(document)


def register_passkey(visit: Visit, account: Account) -> Verified | Refusal:
    """Keep the passkey that the form brings, under the name typed or else the browser's."""
    name = passkey.tidy_name(visit.request.form.get("name", "")) or name_of_browser(visit)
    outcome = passkey.register(
        visit.session,
        account,
        visit.request.form.get("credential", ""),
        party=passkeys.party_or_fail(visit),
        browser=visit.browser,
        name=name,
        now=visit.now,
    )
    if isinstance(outcome, Verified):
        tell(visit, account, "authenticator-added", "passkey", row=outcome.passkey_id)
    else:
        visit.audit("passkey.not_added", account.id, reason=outcome.value)
    return outcome


def name_of_browser(visit: Visit) -> str:
    """The name that a passkey has until its member gives it another."""
    return browser.name_in(visit.locale, visit.device_name)


def tell(visit: Visit, account: Account, kind: str, what: str, *, row: str) -> None:
    """Write down and tell the owner that an app, a passkey or codes were added or removed."""
    visit.audit(EVENTS[what, kind], account.id)
    owner.warn(visit, account, kind, cause=f"{what}:{row}:{kind}", context={"authenticator": what})


def must_be_mine(app: AuthenticatorApp | None) -> AuthenticatorApp:
    """The app that this session or sign-in sets up. Raises Problem when another one was set up meanwhile."""
    if app is None:
        raise Problem("P-6403", detail="no app is being set up here")
    return app

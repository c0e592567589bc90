"""« Mon adresse email »: a new one, and the page that waits for the mail sent to it."""

from dataclasses import dataclass
from datetime import timedelta

from flask import Response

from idp.account import address_rules
from idp.account.address_rules import CODE_DIGITS, LONGEST_TOKEN, MAILS, TRIES, Changed, NotChanged
from idp.account.desk import Desk, Owner, owner_of
from idp.account.forms import AddressCodeForm, AddressForm
from idp.core import outbox
from idp.core.words import N_
from idp.subjects import address_changes, emails
from idp.subjects.address_changes import AddressChange
from idp.subjects.one_time import Refusal
from idp.web.kit import Visit

PATH = "/compte/adresse"
WAITING = "/compte/adresse/validation"
RESEND = "/compte/adresse/renvoyer"
GIVE_UP = "/compte/adresse/annuler"
DONE = "/compte?fait=adresse"
# A link that was opened before signing in: the way back to it, kept in this browser only.
LINK = "address_link"
LINK_KEPT_FOR = timedelta(minutes=30)
REFRESH = timedelta(seconds=15)
SAME = N_("C’est déjà l’adresse de votre compte.")
TOO_MANY = N_("Vous avez demandé plusieurs changements d’adresse aujourd’hui. Recommencez demain.")
SENTENCES = {
    Refusal.WRONG: N_("Ce code n’est pas le bon. Vérifiez-le dans le dernier email reçu."),
    Refusal.EXPIRED: N_("Ce code n’est plus valable. Demandez-en un autre."),
    Refusal.EXHAUSTED: N_("Trop de codes ont été essayés. Recommencez le changement d’adresse."),
    NotChanged.OVER: N_("Ce changement n’est plus possible. Recommencez depuis « Mon adresse email »."),
    NotChanged.TAKEN: N_("Cette adresse ne peut pas être utilisée. Choisissez-en une autre."),
}


@dataclass(frozen=True, slots=True)
class Address:
    """The pages of a change of address."""

    desk: Desk

    def page(self, visit: Visit, owner: Owner) -> Response:
        """The form for the new address, or what was sent."""
        form = AddressForm(visit.request.form)
        if visit.request.method == "POST" and form.validate():
            return _begin(visit, owner, form)
        return _page(visit, owner, form)

    def waiting(self, visit: Visit, owner: Owner) -> Response:
        """The page that follows the mail, with the field for its code."""
        link = visit.cookie(LINK)
        if link is not None:
            visit.drop_cookie(LINK)
            if _is_token(link):
                return visit.see_other(f"{PATH}/{link}")
        change = address_changes.begun_in_account(visit.session, owner.account, now=visit.now)
        if change is None:
            return visit.see_other(PATH)
        form = AddressCodeForm(visit.request.form)
        if visit.request.method == "POST" and form.validate():
            return _redeem(visit, owner, change, form)
        return _waiting_page(visit, owner, change, form)

    def resend(self, visit: Visit, owner: Owner) -> Response:
        """The mail once more."""
        change = address_changes.begun_in_account(visit.session, owner.account, now=visit.now)
        if change is not None:
            address_rules.send_again(visit, owner, change.id)
        return visit.see_other(WAITING)

    def give_up(self, visit: Visit, owner: Owner) -> Response:
        """The change is no longer wanted."""
        change = address_changes.begun_in_account(visit.session, owner.account, now=visit.now)
        if change is not None:
            address_rules.give_up(visit, change)
        return visit.see_other("/compte")

    def link(self, visit: Visit, token: str) -> Response:
        """The link of the mail: one button where its owner is signed in; anywhere else they sign in first."""
        owner = owner_of(visit)
        if owner is None:
            if _is_token(token):
                visit.set_cookie(LINK, token, max_age=LINK_KEPT_FOR)
            return self.desk.sign_in_first(visit, WAITING)
        change = address_rules.of_link(visit, owner, token)
        if change is None:
            return visit.page("compte_adresse_lien.html", mode="over", sentence="")
        if visit.request.method != "POST":
            return visit.page("compte_adresse_lien.html", mode="ready", address=change.email)
        match address_rules.take_effect(visit, owner, change.id):
            case Changed():
                return visit.see_other(DONE)
            case NotChanged() as why:
                sentence = visit.say(SENTENCES[why])
                return visit.page("compte_adresse_lien.html", mode="over", sentence=sentence)


def _page(visit: Visit, owner: Owner, form: AddressForm) -> Response:
    pending = address_changes.begun_in_account(visit.session, owner.account, now=visit.now)
    return visit.page(
        "compte_adresse.html",
        form=form,
        address=owner.account.email,
        pending=pending.email if pending is not None else None,
        waiting_url=WAITING,
    )


def _begin(visit: Visit, owner: Owner, form: AddressForm) -> Response:
    if emails.fold(form.address) == owner.account.email_folded:
        form.email.errors = [SAME]
        return _page(visit, owner, form)
    if address_rules.begin(visit, owner, form.address) is None:
        form.email.errors = [TOO_MANY]
        return _page(visit, owner, form)
    return visit.see_other(WAITING)


def _redeem(visit: Visit, owner: Owner, change: AddressChange, form: AddressCodeForm) -> Response:
    match address_rules.redeem_code(visit, owner, change, form.digits):
        case Changed():
            return visit.see_other(DONE)
        case Refusal() | NotChanged() as why:
            form.code.errors = [SENTENCES[why]]
            return _waiting_page(visit, owner, change, form)


def _waiting_page(visit: Visit, owner: Owner, change: AddressChange, form: AddressCodeForm) -> Response:
    tries = address_rules.tries_left(visit, change)
    return visit.page(
        "compte_adresse_validation.html",
        form=form,
        digits=CODE_DIGITS,
        address=change.email,
        former_address=owner.account.email,
        delivery=outbox.status(visit.session, change.outbox_id) if change.outbox_id else "queued",
        tries_left=tries if tries < TRIES else None,
        resend_url=RESEND,
        resend_wait=address_rules.resend_wait(visit, change).total_seconds(),
        resends_left=MAILS - change.mails,
        give_up_url=GIVE_UP,
        refresh=round(REFRESH.total_seconds()) if visit.request.method == "GET" else None,
    )


def _is_token(text: str) -> bool:
    return (
        0 < len(text) <= LONGEST_TOKEN and text.isascii() and text.replace("-", "").replace("_", "").isalnum()
    )

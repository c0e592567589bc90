"""« Ce n'était pas moi »: the pages of a security mail's link, and the same page in « Mon compte ».

Looking changes nothing. The button acts only with the member number, typed: mail scanners press buttons.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import Blueprint, Response
from wtforms import Form, StringField
from wtforms.validators import DataRequired, Length

from idp.core import audit, secrets, throttles
from idp.core.errors import Problem
from idp.core.mail_templates import Kind
from idp.core.throttles import Schedule
from idp.core.words import N_
from idp.login.pairs import TOO_SOON
from idp.login.service import SESSION, Login, default_demand, own_session
from idp.sessions import alarms
from idp.sessions.alarms import Raised
from idp.subjects import accounts, address_changes, letters, members, notices
from idp.subjects.accounts import Account
from idp.subjects.address_changes import Origin
from idp.subjects.notices import Notice
from idp.web import browser, owner, words
from idp.web.kit import Kit, Visit

TRIES = 5
TRIES_KEPT = notices.GOOD_FOR
# Wrong numbers from one network, over all links: whoever holds many links still guesses slowly.
FROM_ONE_NETWORK = Schedule(free=10, first=timedelta(seconds=5), longest=timedelta(minutes=30))
OWN_PATH = "/compte/alerte"
WRONG = N_(
    "Ce n’est pas le numéro d’adhérent de ce compte. Vérifiez-le sur votre carte ou sur vos courriers."
)
HAPPENED: dict[str, str] = {
    Kind.NEW_SIGN_IN: N_("Une connexion à votre compte, depuis un appareil que nous ne connaissions pas."),
    Kind.TRUSTED_DEVICE_ADDED: N_("Un appareil est devenu un appareil de confiance de votre compte."),
    Kind.DEVICE_THEFT: N_("Un appareil de confiance a peut-être été copié par une autre personne."),
    Kind.SECOND_STEP_FROZEN: N_("Beaucoup de codes faux ont été entrés pour votre compte."),
    Kind.PASSWORD_CHANGED: N_("Le mot de passe de votre compte a été changé."),
    Kind.ADDRESS_OLD: N_("Une autre adresse email a été donnée pour votre compte."),
    Kind.OWNER_TOLD_ENROLMENT: N_(
        "Quelqu’un a demandé la création d’un compte avec votre numéro d’adhérent."
    ),
    Kind.ACCOUNT_ACTIVATED: N_("Un compte en ligne a été ouvert avec votre numéro d’adhérent."),
    Kind.ACCOUNT_CLOSED: N_("Votre compte a été fermé."),
    "account-closing": N_("La fermeture de votre compte a été demandée."),
    "address-changed": N_("L’adresse email de votre compte a été changée."),
    "authenticator-added": N_("Une autre façon de vous connecter a été ajoutée à votre compte."),
    "authenticator-removed": N_("Une façon de vous connecter a été retirée de votre compte."),
    "passkey-copied": N_("Une clé d’accès a peut-être été copiée par une autre personne."),
    "recovery-code-used": N_("Un code de secours de votre compte a été utilisé."),
}
"""What each mail told, in one sentence; a kind without one is told in general words."""
SOMETHING = N_("Un changement a été fait dans votre compte.")


class NumberForm(Form):
    """The member number, which is in no mail."""

    member_number = StringField(
        N_("Numéro d'adhérent"),
        [
            DataRequired(N_("Écrivez votre numéro d’adhérent : il est sur vos courriers.")),
            Length(max=64, message=N_("Cette réponse est trop longue : vérifiez-la.")),
        ],
    )


@dataclass(frozen=True, slots=True)
class Event:
    """What the page is about: the account, what happened, and what its tries are counted for."""

    account: Account
    budget: str
    sentence: str
    at: datetime | None = None
    browser_name: str = ""
    notice: Notice | None = None
    leaves_open: bool = False
    """Whether it came from outside, so that refusing it is enough and the account need not be shut."""
    is_code_known: bool = False
    """Whether a stranger had the member's access code."""


def blueprint(kit: Kit, login: Login) -> Blueprint:
    """`/ce-n-est-pas-moi/<token>` and `/compte/alerte`."""
    own = _Own(login)
    pages = Blueprint("alarm", __name__)
    kit.add_page(pages, f"{notices.PATH}<token>", _look, post=False)
    kit.add_page(pages, f"{notices.PATH}<token>", _act, post=True)
    kit.add_page(pages, OWN_PATH, own.look, post=False)
    kit.add_page(pages, OWN_PATH, own.act, post=True)
    kit.limit_pages(pages)
    return pages


def _look(visit: Visit, token: str) -> Response:
    """GET never changes anything: mail scanners open every link."""
    event = _of_link(visit, token)
    return _over(visit) if event is None else _page(visit, event, NumberForm())


def _act(visit: Visit, token: str) -> Response:
    event = _of_link(visit, token)
    if event is None:
        return _over(visit)
    form = NumberForm(visit.request.form)
    if (_mode(visit, event) == "done" and not event.is_code_known) or not _number_passes(visit, event, form):
        return _page(visit, event, form)
    notice = event.notice
    if notice is not None and event.leaves_open and notice.reported_at is None:
        notice.reported_at = visit.now
        alarms.refuse(
            visit.session, event.account, vault=visit.kit.vault, space=visit.space.name, now=visit.now
        )
        visit.audit("alarm.refused", event.account.id, kind=notice.kind)
    else:
        _raise(visit, event, by=notice.kind if notice is not None else "account")
    return visit.see_other(visit.request.path)


class _Own:
    """The same page in the signed-in browser, from a line of the security history."""

    def __init__(self, login: Login) -> None:
        self._login = login

    def look(self, visit: Visit) -> Response:
        event = _of_session(visit)
        return self._sign_in(visit) if event is None else _page(visit, event, NumberForm())

    def act(self, visit: Visit) -> Response:
        event = _of_session(visit)
        if event is None:
            return self._sign_in(visit)
        form = NumberForm(visit.request.form)
        if not _number_passes(visit, event, form):
            return _page(visit, event, form)
        _raise(visit, event, by="account")
        # This session has just ended with all the others.
        visit.drop_cookie(SESSION)
        return _page(visit, event, form)

    def _sign_in(self, visit: Visit) -> Response:
        return self._login.begin(visit, default_demand(visit.space, back=OWN_PATH))


def _of_link(visit: Visit, token: str) -> Event | None:
    """What a link is about; None when it is over. Raises Problem for a link that we did not make."""
    notice = notices.of_link(visit.session, token, vault=visit.kit.vault)
    if notice is None:
        raise Problem("P-6301")
    visit.space = visit.kit.spaces.get(notice.space) or visit.space
    visit.prefer(notice.locale)
    account = accounts.by_id(visit.session, notice.account_id)
    if account is None or notice.is_over(visit.now):
        return None
    change = address_changes.by_id(visit.session, notice.change_id) if notice.change_id else None
    is_lost_address = change is not None and change.origin == Origin.LOST and change.done_at is None
    return Event(
        account=account,
        budget=f"not-me:{notice.id}",
        sentence=HAPPENED.get(notice.kind, SOMETHING),
        at=notice.created_at,
        browser_name=notice.browser_name,
        notice=notice,
        leaves_open=is_lost_address or notice.kind == Kind.OWNER_TOLD_ENROLMENT,
        is_code_known=notice.kind == Kind.ACCOUNT_ACTIVATED,
    )


def _of_session(visit: Visit) -> Event | None:
    """What a line of the history is about, in the browser that is signed in; None when nobody is."""
    live = own_session(visit)
    account = accounts.by_id(visit.session, live.account_id) if live is not None else None
    if live is None or account is None:
        return None
    line = visit.request.args.get("evenement", "")
    at = audit.instant_of(visit.session, line, account_id=account.id)
    return Event(account=account, budget=f"not-me:{live.id}", sentence=SOMETHING, at=at)


def _number_passes(visit: Visit, event: Event, form: NumberForm) -> bool:
    """Count the try, then compare the number with that of the account's own member."""
    if not form.validate():
        return False
    ends_at = visit.now + TRIES_KEPT
    network = f"not-me:{visit.network}"
    wait = throttles.attempt(visit.session, network, schedule=FROM_ONE_NETWORK, now=visit.now)
    if wait is not None:
        text = words.duration(wait.total_seconds() + 1, visit.locale)
        form.member_number.errors = [visit.say(TOO_SOON, wait=text)]
        return False
    if not throttles.spend_until(visit.session, event.budget, limit=TRIES, ends_at=ends_at):
        return False
    member = members.by_id(visit.session, event.account.member_id)
    typed = members.fold_member_number(form.member_number.data or "")
    if member is None or not secrets.same(typed, member.member_number):
        visit.audit("alarm.wrong_number", event.account.id)
        form.member_number.errors = [WRONG]
        return False
    # Only wrong numbers count.
    throttles.restore(visit.session, event.budget)
    throttles.give_back(visit.session, network)
    return True


def _raise(visit: Visit, event: Event, *, by: str) -> None:
    account = event.account
    raised = alarms.raise_alarm(
        visit.session,
        account,
        vault=visit.kit.vault,
        space=visit.space.name,
        now=visit.now,
        # What came from outside came with number and access code, also when it was refused before.
        is_code_known=event.is_code_known or event.leaves_open,
        mates=_mates(visit, account),
    )
    if raised is None:
        # Another window was first: what it did is done.
        return
    visit.audit(
        "alarm.raised", account.id, by=by, letter=raised.has_letter, address_restored=raised.is_restored
    )
    _tell(visit, account, raised)


def _mates(visit: Visit, account: Account) -> frozenset[str]:
    member = members.by_id(visit.session, account.member_id)
    return frozenset() if member is None else visit.kit.spaces.mates(member.population)


def _tell(visit: Visit, account: Account, raised: Raised) -> None:
    """To each address that the account had: neither the owner's nor a thief's learns more than the page says."""
    path = "/mot-de-passe-oublie" if alarms.accepts_access_code(account) else "/adresse-perdue/lettre"
    for number, address in enumerate(raised.addresses, start=1):
        owner.warn(
            visit,
            account,
            Kind.ACCOUNT_BLOCKED,
            cause=f"alarm:{account.id}:{account.epoch}:{number}",
            context={"recover_url": f"{visit.kit.settings.issuer}{path}"},
            recipient=None if address == account.email else address,
        )


def _mode(visit: Visit, event: Event) -> str:
    # Whoever opened the account with the member's own papers may have pressed their own link first.
    is_stronger = event.is_code_known and alarms.accepts_access_code(event.account)
    if alarms.stands(event.account) and not is_stronger:
        return "done"
    if throttles.used(visit.session, event.budget, now=visit.now) >= TRIES:
        return "exhausted"
    is_refused = event.leaves_open and event.notice is not None and event.notice.reported_at is not None
    return "refused" if is_refused else "ask"


def _page(visit: Visit, event: Event, form: NumberForm) -> Response:
    account = event.account
    wrong = throttles.used(visit.session, event.budget, now=visit.now)
    return visit.page(
        "pas_moi.html",
        mode=_mode(visit, event),
        form=form,
        tries_left=TRIES - wrong if wrong else None,
        number="P-6303",
        sentence=visit.say(event.sentence),
        at=event.at,
        device=browser.name_in(visit.locale, event.browser_name) if event.browser_name else "",
        leaves_open=event.leaves_open,
        is_restored=_was_restored(visit, account),
        has_letter=letters.is_waiting(visit.session, letters.recovery_subject(account), now=visit.now),
        accepts_access_code=alarms.accepts_access_code(account),
        sign_in_url=f"/connexion?espace={visit.space.name}",
        home_url="/compte" if event.notice is None else "",
    )


def _was_restored(visit: Visit, account: Account) -> bool:
    at = account.alarm_at
    return at is not None and address_changes.was_undone(visit.session, account.id, since=at)


def _over(visit: Visit) -> Response:
    return visit.page("pas_moi.html", status=410, mode="over", number="P-6302")

"""« Mon compte », « Sécurité »: the passkeys, the authenticator app and the recovery codes of a member."""

from flask import Blueprint, Response
from wtforms import Form, StringField
from wtforms.validators import DataRequired, Length

from idp.account.desk import Desk, Owner, renew_session
from idp.authenticators import authenticator_app, passkey, recovery_codes, strong
from idp.authenticators.passkey import LONGEST_NAME, Passkey, Refusal, Verified
from idp.core.errors import Problem
from idp.core.words import N_
from idp.login import passkeys, strengthening
from idp.login.forms import AppForm
from idp.login.passkeys import Offer
from idp.login.service import Login
from idp.sessions import credentials
from idp.subjects.accounts import Account
from idp.web.kit import Visit

PATH = "/compte/securite"
APP = f"{PATH}/application"
CODES = f"{PATH}/codes"
KEY = f"{PATH}/cle"
NEW_KEY = f"{KEY}/nouvelle"


class NameForm(Form):
    """What a member calls a passkey."""

    name = StringField(
        N_("Nom de la clé"),
        [
            DataRequired(N_("Donnez un nom à cette clé.")),
            Length(max=LONGEST_NAME, message=N_("Ce nom est trop long : 60 caractères au plus.")),
        ],
    )


def blueprint(desk: Desk) -> Blueprint:
    """`/compte/securite` and below."""
    kit, views = desk.kit, _Views(desk.login)
    pages = Blueprint("security", __name__)
    kit.add_page(pages, PATH, desk.open_to_owner(views.overview, back=PATH), post=False)
    for rule, view, back in (
        (APP, views.app, APP),
        (CODES, views.codes, CODES),
        (NEW_KEY, views.new_key, NEW_KEY),
        (f"{KEY}/<key_id>", views.key, PATH),
    ):
        kit.add_page(pages, rule, desk.sensitive(view, back=back, returns=True))
    for rule, view, back in (
        (f"{APP}/commencer", views.begin_app, APP),
        (f"{APP}/retirer", views.remove_app, APP),
        (f"{NEW_KEY}/options", views.key_options, NEW_KEY),
        (f"{KEY}/<key_id>/retirer", views.remove_key, PATH),
    ):
        kit.add_page(pages, rule, desk.sensitive(view, back=back, returns=True), post=True)
    kit.limit_pages(pages)
    return pages


class _Views:
    def __init__(self, login: Login) -> None:
        self._must_be_strong = login.tools.must_be_strong

    def overview(self, visit: Visit, owner: Owner) -> Response:
        """What the account has; each change is on a page of its own, after a second step."""
        account = owner.account
        keys = passkey.of(visit.session, account.id)
        return visit.page(
            "securite.html",
            keys=[(row.name, _used(row), f"{KEY}/{row.id}") for row in keys],
            new_key_url=NEW_KEY if len(keys) < passkey.MOST else None,
            can_have_keys=passkeys.party_of(visit) is not None,
            has_app=authenticator_app.of(visit.session, account.id) is not None,
            codes_left=recovery_codes.left(visit.session, account.id),
            must=self._must_be_strong(visit.session, account),
            app_url=APP,
            codes_url=CODES,
        )

    def app(self, visit: Visit, owner: Owner) -> Response:
        """The app: how to begin, its secret while it is set up, or taking it off."""
        if visit.request.method == "POST":
            return self._confirm_app(visit, owner)
        return self._app_page(visit, owner, AppForm())

    def _app_page(self, visit: Visit, owner: Owner, form: AppForm) -> Response:
        account = owner.account
        pending = authenticator_app.pending(visit.session, account, holder=_holder(owner), now=visit.now)
        has = strong.of(visit.session, account)
        return visit.page(
            "securite_application.html",
            form=form,
            app=strengthening.shown(visit, account, pending) if pending is not None else None,
            has_app=has.app,
            is_last=has.app and not has.passkey,
            must=self._must_be_strong(visit.session, account),
            begin_url=f"{APP}/commencer",
            remove_url=f"{APP}/retirer",
        )

    def begin_app(self, visit: Visit, owner: Owner) -> Response:
        """A new secret, shown on the page of the app."""
        authenticator_app.begin(
            visit.session, owner.account, vault=visit.kit.vault, holder=_holder(owner), now=visit.now
        )
        return visit.see_other(APP)

    def _confirm_app(self, visit: Visit, owner: Owner) -> Response:
        form = AppForm(visit.request.form)
        if not form.validate():
            return self._app_page(visit, owner, form)
        pending = authenticator_app.pending(
            visit.session, owner.account, holder=_holder(owner), now=visit.now
        )
        app = strengthening.must_be_mine(pending)
        problem = strengthening.confirm_app(visit, owner.account, app, form.digits)
        if problem is not None:
            form.code.errors = [problem]
            return self._app_page(visit, owner, form)
        codes = strengthening.first_codes(visit, owner.account)
        return _codes_page(visit, codes, is_new_app=True)

    def remove_app(self, visit: Visit, owner: Owner) -> Response:
        """Take the app off, with its recovery codes: the mailed code stands in its place again."""
        has = strong.of(visit.session, owner.account)
        if not has.app:
            return visit.see_other(PATH)
        self._refuse_last(visit, owner.account, is_last=not has.passkey)
        authenticator_app.remove(visit.session, owner.account.id)
        recovery_codes.remove(visit.session, owner.account.id)
        _end_the_rest(visit, owner, "app", row=visit.now.isoformat())
        return visit.see_other(PATH)

    def codes(self, visit: Visit, owner: Owner) -> Response:
        """How many recovery codes are left; the POST makes ten new ones and shows them once."""
        if authenticator_app.of(visit.session, owner.account.id) is None:
            return visit.see_other(PATH)
        if visit.request.method == "POST":
            return _codes_page(visit, strengthening.new_codes(visit, owner.account))
        left = recovery_codes.left(visit.session, owner.account.id)
        return visit.page("securite_codes.html", codes=(), left=left, is_new_app=False, back_url=PATH)

    def new_key(self, visit: Visit, owner: Owner) -> Response:
        """Where a passkey is made, with its name; the POST carries what the device answered."""
        problem = ""
        if visit.request.method == "POST":
            match strengthening.register_passkey(visit, owner.account):
                case Verified():
                    return visit.see_other(PATH)
                case Refusal.TOO_MANY:
                    problem = visit.say(strengthening.TOO_MANY_KEYS)
                case Refusal():
                    problem = passkeys.refused_words(visit)
        can = passkeys.party_of(visit) is not None
        return visit.page(
            "securite_cle_nouvelle.html",
            passkey=Offer(NEW_KEY, f"{NEW_KEY}/options", problem) if can else None,
            passkey_name=strengthening.name_of_browser(visit),
            back_url=PATH,
        )

    def key_options(self, visit: Visit, owner: Owner) -> Response:
        """The challenge that a new passkey answers."""
        return strengthening.registration_options(visit, owner.account)

    def key(self, visit: Visit, owner: Owner, key_id: str) -> Response:
        """One passkey: its name, and taking it off."""
        row = _key(visit, owner, key_id)
        form = NameForm(
            visit.request.form if visit.request.method == "POST" else None, data={"name": row.name}
        )
        if visit.request.method == "POST" and form.validate():
            passkey.rename(visit.session, owner.account.id, row.id, form.name.data or "")
            visit.audit("passkey.renamed", owner.account.id, passkey=row.id)
            return visit.see_other(PATH)
        has = strong.of(visit.session, owner.account)
        is_last = len(passkey.of(visit.session, owner.account.id)) == 1 and not has.app
        return visit.page(
            "securite_cle.html",
            form=form,
            name=row.name,
            is_last=is_last,
            must=self._must_be_strong(visit.session, owner.account),
            remove_url=f"{KEY}/{row.id}/retirer",
            back_url=PATH,
        )

    def remove_key(self, visit: Visit, owner: Owner, key_id: str) -> Response:
        """Take a passkey off; what it opened ends."""
        row = _key(visit, owner, key_id)
        has = strong.of(visit.session, owner.account)
        is_last = len(passkey.of(visit.session, owner.account.id)) == 1 and not has.app
        self._refuse_last(visit, owner.account, is_last=is_last)
        if passkey.remove(visit.session, owner.account.id, row.id):
            _end_the_rest(visit, owner, "passkey", row=row.id)
        return visit.see_other(PATH)

    def _refuse_last(self, visit: Visit, account: Account, *, is_last: bool) -> None:
        if is_last and self._must_be_strong(visit.session, account):
            raise Problem("P-6404", detail="the last stronger second step of an account that must have one")


def _codes_page(visit: Visit, codes: list[str], *, is_new_app: bool = False) -> Response:
    return visit.page(
        "securite_codes.html", codes=codes, left=len(codes), is_new_app=is_new_app, back_url=PATH
    )


def _end_the_rest(visit: Visit, owner: Owner, what: str, *, row: str) -> None:
    """Whoever takes a means off may have lost it: all that the account gave ends, but this session."""
    strengthening.tell(visit, owner.account, "authenticator-removed", what, row=row)
    credentials.void(visit.session, owner.account, now=visit.now, but=owner.live.id)
    renew_session(visit, owner)


def _key(visit: Visit, owner: Owner, key_id: str) -> Passkey:
    for row in passkey.of(visit.session, owner.account.id):
        if row.id == key_id:
            return row
    raise Problem("P-4004", detail="no such passkey of this account")


def _used(row: Passkey) -> object:
    return row.last_used_at.date() if row.last_used_at is not None else None


def _holder(owner: Owner) -> str:
    return f"session:{owner.live.id}"

"""The page of a new password: by the link of a mail in any browser, by a code in the one that proved it."""

from flask import Blueprint, Response

from idp.authenticators.hash_gate import GateBusy
from idp.authenticators.password_policy import Personal
from idp.core.errors import CATALOGUE, Problem
from idp.login import new_password
from idp.login import origin as origins
from idp.login.new_password import NewPasswordForm
from idp.recovery import by_letter, lifting, password, resetting
from idp.recovery.forms import AlarmForm, LetterPasswordForm
from idp.recovery.parts import (
    DONE,
    LETTER_DONE,
    NEW_PASSWORD,
    START,
    TOO_MANY,
    Recoveries,
    go_on,
    link,
    stand_in,
)
from idp.recovery.resetting import NotSet
from idp.subjects import accounts
from idp.subjects.accounts import Account, Profile
from idp.subjects.recoveries import Kind, Recovery
from idp.web.kit import Visit

BUSY = CATALOGUE["P-5004"]
OVER = CATALOGUE["P-6002"]
SHUT = CATALOGUE["P-6304"]


def blueprint(parts: Recoveries) -> Blueprint:
    """`/mot-de-passe/nouveau`, `/mot-de-passe/nouveau/<token>` and « C'est fait »."""
    views = _Views(parts)
    pages = Blueprint("new_password", __name__)
    add = parts.kit.add_page
    add(pages, f"{NEW_PASSWORD}/<token>", views.by_link)
    add(pages, NEW_PASSWORD, views.by_proof)
    add(pages, DONE, _done, post=False)
    parts.kit.limit_pages(pages)
    return pages


class _Views:
    def __init__(self, parts: Recoveries) -> None:
        self._parts = parts

    def by_link(self, visit: Visit, token: str) -> Response:
        """GET never changes anything; an empty form, as a scanner sends it, neither."""
        row = password.of_link(visit, token)
        if row is None:
            raise Problem("P-6001")
        return self._page_of(visit, row)

    def by_proof(self, visit: Visit) -> Response:
        """The same page where a code was right, in this browser."""
        row = password.proved(visit)
        if row is None:
            mine = password.of_browser(visit)
            if password.is_done(mine):
                # The form was sent twice: the first time was enough.
                stand_in(visit, mine[0])
                return go_on(visit, DONE, mine[0])
            return visit.see_other(link(visit, START, origins.of(visit).handle))
        return self._page_of(visit, row)

    def _page_of(self, visit: Visit, row: Recovery) -> Response:
        stand_in(visit, row)
        account = password.account_of(visit, row)
        profile = accounts.profile(visit.session, account.id) if account is not None else None
        if account is None or profile is None:
            return _over(visit, row)
        if row.kind != Kind.LETTER and lifting.needs_letter(account):
            return _shut(visit, row)
        form = _form_for(visit, row, account)
        if visit.request.method == "POST" and self._is_acceptable(visit, form, profile):
            return self._set(visit, row, form, profile)
        return _form(visit, row, form, profile)

    def _is_acceptable(self, visit: Visit, form: NewPasswordForm, profile: Profile) -> bool:
        is_whole = form.validate()
        # Everything that must be mended is told at once.
        if form.password.data and not new_password.passes(
            visit, form.password, _about(profile, form), self._parts.passwords.blocked
        ):
            return False
        if not is_whole or not isinstance(form, AlarmForm):
            return is_whole
        return self._parts.is_paper_of(visit, profile, form.access_code)

    def _set(self, visit: Visit, row: Recovery, form: NewPasswordForm, profile: Profile) -> Response:
        """One hash with no transaction held; then the request is used up with what it changes, or neither."""
        visit.session.commit()
        try:
            stored = self._parts.passwords.hash(form.password.data or "")
        except GateBusy as busy:
            form.form_errors.append(f"{visit.say(BUSY.member)} ({BUSY.number})")
            return visit.busy(_form(visit, row, form, profile), busy.retry_after)
        knows_paper = row.kind == Kind.LETTER or isinstance(form, AlarmForm)
        answer = form.answer if isinstance(form, LetterPasswordForm) else None
        match resetting.set_password(visit, row, stored, knows_paper=knows_paper, answer=answer):
            case NotSet.TOO_MANY if isinstance(form, LetterPasswordForm):
                form.email.errors = [TOO_MANY]
                return _form(visit, row, form, profile)
            case NotSet():
                return self._page_again(visit, row)
            case None:
                return go_on(visit, LETTER_DONE if row.kind == Kind.LETTER else DONE, row)

    def _page_again(self, visit: Visit, row: Recovery) -> Response:
        """Another request was first, or the account changed while the password was hashed."""
        visit.session.refresh(row)
        account = password.account_of(visit, row)
        profile = accounts.profile(visit.session, account.id) if account is not None else None
        if account is None or profile is None:
            return _over(visit, row)
        if row.kind != Kind.LETTER and lifting.needs_letter(account):
            return _shut(visit, row)
        return _form(visit, row, _form_for(visit, row, account), profile)


def _form_for(visit: Visit, row: Recovery, account: Account) -> NewPasswordForm:
    """The fields that this way back needs: an alarm asks for the paper, a letter which address is the reader's."""
    if row.kind != Kind.LETTER:
        wanted = (
            AlarmForm if lifting.needs_access_code(visit.session, account, now=visit.now) else NewPasswordForm
        )
        return wanted(visit.request.form)
    change = by_letter.pending(visit, account)
    return LetterPasswordForm(visit.request.form).ask(
        present=account.email,
        asked=change.email if change is not None else "",
        shown=by_letter.shown(visit, account, change),
    )


def _form(visit: Visit, row: Recovery, form: NewPasswordForm, profile: Profile) -> Response:
    return visit.page(
        "mot_de_passe_nouveau.html",
        mode=_mode(form),
        form=form,
        hidden=origins.named(visit, row.interaction_id),
        rules=new_password.rules(visit),
        strength=new_password.strength(form.password, _about(profile, form)),
    )


def _mode(form: NewPasswordForm) -> str:
    if isinstance(form, AlarmForm):
        return "alarm"
    return "letter" if isinstance(form, LetterPasswordForm) else "form"


def _over(visit: Visit, row: Recovery) -> Response:
    """Used, too old, or void since the account changed: said kindly, and the same for all."""
    by_letter = row.kind == Kind.LETTER
    return visit.page(
        "mot_de_passe_nouveau.html",
        status=OVER.status,
        mode="over",
        number=OVER.number,
        again_url=link(
            visit, "/adresse-perdue/lettre" if by_letter else "/mot-de-passe-oublie", row.interaction_id
        ),
        sign_in_url=origins.sign_in_url(visit, row.interaction_id or ""),
    )


def _shut(visit: Visit, row: Recovery) -> Response:
    """An alarm stands that only a letter's code ends: no password is set by mail meanwhile."""
    return visit.page(
        "mot_de_passe_nouveau.html",
        mode="shut",
        number=SHUT.number,
        letter_url=link(visit, "/adresse-perdue/lettre", row.interaction_id),
    )


def _about(profile: Profile, form: NewPasswordForm) -> Personal:
    typed = form.access_code.data or "" if isinstance(form, AlarmForm) else ""
    return Personal(
        member_number=profile.member_number,
        access_code=typed,
        names=(profile.given_name, profile.family_name),
        email=profile.email,
    )


def _done(visit: Visit) -> Response:
    """« C'est fait »: no session was opened; on to the service that the member came from."""
    origin = origins.of(visit)
    url = origins.sign_in_url(visit, origin.handle)
    return visit.page("mot_de_passe_fait.html", sign_in_url=url)

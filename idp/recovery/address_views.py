"""The pages of « Je n'ai plus accès à mon email »."""

from flask import Blueprint, Response

from idp.core import outbox, secrets, throttles
from idp.core.errors import CATALOGUE, Problem
from idp.core.words import N_
from idp.login import origin as origins
from idp.login import own_browser
from idp.login.forms import CodeForm
from idp.recovery import address
from idp.recovery.forms import LostAddressForm, NumberForm
from idp.recovery.parts import COOKIE, TOO_MANY, Recoveries, go_on, link, resend_wait, stand_in
from idp.recovery.password_views import WORDS
from idp.subjects import accounts, one_time, recoveries
from idp.subjects.one_time import Purpose, Refusal
from idp.subjects.recoveries import Kind, Recovery
from idp.web.kit import Visit

ASK = "/adresse-perdue"
WAITING = "/adresse-perdue/validation"
CODE = "/adresse-perdue/code"
LETTER = "/adresse-perdue/lettre"
# Often enough to notice, seldom enough for a screen reader to finish its sentence.
REFRESH_SECONDS = 15
WRONG_NUMBER = N_("Ce n’est pas le numéro d’adhérent de cette demande. Vérifiez-le sur un courrier.")
OVER = CATALOGUE["P-6004"]


def blueprint(parts: Recoveries) -> Blueprint:
    """`/adresse-perdue` and the pages up to the validated address."""
    views = _Views(parts)
    pages = Blueprint("address_lost", __name__)
    add = parts.kit.add_page
    add(pages, ASK, views.ask)
    add(pages, WAITING, _waiting, post=False)
    add(pages, CODE, _code)
    add(pages, "/adresse-perdue/renvoyer", _resend, post=True)
    add(pages, "/adresse-perdue/valider/<token>", views.by_link)
    parts.kit.limit_pages(pages)
    return pages


class _Views:
    def __init__(self, parts: Recoveries) -> None:
        self._parts = parts

    def ask(self, visit: Visit) -> Response:
        """Number, access code and new address; then the same page for all."""
        origin = origins.of(visit)
        form = LostAddressForm(visit.request.form).set_patterns(
            visit.kit.settings.directory, visit.space, visit.locale
        )
        row = self._begin(visit, form, origin.handle) if visit.request.method == "POST" else None
        if row is None:
            offered = self._parts.offer(visit, form.captcha, ASK, origin.handle)
            letter_url = link(visit, LETTER, origin.handle)
            return visit.page("adresse_perdue.html", form=form, letter_url=letter_url, **offered)
        origin.wait(visit, within=visit.kit.settings.enrolment.return_within)
        return go_on(visit, WAITING, row)

    def _begin(self, visit: Visit, form: LostAddressForm, handle: str) -> Recovery | None:
        if not (form.validate() and self._parts.passes(visit, form.captcha)):
            return None
        member = self._parts.member(visit, form)
        if member is None:
            return None
        if not address.may_begin(visit, member.id):
            form.member_number.errors = [TOO_MANY]
            return None
        return address.begin(visit, member, form.address, handle=handle)

    def by_link(self, visit: Visit, token: str) -> Response:
        """GET looks. One button in the browser that asked; in any other the member number as well.

        A mail scanner may press buttons, and a mistyped address may be a stranger's: neither knows the number.
        """
        row = address.of_link(visit, token)
        if row is None:
            raise Problem("P-6003")
        stand_in(visit, row)
        form = NumberForm(visit.request.form).set_patterns(
            visit.kit.settings.directory, visit.space, visit.locale
        )
        if row.spent_at is None and address.change_of(visit, row) is None:
            return _link_page(visit, row, form, "over")
        if row.spent_at is not None:
            return _link_page(visit, row, form, "done")
        mode = "button" if _is_own(visit, row) else "number"
        if visit.request.method == "GET":
            return _link_page(visit, row, form, mode)
        if mode == "number" and not _knows_number(visit, row, form):
            return _link_page(visit, row, form, mode)
        done = address.validate(visit, row)
        return _link_page(visit, row, form, "done" if done else "over")


def _knows_number(visit: Visit, row: Recovery, form: NumberForm) -> bool:
    if not form.validate():
        return False
    profile = accounts.profile(visit.session, row.account_id or "")
    if (
        profile is not None
        and address.may_try_number(visit, row)
        and secrets.same(form.number, profile.member_number)
    ):
        return True
    visit.audit("address.number_refused", row.account_id)
    form.member_number.errors = [WRONG_NUMBER]
    return False


def _link_page(visit: Visit, row: Recovery, form: NumberForm, mode: str) -> Response:
    tries = visit.kit.settings.recovery.code_tries
    left = max(0, tries - throttles.used(visit.session, f"address-number:{row.id}", now=visit.now))
    return visit.page(
        "adresse_valider.html",
        status=OVER.status if mode == "over" else 200,
        mode="exhausted" if mode == "number" and left == 0 else mode,
        number=OVER.number,
        form=form,
        address=row.typed,
        is_proved=address.is_proved(visit, row),
        tries_left=left if left < tries else None,
        hidden=origins.named(visit, row.interaction_id),
        again_url=link(visit, ASK, row.interaction_id),
        letter_url=link(visit, LETTER, row.interaction_id),
    )


def _waiting(visit: Visit) -> Response:
    """What follows: the mail to the new address, then a letter or the help desk, and 72 hours."""
    row = _of_browser(visit)
    if row is None:
        return visit.see_other(link(visit, ASK, origins.of(visit).handle))
    is_validated = row.spent_at is not None
    return visit.page(
        "adresse_validation.html",
        address=row.typed,
        delivery=outbox.status(visit.session, row.outbox_id) if row.outbox_id else "queued",
        is_validated=is_validated,
        # Before that it would tell whoever guesses the address that a letter proved it.
        is_proved=address.is_proved(visit, row) and is_validated,
        hidden=origins.named(visit, row.interaction_id),
        resend_url="/adresse-perdue/renvoyer",
        resend_wait=resend_wait(visit, row).total_seconds(),
        resends_left=max(0, visit.kit.settings.recovery.mails - row.mails) if row.is_open(visit.now) else 0,
        code_url=link(visit, CODE, row.interaction_id),
        letter_url=link(visit, LETTER, row.interaction_id),
        ask_url=link(visit, ASK, row.interaction_id),
        refresh=None if is_validated or not row.is_open(visit.now) else REFRESH_SECONDS,
    )


def _code(visit: Visit) -> Response:
    """The code of the mail, in the browser that asked."""
    row = _of_browser(visit)
    if row is None:
        return visit.see_other(link(visit, ASK, origins.of(visit).handle))
    form = CodeForm(visit.request.form)
    if row.spent_at is not None:
        return go_on(visit, WAITING, row)
    if visit.request.method == "POST" and form.validate():
        outcome = address.redeem_code(visit, row, form.digits)
        if outcome is True:
            return go_on(visit, WAITING, row)
        form.code.errors = [WORDS[outcome if isinstance(outcome, Refusal) else Refusal.EXPIRED]]
    tries = visit.kit.settings.recovery.code_tries
    left = one_time.tries_left(
        visit.session, purpose=Purpose.ADDRESS_CODE, budget=row.request_id, tries=tries, now=visit.now
    )
    return visit.page(
        "adresse_code.html",
        form=form,
        hidden=origins.named(visit, row.interaction_id),
        address=row.typed,
        tries_left=left if left < tries else None,
        waiting_url=link(visit, WAITING, row.interaction_id),
    )


def _resend(visit: Visit) -> Response:
    row = _of_browser(visit)
    if row is None:
        return visit.see_other(link(visit, ASK, origins.of(visit).handle))
    address.send_again(visit, row)
    return go_on(visit, WAITING, row)


def _of_browser(visit: Visit) -> Recovery | None:
    rows = recoveries.of_browser(visit.session, own_browser.fingerprints(visit, COOKIE), kind=Kind.ADDRESS)
    if not rows:
        return None
    stand_in(visit, rows[0])
    return rows[0]


def _is_own(visit: Visit, row: Recovery) -> bool:
    return row.browser in own_browser.fingerprints(visit, COOKIE)

"""The pages of a letter's code, and of what its member chose with it."""

from flask import Blueprint, Response

from idp.core.words import N_
from idp.login import origin as origins
from idp.login import own_browser
from idp.recovery import letter
from idp.recovery.address_views import ASK, LETTER, WAITING
from idp.recovery.forms import LetterForm
from idp.recovery.parts import COOKIE, LETTER_DONE, NEW_PASSWORD, Recoveries, link, stand_in
from idp.subjects import accounts, address_changes, letters, recoveries
from idp.subjects.recoveries import Kind, Recovery
from idp.web import words
from idp.web.kit import Visit

# One sentence, whatever stands behind the number: no letter, one that is over, another code.
WRONG = N_(
    "Ce code n’est pas celui d’une lettre encore valable. Vérifiez ses 12 chiffres. Après cinq erreurs, "
    "il faut une nouvelle lettre."
)


def blueprint(parts: Recoveries) -> Blueprint:
    """`/adresse-perdue/lettre` and `/adresse-perdue/fait`."""
    views = _Views(parts)
    pages = Blueprint("recovery_letter", __name__)
    parts.kit.add_page(pages, LETTER, views.enter)
    parts.kit.add_page(pages, LETTER_DONE, _done, post=False)
    parts.kit.limit_pages(pages)
    return pages


class _Views:
    def __init__(self, parts: Recoveries) -> None:
        self._parts = parts

    def enter(self, visit: Visit) -> Response:
        """Number, access code and the letter's code; from any browser, within its 21 days."""
        origin = origins.of(visit)
        form = LetterForm(visit.request.form).set_patterns(
            visit.kit.settings.directory, visit.space, visit.locale
        )
        if visit.request.method == "POST" and self._is_right(visit, form, origin.handle):
            origin.wait(visit, within=visit.kit.settings.enrolment.return_within)
            return visit.see_other(link(visit, NEW_PASSWORD, origin.handle))
        return visit.page(
            "adresse_lettre.html",
            form=form,
            digits=letters.DIGITS,
            days=letters.LIFETIME.days,
            ask_url=link(visit, ASK, origin.handle),
            **self._parts.offer(visit, form.captcha, LETTER, origin.handle),
        )

    def _is_right(self, visit: Visit, form: LetterForm, handle: str) -> bool:
        if not (form.validate() and self._parts.passes(visit, form.captcha)):
            return False
        member = self._parts.member(visit, form)
        if member is None:
            return False
        if not letter.redeem(visit, member, form.digits, handle=handle):
            form.code.errors = [WRONG]
            return False
        return True


def _done(visit: Visit) -> Response:
    """« C'est fait »: what is in force now, and what will be from when on."""
    rows = recoveries.of_browser(visit.session, own_browser.fingerprints(visit, COOKIE), kind=Kind.LETTER)
    if not rows or rows[0].spent_at is None:
        return visit.see_other(link(visit, LETTER, origins.of(visit).handle))
    row = rows[0]
    stand_in(visit, row)
    state, when = _state(visit, row)
    return visit.page(
        "adresse_faite.html",
        state=state,
        when=when,
        waiting_url=link(visit, WAITING, row.interaction_id),
        ask_url=link(visit, ASK, row.interaction_id),
        sign_in_url=origins.sign_in_url(visit, row.interaction_id or ""),
    )


def _state(visit: Visit, row: Recovery) -> tuple[str, str]:
    """What becomes of the address, and from when on a new one serves.

    `none`: the account keeps its own; `refused`: and the one that was asked for is not used; `unvalidated`, `waiting`
    or `done`: the new one; `lost`: neither of both serves.
    """
    change = address_changes.by_id(visit.session, row.change_id) if row.change_id is not None else None
    if change is None:
        return "none", ""
    due = change.due_at
    when = words.moment(due, visit.locale) if due is not None else ""
    if change.done_at is not None:
        return "done", ""
    if change.refused_at is not None:
        account = accounts.by_id(visit.session, row.account_id or "")
        return ("lost" if account is not None and account.is_disowned else "refused"), ""
    return ("unvalidated" if change.verified_at is None else "waiting"), when

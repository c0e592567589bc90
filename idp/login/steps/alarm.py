"""« Votre compte est bloqué »: an alarm stands, and only what is printed on the member's papers opens the account."""

from datetime import timedelta

from flask import Response

from idp.core import throttles
from idp.core.errors import Problem
from idp.core.words import N_
from idp.login import interaction as interactions
from idp.login import pairs
from idp.login.forms import AccessCodeForm
from idp.login.interaction import Interaction
from idp.login.pairs import Wait, WrongPair
from idp.login.steps.base import Step, cancel_url, hidden
from idp.sessions import alarms
from idp.subjects import accounts, members
from idp.subjects.accounts import Account
from idp.subjects.directory import DirectoryUnavailable, RegisteredMember
from idp.web import words
from idp.web.kit import Visit

TRIES = 5
# Longer than any sign-in lives, so that no purge gives a try back.
TRIES_KEPT = timedelta(days=1)
WRONG = N_("Ce code d’accès n’est pas le bon. Vérifiez-le sur un relevé de votre mutuelle.")
NUMBERS = {"code": "P-6304", "letter": "P-6304", "exhausted": "P-6305"}
LETTER_URL = "/adresse-perdue/lettre"
NEW_PASSWORD_URL = "/mot-de-passe-oublie"


class AlarmStep(Step):
    """After the password and the second step, which a thief may have: the access code of the member's papers."""

    def show(self, visit: Visit, interaction: Interaction) -> Response:
        """The page with the field, or the page that waits for a letter."""
        return self._page(visit, interaction, AccessCodeForm())

    def _page(
        self, visit: Visit, interaction: Interaction, form: AccessCodeForm, *, mode: str = "code"
    ) -> Response:
        if mode == "code" and not alarms.accepts_access_code(_account(visit, interaction)):
            mode = "letter"
        left = TRIES - throttles.used(visit.session, _budget(interaction), now=visit.now)
        return visit.page(
            "connexion_alerte.html",
            mode=mode,
            number=NUMBERS[mode],
            form=form,
            hidden=hidden(interaction),
            tries_left=left if left < TRIES else None,
            letter_url=LETTER_URL,
            new_password_url=NEW_PASSWORD_URL,
            restart_url="/connexion/recommencer",
            cancel_url=cancel_url(interaction),
        )

    def submit(self, visit: Visit, interaction: Interaction) -> Response | None:
        """Count the try, compare the code, and undo the alarm."""
        form = AccessCodeForm(visit.request.form)
        account = _account(visit, interaction)
        if not alarms.accepts_access_code(account) or not form.validate():
            return self._page(visit, interaction, form)
        if not throttles.spend_until(
            visit.session, _budget(interaction), limit=TRIES, ends_at=visit.now + TRIES_KEPT
        ):
            return self._exhausted(visit, interaction, account, form)
        match self._compare(visit, account, form.access_code.data or ""):
            case Wait(delay):
                wait = words.duration(delay.total_seconds() + 1, visit.locale)
                form.access_code.errors = [visit.say(pairs.TOO_SOON, wait=wait)]
                return self._page(visit, interaction, form)
            case RegisteredMember(id=member_id) if member_id == account.member_id:
                interaction.epoch = alarms.end(visit.session, account, now=visit.now)
                interaction.alarm_since = None
                visit.audit("alarm.undone", account.id, by="access-code")
                return None
            case RegisteredMember() | WrongPair():
                visit.audit("alarm.wrong_code", account.id)
                form.access_code.errors = [WRONG]
                return self._page(visit, interaction, form)

    def _compare(
        self, visit: Visit, account: Account, access_code: str
    ) -> RegisteredMember | WrongPair | Wait:
        """The code with the number of the account's own member, within the delays of every such pair."""
        member = members.by_id(visit.session, account.member_id)
        if member is None:
            return WrongPair()
        try:
            return pairs.check(
                visit,
                self.tools.directory,
                number=member.member_number,
                access_code=access_code,
                populations=[member.population],
            )
        except DirectoryUnavailable as silent:
            raise Problem("P-5003", detail="member directory", retry_after=timedelta(minutes=1)) from silent

    def _exhausted(
        self, visit: Visit, interaction: Interaction, account: Account, form: AccessCodeForm
    ) -> Response:
        """The password and the second step were proofs of this sign-in; they must be given again with a new one."""
        visit.audit("alarm.exhausted", account.id)
        lifetime = visit.kit.settings.sign_in.interaction_lifetime
        fresh = interactions.replace(visit.session, interaction, now=visit.now, lifetime=lifetime)
        form.access_code.data = ""
        return self._page(visit, fresh, form, mode="exhausted")


def _budget(interaction: Interaction) -> str:
    return f"alarm-codes:{interaction.id}"


def _account(visit: Visit, interaction: Interaction) -> Account:
    """The account that is shut; an epoch that rose meanwhile ends the sign-in."""
    account = accounts.by_id(visit.session, interaction.account_id or "")
    if account is None or account.epoch != interaction.epoch:
        raise Problem("P-2002", detail="the account changed during the sign-in")
    return account

"""« Votre compte est bloqué »: an alarm stands, and only what is printed on the member's papers opens the account.

Two phases: the access code, and then whether the password, which a thief may know, is replaced. Only the answer ends
the alarm: who goes away in between leaves it standing.
"""

from datetime import timedelta

from flask import Response

from idp.authenticators.hash_gate import GateBusy
from idp.authenticators.password_policy import Personal
from idp.core import throttles
from idp.core.errors import CATALOGUE, Problem
from idp.core.words import N_
from idp.login import interaction as interactions
from idp.login import new_password, pairs
from idp.login.forms import AccessCodeForm
from idp.login.interaction import Interaction
from idp.login.new_password import NewPasswordForm
from idp.login.pairs import Wait, WrongPair
from idp.login.steps.base import Step, cancel_url, hidden
from idp.sessions import alarms
from idp.subjects import accounts, members
from idp.subjects.accounts import Account
from idp.subjects.directory import DirectoryUnavailable, RegisteredMember
from idp.web import owner, words
from idp.web.kit import Visit

TRIES = 5
# Longer than any sign-in lives, so that no purge gives a try back.
TRIES_KEPT = timedelta(days=1)
WRONG = N_("Ce code d’accès n’est pas le bon. Vérifiez-le sur un relevé de votre mutuelle.")
NUMBERS = {"code": "P-6304", "letter": "P-6304", "exhausted": "P-6305"}
BUSY = CATALOGUE["P-5004"]
LETTER_URL = "/adresse-perdue/lettre"
NEW_PASSWORD_URL = "/mot-de-passe-oublie"
SEAL = "alarm-code"


class AlarmStep(Step):
    """After the password and the second step, which a thief may have: the access code of the member's papers."""

    def show(self, visit: Visit, interaction: Interaction) -> Response:
        """The page with the field, the one with a new password, or the one that waits for a letter."""
        account = _account(visit, interaction)
        if _is_proved(interaction, account):
            return self._choice(visit, interaction, account, NewPasswordForm())
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
        """Judge the access code; once it was right here, what becomes of the password."""
        account = _account(visit, interaction)
        if not _is_proved(interaction, account):
            return self._judge_code(visit, interaction, account)
        if visit.request.form.get("keep_password"):
            self._end(visit, interaction, account)
            return None
        form = NewPasswordForm(visit.request.form)
        if form.password.data is None:
            # The form of the access code, sent twice.
            return self.show(visit, interaction)
        return self._choose(visit, interaction, account, form)

    def _judge_code(self, visit: Visit, interaction: Interaction, account: Account) -> Response | None:
        """Count the try, compare the code, and remember that it was right: the alarm still stands."""
        form = AccessCodeForm(visit.request.form)
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
                _remember(visit, interaction, form.access_code.data or "")
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

    def _choice(
        self, visit: Visit, interaction: Interaction, account: Account, form: NewPasswordForm
    ) -> Response:
        """« Choisissez un nouveau mot de passe », or keep the one that there is."""
        return visit.page(
            "connexion_alerte.html",
            mode="password",
            form=form,
            hidden=hidden(interaction),
            rules=new_password.rules(visit),
            strength=new_password.strength(form.password, _about(visit, interaction, account)),
            keep_url=f"/connexion/alerte?i={interaction.id}",
            cancel_url=cancel_url(interaction),
        )

    def _choose(
        self, visit: Visit, interaction: Interaction, account: Account, form: NewPasswordForm
    ) -> Response | None:
        """Judge, hash with no transaction held, look again, and only then end the alarm."""
        is_whole = form.validate()
        about = _about(visit, interaction, account)
        if form.password.data and not new_password.passes(
            visit, form.password, about, self.tools.passwords.blocked
        ):
            is_whole = False
        if not is_whole:
            return self._choice(visit, interaction, account, form)
        former = account.password_hash
        visit.session.commit()
        try:
            stored = self._new_hash(form.password.data or "", former)
        except GateBusy as busy:
            form.form_errors.append(f"{visit.say(BUSY.member)} ({BUSY.number})")
            return visit.busy(self._choice(visit, interaction, account, form), busy.retry_after)
        now = interactions.find(
            visit.session, interaction.id, browser=visit.browser, now=visit.now, lock=True
        )
        if now is None:
            raise Problem("P-2002", detail="the sign-in ended while the password was hashed")
        account = _hold(visit, now)
        if not _is_proved(now, account) or account.password_hash != former:
            # Another request of this sign-in was first, or the access code proves nothing any more.
            return visit.see_other(f"/connexion/alerte?i={interaction.id}")
        if stored is None:
            form.password.errors = [new_password.SAME]
            return self._choice(visit, now, account, form)
        self._end(visit, now, account, stored)
        return None

    def _new_hash(self, typed: str, former: str) -> str | None:
        """The hash of the new password; None when it is the present one. Raises GateBusy."""
        passwords = self.tools.passwords
        return None if passwords.verify(typed, former).matches else passwords.hash(typed)

    def _end(
        self, visit: Visit, interaction: Interaction, account: Account, stored: str | None = None
    ) -> None:
        """End the alarm, with another password when one was chosen; this sign-in goes on, everything else is over."""
        interaction.epoch = alarms.end(visit.session, account, now=visit.now, stored=stored)
        interaction.alarm_since = interaction.alarm_code = None
        visit.audit("alarm.undone", account.id, by="access-code")
        if stored is None:
            return
        visit.audit("password.changed", account.id)
        owner.warn_of_password(
            visit,
            account,
            cause=f"password:{account.id}:{account.epoch}",
            sign_in_url=f"{visit.kit.settings.issuer}/connexion",
        )


def _budget(interaction: Interaction) -> str:
    return f"alarm-codes:{interaction.id}"


def _account(visit: Visit, interaction: Interaction) -> Account:
    """The account that is shut; an epoch that rose meanwhile ends the sign-in."""
    return _same(accounts.by_id(visit.session, interaction.account_id or ""), interaction)


def _hold(visit: Visit, interaction: Interaction) -> Account:
    """As `_account`, as the database has it now, and nobody else changes it before this request ends."""
    return _same(accounts.hold(visit.session, interaction.account_id or ""), interaction)


def _same(account: Account | None, interaction: Interaction) -> Account:
    if account is None or account.epoch != interaction.epoch:
        raise Problem("P-2002", detail="the account changed during the sign-in")
    return account


def _remember(visit: Visit, interaction: Interaction, access_code: str) -> None:
    """The access code was right here, for this alarm; kept, since a new password must not hold it."""
    interaction.alarm_code = visit.kit.vault.seal(SEAL, access_code.encode(), bound_to=interaction.id)


def _is_proved(interaction: Interaction, account: Account) -> bool:
    """Whether the access code was given in this sign-in, and still ends the very alarm that stood then."""
    return (
        interaction.alarm_code is not None
        and alarms.stands(account)
        and account.alarm_at == interaction.alarm_since
        and alarms.accepts_access_code(account)
    )


def _about(visit: Visit, interaction: Interaction, account: Account) -> Personal:
    member = members.by_id(visit.session, account.member_id)
    sealed = interaction.alarm_code
    code = visit.kit.vault.unseal(SEAL, sealed, bound_to=interaction.id).decode() if sealed else ""
    if member is None:
        return Personal(access_code=code, email=account.email)
    return Personal(
        member_number=member.member_number,
        access_code=code,
        names=(member.given_name, member.family_name),
        email=account.email,
    )

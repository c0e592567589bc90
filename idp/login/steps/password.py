"""The first step: identifier and password, behind the captcha and the growing delays."""

import base64
import binascii
from collections.abc import Sequence
from datetime import timedelta

from flask import Response

from idp.authenticators import password, trusted_device
from idp.authenticators.hash_gate import GateBusy
from idp.authenticators.password import Candidate, Subject
from idp.authenticators.trusted_device import TrustedDeviceRow
from idp.captcha.service import Place
from idp.core import throttles
from idp.core.errors import CATALOGUE
from idp.core.secrets import BadSeal
from idp.core.words import N_
from idp.login import acceptance, passkeys, proof
from idp.login import interaction as interactions
from idp.login.forms import PasswordForm
from idp.login.interaction import Interaction
from idp.login.steps.base import Step, cancel_url, hidden
from idp.subjects import accounts
from idp.web.kit import Visit

# One sentence for unknown, wrong, pending and frozen.
WRONG = N_("L’identifiant ou le mot de passe n’est pas le bon. Vérifiez-les, puis recommencez.")
BUSY = CATALOGUE["P-5004"]
REMEMBERED = "identifier"
HOUR = timedelta(hours=1)


class Password(Step):
    """« Connexion à votre compte »."""

    def show(self, visit: Visit, interaction: Interaction) -> Response:
        """The form, with the identifier that this browser was asked to remember."""
        # Without a sign-in in the address, somebody else may sit here now: what was typed before stays unsaid.
        typed = interaction.identifier if visit.request.args.get("i") else ""
        known = typed or _remembered(visit) or ""
        form = PasswordForm(data={"identifier": known, "remember": _remembered(visit) is not None})
        return self._page(visit, interaction, form)

    def _page(
        self, visit: Visit, interaction: Interaction, form: PasswordForm, *, delay: timedelta | None = None
    ) -> Response:
        # Before anybody is named, any device cookie hides the captcha; once one is named, only their own does.
        asks = self._asks_captcha(visit, trusted=visit.request.method == "GET" and _has_device_cookie(visit))
        # The page shows another picture: what was copied from the last one is no answer to it.
        form.captcha.data = ""
        return visit.page(
            "connexion.html",
            form=form,
            hidden=hidden(interaction),
            captcha=self.tools.captcha.offer(visit, back=f"/connexion?i={interaction.id}") if asks else None,
            forgot_url=f"/acces-perdus?i={interaction.id}",
            enrol_url=f"/inscription?i={interaction.id}" if visit.space.enrolment else None,
            cancel_url=cancel_url(interaction),
            client_name=interaction.asked.client_name,
            has_lapsed=interaction.asked.has_lapsed,
            passkey=passkeys.offer(visit),
            delay=delay.total_seconds() if delay is not None else None,
        )

    def _asks_captcha(self, visit: Visit, *, trusted: bool) -> bool:
        many = throttles.used(visit.session, _failures(visit), window=HOUR, now=visit.now)
        limit = visit.kit.settings.sign_in.captcha_after_failures
        return self.tools.captcha.required_at(
            Place.LOGIN, space=visit.space, failures=many >= limit, trusted=trusted
        )

    def submit(self, visit: Visit, interaction: Interaction) -> Response | None:
        """Captcha, then delays, then the hashes: each is counted and kept before the next."""
        form = PasswordForm(visit.request.form)
        if not form.validate():
            return self._page(visit, interaction, form)
        identifier = password.tidy(form.identifier.data or "")
        candidate = self._identify(visit, identifier)
        devices = _devices_in_hand(visit, candidate)
        if self._asks_captcha(visit, trusted=bool(devices)) and not self._captcha_passes(visit, form):
            return self._page(visit, interaction, form)
        wait = _count_try(visit, candidate, devices)
        if wait is not None:
            visit.audit("password.delayed", seconds=round(wait.total_seconds()))
            return self._page(visit, interaction, form, delay=wait)
        # What was counted stays counted; no connection is held while the hashes wait their turn.
        visit.session.commit()
        return self._compare(visit, interaction, form, candidate, devices)

    def _compare(
        self,
        visit: Visit,
        interaction: Interaction,
        form: PasswordForm,
        candidate: Candidate,
        devices: Sequence[TrustedDeviceRow],
    ) -> Response | None:
        try:
            right = self._right_ones(form.password.data or "", candidate)
        except GateBusy as busy:
            form.form_errors.append(f"{visit.say(BUSY.member)} ({BUSY.number})")
            return visit.busy(self._page(visit, interaction, form), busy.retry_after)
        if not _is_still_due(visit, interaction):
            # Meanwhile another request went on with this sign-in, or it is over: this answer joins nothing.
            return visit.see_other(f"/connexion?i={interaction.id}")
        again = self._identify(visit, password.tidy(form.identifier.data or ""))
        # What was changed or ended meanwhile is not right any more.
        matching = [subject for subject in again.subjects if subject.stored in right]
        if not matching:
            throttles.spend(visit.session, _failures(visit), limit=10_000, window=HOUR, now=visit.now)
            # Of two who share the mailbox nobody knows who was meant.
            owner = again.accounts[0].id if len(again.accounts) == 1 else None
            visit.audit("password.wrong", owner)
            form.password.errors = [WRONG]
            return self._page(visit, interaction, form)
        _remember(visit, form)
        for subject in matching:
            upgraded = right[subject.stored]
            if subject.account is not None and upgraded is not None:
                accounts.set_password_hash(
                    visit.session, subject.account.id, former=subject.stored, stored=upgraded
                )
        if visit.space.shared_mailboxes:
            password.take_back_guess(visit.session, again.key, place=_place(visit, devices))
        return _go_on(visit, interaction, again.key, matching, devices)

    def _right_ones(self, typed: str, candidate: Candidate) -> dict[str, str | None]:
        """The stored hashes that the typed password is right for, each with the newer one to keep instead, if any."""
        passwords = self.tools.passwords
        verdicts = passwords.verify_each(typed, candidate.stored)
        return {
            stored: passwords.hash(typed) if verdict.needs_upgrade else None
            for stored, verdict in zip(candidate.stored, verdicts, strict=True)
            if stored is not None and verdict.matches
        }

    def _identify(self, visit: Visit, identifier: str) -> Candidate:
        return password.identify(
            visit.session,
            identifier,
            vault=visit.kit.vault,
            populations=visit.space.populations,
            hashes=2 if visit.space.shared_mailboxes else 1,
            now=visit.now,
        )

    def _captcha_passes(self, visit: Visit, form: PasswordForm) -> bool:
        problem = self.tools.captcha.refusal(visit)
        if problem is None:
            return True
        form.captcha.errors = [problem]
        return False


def _devices_in_hand(visit: Visit, candidate: Candidate) -> list[TrustedDeviceRow]:
    """The live trusted devices of whom is meant, within their own budgets: spared the captcha and the delays."""
    rules = visit.kit.settings.trusted_device
    return [
        row
        for row in acceptance.devices_of(visit, candidate.accounts)
        if trusted_device.may_try(visit.session, row, rules=rules, now=visit.now)
    ]


def _count_try(visit: Visit, candidate: Candidate, devices: Sequence[TrustedDeviceRow]) -> timedelta | None:
    """Count the try; how long to wait instead. A trusted device waits for its own tries at a shared mailbox only."""
    place = _place(visit, devices)
    is_shared = visit.space.shared_mailboxes
    wait = (
        password.guess_wait(visit.session, candidate.key, place=place, now=visit.now) if is_shared else None
    )
    if wait is None and not devices:
        wait = password.count_try(visit.session, candidate.key, network=visit.network, now=visit.now)
    if wait is None and is_shared:
        wait = password.count_guess(visit.session, candidate.key, place=place, now=visit.now)
    return wait


def _place(visit: Visit, devices: Sequence[TrustedDeviceRow]) -> str:
    return devices[0].id if devices else visit.network


def _go_on(
    visit: Visit,
    interaction: Interaction,
    key: str,
    matching: Sequence[Subject],
    devices: Sequence[TrustedDeviceRow],
) -> Response | None:
    """The password is right for one account, for two that share it, or else for an enrolment: an account wins."""
    found = [subject.account for subject in matching if subject.account is not None]
    if len(found) > 1:
        acceptance.let_choose(visit, interaction, found)
        return None
    if found:
        return acceptance.accept(visit, interaction, found[0], devices, proved_at=visit.now)
    password.forget_tries(visit.session, key, network=visit.network)
    enrolment = matching[0].enrolment
    interaction.forget_proofs()
    interaction.enrolment_id = enrolment.id if enrolment is not None else None
    interaction.password_at = visit.now
    proof.bind(visit, interaction)
    return None


def _is_still_due(visit: Visit, interaction: Interaction) -> bool:
    """Look at the sign-in again, locked, as the database has it after the hash."""
    now = interactions.find(visit.session, interaction.id, browser=visit.browser, now=visit.now, lock=True)
    return now is not None and not now.cancelled and not now.facts.is_known


def _failures(visit: Visit) -> str:
    return f"wrong-passwords:{visit.network}"


def _has_device_cookie(visit: Visit) -> bool:
    return any(name.startswith("__Host-parvis_device_") for name in visit.request.cookies)


def _remember(visit: Visit, form: PasswordForm) -> None:
    """« Se souvenir de moi »: the identifier, sealed, so that the cookie tells nothing to who reads it."""
    if not form.remember.data:
        if visit.cookie(REMEMBERED) is not None:
            visit.drop_cookie(REMEMBERED)
        return
    sealed = visit.kit.vault.seal("remembered", password.tidy(form.identifier.data or "").encode())
    value = base64.urlsafe_b64encode(sealed).decode()
    visit.set_cookie(REMEMBERED, value, max_age=visit.kit.settings.sign_in.remember_for)


def _remembered(visit: Visit) -> str | None:
    value = visit.cookie(REMEMBERED)
    if value is None:
        return None
    try:
        return visit.kit.vault.unseal("remembered", base64.urlsafe_b64decode(value)).decode()
    except (BadSeal, binascii.Error, ValueError):
        return None

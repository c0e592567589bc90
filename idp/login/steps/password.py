"""The first step: identifier and password, behind the captcha and the growing delays."""

import base64
import binascii
from datetime import timedelta

from flask import Response

from idp.authenticators import password, trusted_device
from idp.authenticators.hash_gate import GateBusy
from idp.authenticators.password import Candidate
from idp.authenticators.trusted_device import Refusal, Trusted, TrustedDeviceRow
from idp.captcha.service import Place
from idp.core import throttles
from idp.core.errors import CATALOGUE
from idp.core.secrets import BadSeal
from idp.core.words import N_
from idp.login import interaction as interactions
from idp.login import proof
from idp.login.forms import PasswordForm
from idp.login.interaction import Interaction
from idp.login.steps.base import Step, cancel_url, hidden
from idp.sessions import service as sessions
from idp.subjects import accounts
from idp.subjects.accounts import Account
from idp.subjects.members import Member
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
            forgot_url="/acces-perdus",
            enrol_url=f"/inscription?i={interaction.id}" if visit.space.enrolment else None,
            cancel_url=cancel_url(interaction),
            client_name=interaction.asked.client_name,
            has_lapsed=interaction.asked.has_lapsed,
            delay=delay.total_seconds() if delay is not None else None,
        )

    def _asks_captcha(self, visit: Visit, *, trusted: bool) -> bool:
        many = throttles.used(visit.session, _failures(visit), window=HOUR, now=visit.now)
        limit = visit.kit.settings.sign_in.captcha_after_failures
        return self.tools.captcha.required_at(
            Place.LOGIN, space=visit.space, failures=many >= limit, trusted=trusted
        )

    def submit(self, visit: Visit, interaction: Interaction) -> Response | None:
        """Captcha, then delays, then one hash: each is counted and kept before the next."""
        form = PasswordForm(visit.request.form)
        if not form.validate():
            return self._page(visit, interaction, form)
        identifier = password.tidy(form.identifier.data or "")
        candidate = self._identify(visit, identifier)
        device = self._device_in_hand(visit, candidate)
        if self._asks_captcha(visit, trusted=device is not None) and not self._captcha_passes(visit, form):
            return self._page(visit, interaction, form)
        wait = None if device is not None else password.count_try(
            visit.session, candidate.key, network=visit.network, now=visit.now
        )  # fmt: skip
        if wait is not None:
            visit.audit("password.delayed", seconds=round(wait.total_seconds()))
            return self._page(visit, interaction, form, delay=wait)
        # What was counted stays counted; no connection is held while the hash waits its turn.
        visit.session.commit()
        return self._compare(visit, interaction, form, candidate, device)

    def _compare(
        self,
        visit: Visit,
        interaction: Interaction,
        form: PasswordForm,
        candidate: Candidate,
        device: TrustedDeviceRow | None,
    ) -> Response | None:
        typed = form.password.data or ""
        try:
            verdict = self.tools.passwords.verify(typed, candidate.stored)
            upgraded = self.tools.passwords.hash(typed) if verdict.matches and verdict.needs_upgrade else None
        except GateBusy as busy:
            form.form_errors.append(f"{visit.say(BUSY.member)} ({BUSY.number})")
            return visit.busy(self._page(visit, interaction, form), busy.retry_after)
        if not _is_still_due(visit, interaction):
            # Meanwhile another request went on with this sign-in, or it is over: this answer joins nothing.
            return visit.see_other(f"/connexion?i={interaction.id}")
        again = self._identify(visit, password.tidy(form.identifier.data or ""))
        if not verdict.matches or again.stored != candidate.stored:
            throttles.spend(visit.session, _failures(visit), limit=10_000, window=HOUR, now=visit.now)
            visit.audit("password.wrong", again.account.id if again.account else None)
            form.password.errors = [WRONG]
            return self._page(visit, interaction, form)
        password.forget_tries(visit.session, candidate.key, network=visit.network)
        _remember(visit, form)
        if again.account is None:
            interaction.forget_proofs()
            interaction.enrolment_id = again.enrolment.id if again.enrolment else None
            interaction.password_at = visit.now
            proof.bind(visit, interaction)
            return None
        if upgraded is not None and again.stored is not None:
            accounts.set_password_hash(visit.session, again.account.id, former=again.stored, stored=upgraded)
        return self._accept(visit, interaction, again.account, device)

    def _accept(
        self, visit: Visit, interaction: Interaction, account: Account, device: TrustedDeviceRow | None
    ) -> Response | None:
        """The password was right: only now the entry rule, the trusted device and theft are looked at."""
        visit.audit("password.verified", account.id)
        refused = _entry_refused(visit, interaction, account)
        if refused is not None:
            return refused
        interaction.forget_proofs()
        interaction.account_id = account.id
        interaction.epoch = account.epoch
        interaction.password_at = visit.now
        proof.bind(visit, interaction)
        if device is not None:
            trusted_device.tried_well(visit.session, device.id)
        self._use_device(visit, interaction, account)
        return None

    def _use_device(self, visit: Visit, interaction: Interaction, account: Account) -> None:
        kit = visit.kit
        name = trusted_device.cookie_name(kit.vault, account.id)
        rules = kit.settings.trusted_device
        cookie = visit.cookie(name)
        row = trusted_device.named(
            visit.session, cookie, vault=kit.vault, account=account, rules=rules, now=visit.now
        )
        match trusted_device.use(
            visit.session, cookie, vault=kit.vault, account=account, rules=rules, now=visit.now
        ):
            case Trusted(device_id, renewed):
                interaction.device_id = device_id
                ends = row.created_at + rules.lifetime if row is not None else visit.now
                visit.set_cookie(name, renewed, max_age=ends - visit.now)
            case Refusal.THEFT:
                visit.drop_cookie(name)
                self._alarm(visit, account, row)
            case Refusal.UNKNOWN:
                if cookie is not None:
                    visit.drop_cookie(name)

    def _alarm(self, visit: Visit, account: Account, row: TrustedDeviceRow | None) -> None:
        """A former secret came back: the device lost its trust; its sessions end and the owner is told."""
        if row is None:
            return
        sessions.end_for_device(visit.session, row.id, now=visit.now)
        visit.audit("device.theft", account.id, device=row.id)
        visit.mail(
            "device-theft",
            account.email,
            cause=f"theft:{row.id}",
            context={"device": row.name},
            locale=account.locale,
        )

    def _identify(self, visit: Visit, identifier: str) -> Candidate:
        return password.identify(
            visit.session,
            identifier,
            vault=visit.kit.vault,
            populations=visit.space.populations,
            now=visit.now,
        )

    def _device_in_hand(self, visit: Visit, candidate: Candidate) -> TrustedDeviceRow | None:
        """The live trusted device of this account, within its own budget: spared the captcha and the delays."""
        if candidate.account is None:
            return None
        kit = visit.kit
        rules = kit.settings.trusted_device
        row = trusted_device.recognise(
            visit.session,
            visit.cookie(trusted_device.cookie_name(kit.vault, candidate.account.id)),
            vault=kit.vault,
            account=candidate.account,
            rules=rules,
            now=visit.now,
        )
        if row is None or not trusted_device.may_try(visit.session, row, rules=rules, now=visit.now):
            return None
        return row

    def _captcha_passes(self, visit: Visit, form: PasswordForm) -> bool:
        problem = self.tools.captcha.refusal(visit)
        if problem is None:
            return True
        form.captcha.errors = [problem]
        return False


def _is_still_due(visit: Visit, interaction: Interaction) -> bool:
    """Look at the sign-in again, locked, as the database has it after the hash."""
    now = interactions.find(visit.session, interaction.id, browser=visit.browser, now=visit.now, lock=True)
    return now is not None and not now.cancelled and not now.facts.password


def _failures(visit: Visit) -> str:
    return f"wrong-passwords:{visit.network}"


def _entry_refused(visit: Visit, interaction: Interaction, account: Account) -> Response | None:
    member = visit.session.get(Member, account.member_id)
    allowed = interaction.asked.populations or tuple(visit.space.populations)
    if member is not None and member.population in allowed:
        return None
    visit.audit("entry.refused", account.id, space=visit.space.name)
    others = [
        space for space in visit.kit.spaces if member is not None and member.population in space.populations
    ]
    return visit.page(
        "connexion_refusee.html",
        status=403,
        number="P-2001",
        hidden=hidden(interaction),
        restart_url="/connexion/recommencer",
        cancel_url=cancel_url(interaction),
        doors=[(space.title, "", visit.kit.door_of(visit.session, space) or "/") for space in others],
    )


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

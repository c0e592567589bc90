"""Where a captcha is asked, what the page shows of it, and whether a form passed it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from urllib.parse import urlencode

from sqlalchemy.orm import Session

from idp.captcha import challenge, proof
from idp.captcha.picture import POOL, Pictures
from idp.captcha.verdict import CaptchaVerdict
from idp.core.secrets import Vault
from idp.core.settings import Captcha
from idp.core.spaces import Space

# What is easily solved for one provider is no answer under the other: each has its key and its work.
PROOFS = {"altcha": ("captcha-proof", proof.STEPS), "image": ("captcha-proof-instead", proof.STEPS_INSTEAD)}


class Place(StrEnum):
    """A form that robots would like."""

    ENROLMENT = "enrolment"
    RECOVERY = "recovery"
    LOGIN = "login"


@dataclass(frozen=True, slots=True)
class CaptchaPolicy:
    """Where the captcha is asked (journey 5)."""

    settings: Captcha

    def required_at(self, place: Place, *, failures: bool, trusted: bool, space: Space) -> bool:
        """Enrolment and recovery always; sign-in as the space or settings say, never on a trusted device.

        `failures` tells that this network has had its share of wrong passwords.
        """
        if place is not Place.LOGIN:
            return True
        if trusted:
            return False
        rule = space.captcha_login or self.settings.login
        return rule == "always" or (rule == "after-failures" and failures)


@dataclass(frozen=True, slots=True)
class Block:
    """What the template needs; the answers are not in it. A proof of work is good for `seconds`."""

    id: str
    image_url: str
    change_url: str
    provider: str
    altcha: bool
    audio_url: str
    seconds: int


def block(
    session: Session,
    *,
    vault: Vault,
    settings: Captcha,
    browser: str,
    now: datetime,
    back_to: str,
    pictures: Pictures = POOL,
) -> Block:
    """A new picture for a page; « Changer le texte » comes back to `back_to`, a local path."""
    shown = challenge.issue(
        session, vault=vault, browser=browser, now=now, settings=settings, pictures=pictures
    )
    return Block(
        id=shown.id,
        image_url=f"/captcha/{shown.id}.png",
        change_url="/captcha/change?" + urlencode({"captcha_id": shown.id, "suite": back_to}),
        provider=settings.provider,
        altcha=settings.provider == "altcha",
        audio_url=f"/captcha/{shown.id}.wav",
        seconds=round(settings.lifetime.total_seconds()),
    )


def new_proof(*, vault: Vault, settings: Captcha, now: datetime) -> dict[str, Any]:
    """A challenge of the proof of work, as hard as the provider asks."""
    purpose, steps = PROOFS[settings.provider]
    return proof.new_challenge(key=vault.key(purpose), now=now, lifetime=settings.lifetime, steps=steps)


def verify(
    session: Session, *, vault: Vault, settings: Captcha, form: Mapping[str, str], browser: str, now: datetime
) -> CaptchaVerdict:
    """The verdict on a submitted form: `captcha` with `captcha_id`, or `altcha`.

    Either answer suffices, whoever the provider is. A picture is spent by one try, and its audio with it; without
    `captcha_id` the answer is taken for what the browser was shown last.
    """
    proven = _verify_proof(session, vault=vault, settings=settings, payload=form.get("altcha", ""), now=now)
    if proven is CaptchaVerdict.PASSED:
        return proven
    copied = _verify_picture(session, vault=vault, form=form, browser=browser, now=now)
    return proven if copied is CaptchaVerdict.MISSING else copied


def _verify_proof(
    session: Session, *, vault: Vault, settings: Captcha, payload: str, now: datetime
) -> CaptchaVerdict:
    if not payload.strip():
        return CaptchaVerdict.MISSING
    purpose, _ = PROOFS[settings.provider]
    return proof.verify(session, key=vault.key(purpose), payload=payload.strip(), now=now)


def _verify_picture(
    session: Session, *, vault: Vault, form: Mapping[str, str], browser: str, now: datetime
) -> CaptchaVerdict:
    answer = form.get("captcha", "")
    if not answer.strip():
        return CaptchaVerdict.MISSING
    shown = form.get("captcha_id", "") or challenge.newest(session, browser=browser, now=now)
    if shown is None:
        return CaptchaVerdict.EXPIRED
    return challenge.check(session, vault=vault, challenge_id=shown, browser=browser, answer=answer, now=now)


def purge(session: Session, *, now: datetime) -> None:
    """Drop pictures and nonces that are over; safe to repeat."""
    challenge.purge(session, now=now)
    proof.purge(session, now=now)

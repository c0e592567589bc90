"""Trusted devices: a browser that proved the code once is spared it, by a secret that changes at each use.

The cookie holds `series.counter.secret`. The first secret is random; each successor is derived from the one
that was presented, under a key of ours. So a lost answer, or two tabs at once, get the same successor, the row
keeps nothing but the hash of the newest, and an older secret is recognised by deriving it forward.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Integer, Text, delete, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from idp.core import secrets, throttles
from idp.core.db import Base, UtcDateTime, new_id
from idp.core.secrets import Vault
from idp.core.settings import TrustedDevice as Rules
from idp.subjects.accounts import Account

LONGEST_COOKIE = 200
# A secret older than this many uses is theft without looking further.
OLDEST = 50


class TrustedDeviceRow(Base):
    """One browser that one account trusts."""

    __tablename__ = "trusted_device"

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    series: Mapped[str] = mapped_column(Text, unique=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("account.id"), index=True)
    epoch: Mapped[int] = mapped_column(Integer)
    counter: Mapped[int] = mapped_column(Integer)
    secret_hash: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    last_used_at: Mapped[datetime] = mapped_column(UtcDateTime)
    rotated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Refusal(StrEnum):
    """Why a device is not trusted."""

    UNKNOWN = "unknown"
    THEFT = "theft"


@dataclass(frozen=True, slots=True)
class Trusted:
    """The device is trusted; this is its cookie from now on."""

    device_id: str
    cookie: str


@dataclass(frozen=True, slots=True)
class _Presented:
    series: str
    counter: int
    secret: str


def cookie_name(vault: Vault, account_id: str) -> str:
    """The name of this account's cookie: one a person, so that a family computer serves several."""
    return "device_" + vault.mac("device-cookie-name", account_id)[:16]


def trust(session: Session, *, vault: Vault, account: Account, name: str, now: datetime) -> Trusted:
    """Trust this browser for this account from now on."""
    presented = _Presented(series=new_id(), counter=0, secret=secrets.token())
    row = TrustedDeviceRow(
        id=new_id(),
        series=vault.mac("device-series", presented.series),
        account_id=account.id,
        epoch=account.epoch,
        counter=0,
        secret_hash=secrets.fingerprint(presented.secret),
        name=name,
        created_at=now,
        last_used_at=now,
        rotated_at=now,
    )
    session.add(row)
    session.flush()
    return Trusted(row.id, _write(presented))


def recognise(
    session: Session, cookie: str | None, *, vault: Vault, account: Account, rules: Rules, now: datetime
) -> TrustedDeviceRow | None:
    """Before the password: the device whose cookie this is, if it is live. Judges and changes nothing."""
    row = named(session, cookie, vault=vault, account=account, rules=rules, now=now)
    presented = _read(cookie)
    if row is None or presented is None:
        return None
    # The newest secret, or the one before (a lost answer): older ones spare nothing.
    return row if _distance(row, presented, vault) in {0, 1} else None


def named(
    session: Session, cookie: str | None, *, vault: Vault, account: Account, rules: Rules, now: datetime
) -> TrustedDeviceRow | None:
    """The live device that a cookie names, whether its secret is good or not."""
    presented = _read(cookie)
    if presented is None:
        return None
    return _find(session, presented, vault=vault, account=account, rules=rules, now=now)


def use(
    session: Session, cookie: str | None, *, vault: Vault, account: Account, rules: Rules, now: datetime
) -> Trusted | Refusal:
    """After the right password: spare the code, renew the secret, and judge theft.

    A former secret is good until its successor was presented; more than `rules.grace` after that it is theft,
    and the device is revoked.
    """
    presented = _read(cookie)
    row = (
        None
        if presented is None
        else _find(session, presented, vault=vault, account=account, rules=rules, now=now)
    )
    if presented is None or row is None:
        return Refusal.UNKNOWN
    match _distance(row, presented, vault):
        case 0:
            return _rotate(session, row, presented, vault=vault, now=now)
        case 1:
            # The answer that carried the successor was lost, or comes to another tab: the same one again.
            return _renewed(session, row, presented, steps=1, vault=vault, now=now)
        case 2 if now - row.rotated_at <= rules.grace:
            return _renewed(session, row, presented, steps=2, vault=vault, now=now)
        case _:
            revoke(session, row.id, account_id=account.id, now=now)
            return Refusal.THEFT


def _find(
    session: Session, presented: _Presented, *, vault: Vault, account: Account, rules: Rules, now: datetime
) -> TrustedDeviceRow | None:
    return session.execute(
        select(TrustedDeviceRow).where(
            TrustedDeviceRow.series == vault.mac("device-series", presented.series),
            TrustedDeviceRow.account_id == account.id,
            TrustedDeviceRow.epoch == account.epoch,
            TrustedDeviceRow.revoked_at.is_(None),
            TrustedDeviceRow.created_at > now - rules.lifetime,
        )
    ).scalar_one_or_none()


def _distance(row: TrustedDeviceRow, presented: _Presented, vault: Vault) -> int | None:
    """How many successors lie between the presented secret and the newest; None when it never was ours."""
    steps = row.counter - presented.counter
    if not 0 <= steps <= OLDEST:
        return None
    newest = _forward(presented, steps, vault)
    return steps if secrets.same(secrets.fingerprint(newest.secret), row.secret_hash) else None


def _forward(presented: _Presented, steps: int, vault: Vault) -> _Presented:
    for _ in range(steps):
        secret = vault.mac("device-successor", presented.series, str(presented.counter), presented.secret)
        presented = _Presented(presented.series, presented.counter + 1, secret)
    return presented


def _rotate(
    session: Session, row: TrustedDeviceRow, presented: _Presented, *, vault: Vault, now: datetime
) -> Trusted:
    successor = _forward(presented, 1, vault)
    # Two tabs may come at once: one UPDATE rotates, the other finds it done, and both get the same successor.
    session.execute(
        update(TrustedDeviceRow)
        .where(TrustedDeviceRow.id == row.id, TrustedDeviceRow.counter == presented.counter)
        .values(
            counter=successor.counter,
            secret_hash=secrets.fingerprint(successor.secret),
            rotated_at=now,
            last_used_at=now,
        )
    )
    return Trusted(row.id, _write(successor))


def _renewed(
    session: Session, row: TrustedDeviceRow, presented: _Presented, *, steps: int, vault: Vault, now: datetime
) -> Trusted:
    session.execute(update(TrustedDeviceRow).where(TrustedDeviceRow.id == row.id).values(last_used_at=now))
    return Trusted(row.id, _write(_forward(presented, steps, vault)))


def may_try(session: Session, row: TrustedDeviceRow, *, rules: Rules, now: datetime) -> bool:
    """Use one of the device's own wrong passwords; False when it counts as a stranger from now on."""
    return throttles.spend_until(
        session, f"device:{row.id}", limit=rules.wrong_passwords, ends_at=now + rules.lifetime
    )


def tried_well(session: Session, device_id: str) -> None:
    """Give the device its tries back, after the right password."""
    throttles.restore(session, f"device:{device_id}")


def live_devices(
    session: Session, account: Account, *, rules: Rules, now: datetime
) -> list[TrustedDeviceRow]:
    """The devices that this account trusts, the last used first."""
    rows = (
        select(TrustedDeviceRow)
        .where(
            TrustedDeviceRow.account_id == account.id,
            TrustedDeviceRow.epoch == account.epoch,
            TrustedDeviceRow.revoked_at.is_(None),
            TrustedDeviceRow.created_at > now - rules.lifetime,
        )
        .order_by(TrustedDeviceRow.last_used_at.desc())
    )
    return list(session.execute(rows).scalars())


def revoke(session: Session, device_id: str, *, account_id: str, now: datetime) -> bool:
    """End the trust in one device of this account; whether there was any."""
    revoked = (
        update(TrustedDeviceRow)
        .where(
            TrustedDeviceRow.id == device_id,
            TrustedDeviceRow.account_id == account_id,
            TrustedDeviceRow.revoked_at.is_(None),
        )
        .values(revoked_at=now)
        .returning(TrustedDeviceRow.id)
        .execution_options(synchronize_session=False)
    )
    return session.execute(revoked).scalar_one_or_none() is not None


def purge(session: Session, *, rules: Rules, now: datetime) -> None:
    """Drop devices whose trust is over."""
    session.execute(delete(TrustedDeviceRow).where(TrustedDeviceRow.created_at <= now - rules.lifetime))


def _write(presented: _Presented) -> str:
    return f"{presented.series}.{presented.counter}.{presented.secret}"


def _read(cookie: str | None) -> _Presented | None:
    if cookie is None or len(cookie) > LONGEST_COOKIE or not cookie.isascii():
        return None
    match cookie.split("."):
        case [series, counter, secret] if counter.isdigit() and len(counter) < 10:  # noqa: PLR2004 (a sane integer)
            return _Presented(series, int(counter), secret)
    return None

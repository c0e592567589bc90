"""What an operator may know of the outbox: how much waits and for how long, and each delivery without its contents."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from idp.core import outbox
from idp.core.outbox import Channel, OutboxMessage, State
from idp.core.secrets import BadSeal, Vault


@dataclass(frozen=True, slots=True)
class Totals:
    """How many deliveries of a channel are in each state, and since when the oldest one waits."""

    by_state: dict[State, int]
    oldest_waiting: datetime | None


def totals(session: Session, channel: Channel = Channel.MAIL) -> Totals:
    """Every delivery that is kept: what is settled is purged after 30 days."""
    counted = (
        select(OutboxMessage.state, func.count())
        .where(OutboxMessage.channel == channel.value)
        .group_by(OutboxMessage.state)
    )
    found = {State(state): number for state, number in session.execute(counted)}
    return Totals(
        {state: found.get(state, 0) for state in State}, outbox.oldest_waiting(session, channel=channel)
    )


def listed(
    session: Session, *, states: Collection[State], limit: int, channel: Channel = Channel.MAIL
) -> Sequence[OutboxMessage]:
    """What waits, the oldest first, then what is settled, the newest first; `limit` of them at most."""
    waits = case((OutboxMessage.state == State.QUEUED.value, OutboxMessage.id))
    rows = (
        select(OutboxMessage)
        .where(OutboxMessage.channel == channel.value, OutboxMessage.state.in_([*states]))
        .order_by(waits.is_(None), waits, OutboxMessage.id.desc())
        .limit(limit)
    )
    return session.scalars(rows).all()


def recipient(vault: Vault, row: OutboxMessage) -> str | None:
    """To whom a mail goes; None once it is settled and scrubbed, or sealed under another root secret."""
    if not row.sealed:
        return None
    try:
        address: str = outbox.contents_of(vault, row)["recipient"]
    except BadSeal:
        return None
    return address

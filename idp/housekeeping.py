"""What runs beside the requests: the worker with all it does, the register import, and client files."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy.orm import Session

from idp.account import data, erasure
from idp.authenticators import authenticator_app, passkey_challenges, trusted_device
from idp.captcha import service as captcha
from idp.core import throttles
from idp.core.clock import Clock, SystemClock
from idp.core.courier import Courier
from idp.core.db import Database
from idp.core.mail_courier import mail_courier
from idp.core.mailer import mailer_from_url
from idp.core.secrets import Vault
from idp.core.settings import Settings
from idp.core.spaces import BadSpace, Spaces
from idp.core.worker import Worker
from idp.login import interaction
from idp.oidc import backchannel, client_rows, key_care, wiring
from idp.oidc.backchannel import logout_courier
from idp.oidc.client_files import BadClient
from idp.oidc.client_rows import Applied
from idp.oidc.held import AccountServices
from idp.oidc.key_schedule import Schedule
from idp.oidc.provider import Provider
from idp.recovery import changes
from idp.recovery.changes import ChangeTools
from idp.sessions import credentials
from idp.sessions import service as sessions
from idp.subjects import (
    accounts,
    address_changes,
    enrolments,
    invitations,
    letters,
    notices,
    one_time,
    recoveries,
)
from idp.subjects.register_import import RegisterImporter
from idp.subjects.register_rows import RowRules
from idp.web import words


class ApplyFailed(Exception):
    """A space or client file is wrong; nothing was applied."""


def make_worker(settings: Settings, *, clock: Clock | None = None) -> Worker:
    """The worker of this installation."""
    # A connection for each thread that may need one at the same time as the others: two couriers and their
    # hands, and the chores. One that waits for a relying party holds none.
    database = Database(settings.database_url.get_secret_value(), pool_size=4)
    clock = clock or SystemClock()
    vault = Vault.from_root(settings.secret_key.get_secret_value())
    spaces = Spaces.read(settings.spaces_dir)
    schedule = Schedule.of(settings, spaces)

    def old_devices(session: Session, *, now: datetime) -> None:
        trusted_device.purge(session, rules=settings.trusted_device, now=now)

    def closed_accounts(session: Session, *, now: datetime) -> None:
        erasure.erase_due(session, vault=vault, spaces=spaces, issuer=settings.issuer, now=now)

    def signing_keys(*, now: datetime) -> None:
        key_care.keep(database, vault=vault, schedule=schedule, folder=settings.keys_dir, now=now)

    def new_addresses(*, now: datetime) -> None:
        changes.settle(database, tools=ChangeTools(settings, vault, spaces), now=now)

    return Worker(
        database=database,
        clock=clock,
        couriers=_couriers(settings, database, vault=vault, spaces=spaces, clock=clock),
        housekeeping=(
            throttles.purge,
            one_time.purge,
            authenticator_app.purge,
            passkey_challenges.purge,
            interaction.purge,
            sessions.purge,
            enrolments.purge,
            address_changes.purge,
            letters.purge,
            notices.purge,
            invitations.purge,
            recoveries.purge,
            captcha.purge,
            wiring.purge,
            old_devices,
            closed_accounts,
        ),
        errands=(signing_keys, new_addresses),
    )


def _couriers(
    settings: Settings, database: Database, *, vault: Vault, spaces: Spaces, clock: Clock
) -> tuple[Courier, ...]:
    """What delivers the outbox, one for each channel."""
    mails = mail_courier(
        database=database,
        vault=vault,
        mailer=mailer_from_url(settings.mail.url.get_secret_value(), exchange=settings.mail.timeout),
        spaces=spaces,
        clock=clock,
        settings=settings,
    )
    provider = Provider(settings=settings, vault=vault, database=database, spaces=spaces)
    return mails, logout_courier(provider, database=database, clock=clock)


def make_importer(settings: Settings, database: Database, *, now: datetime) -> RegisterImporter:
    """The importer of this installation; accounts of members who left end with the import. Raises BadSpace."""
    return RegisterImporter(
        database=database,
        vault=Vault.from_root(settings.secret_key.get_secret_value()),
        rules=RowRules.of(
            number_pattern=settings.directory.member_number_pattern,
            code_pattern=settings.directory.access_code_pattern,
            number_patterns=Spaces.read(settings.spaces_dir).number_patterns(
                settings.directory.member_number_pattern
            ),
        ),
        on_left=partial(end_for_members, now=now),
    )


def end_for_members(session: Session, member_ids: list[str], *, now: datetime) -> None:
    """End the accounts of members who left, and have the services of their sessions told."""
    ended = accounts.end_for_members(session, member_ids, now=now)
    sessions.end_for_accounts(session, ended, now=now)


def export_account(
    settings: Settings, database: Database, member_id: str, *, now: datetime
) -> dict[str, Any] | None:
    """All that is held about the member's account, as its owner would download it; None when there is none."""
    vault = Vault.from_root(settings.secret_key.get_secret_value())
    provider = Provider(
        settings=settings, vault=vault, database=database, spaces=Spaces.read(settings.spaces_dir)
    )
    # Clients are looked up as the web does it, which may note a change: a transaction, not a look.
    with database.transaction() as session:
        account = accounts.by_member(session, member_id)
        if account is None:
            return None
        return data.document(
            session,
            account,
            services=AccountServices(provider),
            say=partial(words.say, language=words.SOURCE),
            locale=words.SOURCE,
            settings=settings,
            now=now,
        )


def erase_accounts(settings: Settings, database: Database, member_id: str, *, now: datetime) -> int:
    """Erase whatever account this member has or had; the services of its sessions are told. How many there were."""
    vault = Vault.from_root(settings.secret_key.get_secret_value())
    provider = Provider(
        settings=settings, vault=vault, database=database, spaces=Spaces.read(settings.spaces_dir)
    )
    with database.transaction() as session:
        found = accounts.of_member(session, member_id)
        for account in found:
            credentials.void(session, account, now=now)
        while any(sessions.owes_news(session, account.id) for account in found):
            backchannel.queue(session, provider=provider, now=now)
        for account in found:
            erasure.erase(session, account, now=now)
    return len(found)


def apply_clients(settings: Settings) -> Applied:
    """Make the client files the clients of the database, all or none. Raises ApplyFailed."""
    with _clients_of(settings) as (database, spaces), database.transaction() as session:
        return client_rows.apply(
            session,
            settings.clients_dir,
            spaces=spaces,
            development=settings.is_development,
            now=SystemClock().now(),
        )


def plan_clients(settings: Settings) -> Applied:
    """What `apply_clients` would change. Raises ApplyFailed."""
    with _clients_of(settings) as (database, spaces), database.reading() as session:
        planned = client_rows.plan(
            session, settings.clients_dir, spaces=spaces, development=settings.is_development
        )
    return planned.changes


@contextmanager
def _clients_of(settings: Settings) -> Iterator[tuple[Database, Spaces]]:
    database = Database(settings.database_url.get_secret_value(), pool_size=1)
    try:
        yield database, Spaces.read(settings.spaces_dir)
    except (BadSpace, BadClient) as problem:
        raise ApplyFailed(str(problem)) from problem
    finally:
        database.dispose()

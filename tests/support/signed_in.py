"""An installation with services that want to be told of logouts, and members who are signed in to them."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import select

from idp.core.db import Database, new_id
from idp.core.mail_courier import mail_courier
from idp.core.mailer import mailer_from_url
from idp.core.outbox import OutboxMessage
from idp.core.settings import Settings
from idp.core.spaces import Spaces
from idp.core.worker import Worker
from idp.oidc import client_rows, grants
from idp.oidc.backchannel import KIND, logout_courier
from idp.oidc.grants import LiveGrant
from idp.oidc.provider import Provider
from idp.sessions import service as sessions
from idp.sessions.assurance import Method
from idp.subjects.accounts import Account
from idp.subjects.members import Member
from tests.support.clock import ManualClock

NOW = datetime(2026, 3, 12, 13, 0, tzinfo=UTC)
POLL = timedelta(milliseconds=10)


class Installation:
    """`open_session("shop")` signs a member in to a service; `end` signs them out."""

    def __init__(self, settings: Settings, database: Database, vault, folder: Path) -> None:
        self.settings = settings.model_copy(update={"clients_dir": folder, "issuer": "http://127.0.0.1:8000"})
        self.database = database
        self.vault = vault
        self.clock = ManualClock(NOW)
        self.spaces = Spaces.read(settings.spaces_dir)
        self.provider = Provider(settings=self.settings, vault=vault, database=database, spaces=self.spaces)
        folder.mkdir()
        self._account_id = self._open_account()

    def add_services(self, **addresses: str) -> None:
        for name, address in addresses.items():
            document = {
                "client_id": name,
                "redirect_uris": [f"http://127.0.0.1:9/{name}"],
                "space": "adherent",
                "id_token_signed_response_alg": "ES256",
                "client_secret_sha256": hashlib.sha256(name.encode()).hexdigest(),
                "backchannel_logout_uri": address,
            }
            lines = [f"{key} = {json.dumps(value)}" for key, value in document.items()]
            (self.settings.clients_dir / f"{name}.toml").write_text("\n".join(lines), encoding="utf-8")
        with self.database.transaction() as session:
            client_rows.apply(
                session, self.settings.clients_dir, spaces=self.spaces, development=True, now=self.clock.now()
            )

    def _open_account(self) -> str:
        member_id, account_id = new_id(), new_id()
        now = self.clock.now()
        member = Member(
            id=member_id, population="adherent", member_number="1234567", access_code_mac="", seen_in=0,
            family_name="Martin", given_name="Camille", code_changed_at=now, row_digest="", status="active",
        )  # fmt: skip
        account = Account(
            id=account_id, member_id=member_id, email="c@example.org", email_folded="c@example.org",
            password_hash="", epoch=0, created_at=now, updated_at=now, terms_version="1", terms_hash="",
            terms_accepted_at=now,
        )  # fmt: skip
        with self.database.transaction() as session:
            session.add(member)
            session.flush()
            session.add(account)
        return account_id

    def open_session(self, *services: str) -> str:
        with self.database.transaction() as session:
            row_id, _ = sessions.open_session(
                session,
                account=session.get_one(Account, self._account_id),
                space=self.spaces["adherent"],
                methods=frozenset({Method.PASSWORD, Method.MAIL_CODE}),
                device_id=None,
                browser_name="Firefox",
                auth_time=self.clock.now(),
                now=self.clock.now(),
            )
            for name in services:
                self.grant(session, row_id, name)
        return row_id

    def grant(self, session, row_id: str, name: str) -> None:
        now = self.clock.now()
        grant = LiveGrant(
            id=new_id(), account_id=self._account_id, client_id=name, session_id=row_id, scope="openid",
            userinfo_claims=(), id_token_claims=(), sid="", epoch=0, auth_time=now, acr="", amr=(), resources=(),
            dpop_jkt=None, offline=False,
        )  # fmt: skip
        grants.add(session, grant, family=None, now=now, forget_at=now + timedelta(days=2))

    def end(self, *row_ids: str) -> None:
        with self.database.transaction() as session:
            for row_id in row_ids:
                sessions.end(session, row_id, now=self.clock.now())

    def sign_out(self, *services: str, times: int = 1) -> None:
        """So many members were signed in to these services, and sign out at once."""
        self.end(*(self.open_session(*services) for _ in range(times)))

    def courier(self, on: Database | None = None):
        database = on or self.database
        provider = Provider(settings=self.settings, vault=self.vault, database=database, spaces=self.spaces)
        return logout_courier(provider, database=database, clock=self.clock, poll=POLL)

    def worker(self, mail_url: str) -> Worker:
        mails = mail_courier(
            database=self.database,
            vault=self.vault,
            mailer=mailer_from_url(mail_url, exchange=timedelta(seconds=2)),
            spaces=self.spaces,
            clock=self.clock,
            settings=self.settings,
            poll=POLL,
        )
        return Worker(database=self.database, clock=self.clock, couriers=(mails, self.courier()))

    def rows(self) -> list[OutboxMessage]:
        with self.database.reading() as session:
            wanted = select(OutboxMessage).where(OutboxMessage.kind == KIND).order_by(OutboxMessage.id)
            return list(session.execute(wanted).scalars())

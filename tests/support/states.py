"""Somebody in every state that an outsider could ask about: for what must look alike, and take as long."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from idp.sessions import service as sessions
from idp.sessions.assurance import Method
from idp.subjects import accounts, letters, members
from idp.subjects.letters import StartedBy
from tests.support.inviting import invite
from tests.support.people import Person, Register
from tests.support.racing import begin_enrolment
from tests.support.surfing import Surfer

# Addresses, numbers and names of one length, so that nothing differs by what was typed.
ACTIVE = Person(
    "5500001", "qbcdefgh", "actif01@example.org", given_name="Ysoline", family_name="Aubépin",
    birth_date="1950-12-31",
)  # fmt: skip
OTHER = Person("5500002", "bcdefghj", "actif02@example.org", given_name="Thibaude", family_name="Valbruyère")
FROZEN = Person("5500003", "cdefghjk", "repos03@example.org", given_name="Gwendal", family_name="Pierrefonte")
LEFT = Person("5500004", "defghjkl", "parti04@example.org", given_name="Bérangère", family_name="Montchêne")
PENDING = Person("5500005", "efghjklm", "cours05@example.org", given_name="Maëlle", family_name="Hautebise")
NEVER = Person(
    "5500006", "fghjklmn", "jamai06@example.org", given_name="Corentin", family_name="Sablonnière",
    birth_date="1950-12-30",
)  # fmt: skip
LETTERED = Person(
    "5500007", "hjklmnpq", "lettr07@example.org", given_name="Hermine", family_name="Grandval",
    birth_date="1950-12-29",
)  # fmt: skip
DISOWNED = Person(
    "5500008", "kmnpqrst", "autre08@example.org", given_name="Apolline", family_name="Rochemaure"
)  # fmt: skip
INVITED = Person("7700001", "jklmnpqr", population="elu", known_email="eluun01@example.org")
WRITTEN = Person("7700002", "klmnpqrs", population="elu")
DELEGATE = Person("7700003", "lmnpqrst", population="elu")
NOBODY = Person("5500009", "ghjklmnp", "aucun09@example.org")
SUBJECTS = (ACTIVE, FROZEN, LEFT, PENDING, NEVER, DISOWNED)
NEW_ADDRESS = "neuf088@example.org"


def prepare(app: Any, register: Register) -> str:
    """Everybody, as they are; the secret of a session of ACTIVE, whose second step was given just now."""
    parts = app.extensions["parvis"]
    register.add(PENDING, NEVER, INVITED, WRITTEN, DELEGATE)
    ids = {
        person: register.open_account(person) for person in (ACTIVE, OTHER, FROZEN, LEFT, LETTERED, DISOWNED)
    }
    register.add(replace(LEFT, status="left"))
    begin_enrolment(parts, PENDING, Surfer(app, "elsewhere", network="192.0.2.1"))
    invite(parts, INVITED)
    invite(parts, WRITTEN, by="letter")
    now = parts.clock.now()
    with parts.database.transaction() as session:
        accounts.rest_second_step(session, ids[FROZEN], until=now + timedelta(days=1))
        accounts.by_id(session, ids[DISOWNED]).email_disowned_at = now
        _write_to(session, parts, LETTERED)
        _, secret = sessions.open_session(
            session,
            account=accounts.by_id(session, ids[ACTIVE]),
            space=parts.spaces.default,
            methods=frozenset({Method.PASSWORD, Method.MAIL_CODE}),
            device_id=None,
            browser_name="Firefox",
            auth_time=now,
            now=now,
            second_step_at=now,
        )
    return secret


def _write_to(session: Any, parts: Any, person: Person) -> None:
    """A recovery letter and a new access code are on their way to this member."""
    member = members.by_number(session, person.population, person.number)
    account = accounts.by_member(session, member.id)
    for kind, subject in (
        (letters.Kind.RECOVERY, letters.recovery_subject(account)),
        (letters.Kind.ACCESS_CODE, member.id),
    ):
        letters.start(
            session,
            vault=parts.vault,
            kind=kind,
            member_id=member.id,
            subject=subject,
            space=parts.spaces.default.name,
            started_by=StartedBy.MEMBER,
            now=parts.clock.now(),
        )

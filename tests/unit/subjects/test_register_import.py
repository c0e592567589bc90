"""An import brings the register up to date, whole or not at all."""

import csv
from datetime import UTC, datetime, timedelta
from pathlib import PosixPath

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from idp.core import audit
from idp.core.audit import AuditEvent
from idp.subjects.directory import DatabaseDirectory
from idp.subjects.members import Member, MemberStatus
from idp.subjects.register_import import ImportRefused, ImportReport, Refusal

# The instant at which the fixture imports unless told otherwise.
NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
LATER = NOW + timedelta(days=1)


def report(**counts: int) -> ImportReport:
    nothing = dict.fromkeys(("read", "new", "changed", "unchanged", "gone", "refused"), 0)
    return ImportReport(**(nothing | counts), dry_run=False)


def contents(back_office) -> list[tuple]:
    columns = [column.name for column in Member.__table__.columns]
    return [tuple(getattr(member, name) for name in columns) for member in back_office.members().values()]


def test_new_members_are_kept_without_their_code_in_clear(back_office, line):
    outcome = back_office.take(
        line("0012345", "abcdefgh", email="camille@example.org", birth_date="1984-05-17")
    )

    member = back_office.members()["0012345"]
    assert outcome == report(read=1, new=1)
    assert (member.family_name, member.given_name) == ("Aubépin", "Camille")
    assert member.email == "camille@example.org"
    assert member.birth_date.isoformat() == "1984-05-17"
    assert (member.is_active, member.code_changed_at, member.gone_at, member.seen_in) == (True, NOW, None, 1)
    assert "abcdefgh" not in repr(vars(member))
    assert len(member.access_code_mac) == 64


def test_the_same_file_again_changes_nothing(back_office, line):
    lines = [line(str(number)) for number in range(10000, 10050)]
    back_office.take(*lines)
    before = {number: (member.id, member.seen_in) for number, member in back_office.members().items()}

    outcome = back_office.take(*lines, now=LATER)

    after = {number: (member.id, member.seen_in) for number, member in back_office.members().items()}
    assert outcome == report(read=50, unchanged=50)
    assert after == before


def test_a_changed_name_is_taken_and_the_code_stays_as_old_as_it_was(back_office, line):
    back_office.take(line(), line("7654321"))
    before = back_office.members()

    outcome = back_office.take(line(family_name="Ronce"), line("7654321"), now=LATER)

    member = back_office.members()["1234567"]
    assert outcome == report(read=2, changed=1, unchanged=1)
    assert (member.id, member.family_name) == (before["1234567"].id, "Ronce")
    assert (member.code_changed_at, member.access_code_mac) == (NOW, before["1234567"].access_code_mac)


def test_a_changed_code_voids_the_old_one(back_office, line, vault):
    directory = DatabaseDirectory(vault)
    back_office.take(line(code="abcdefgh"))

    back_office.take(line(code="zyxwvuts"), now=LATER)

    with back_office.database.reading() as session:
        assert directory.matches(session, "adherent", "1234567", "abcdefgh") is None
        assert directory.matches(session, "adherent", "1234567", "zyxwvuts") is not None
    assert back_office.members()["1234567"].code_changed_at == LATER


def test_members_of_two_populations_may_share_a_number(back_office, line):
    outcome = back_office.take(line(), line(population="elu"))

    assert outcome == report(read=2, new=2)


def test_a_member_who_left_is_told_once_in_the_same_transaction(back_office, line):
    back_office.take(line(), line("7654321"))
    member_id = back_office.members()["1234567"].id

    first = back_office.take(line(status="left"), line("7654321"), now=LATER)
    second = back_office.take(line(status="left"), line("7654321"), now=LATER + timedelta(days=1))

    assert (first, second) == (report(read=2, changed=1, unchanged=1), report(read=2, unchanged=2))
    assert back_office.left == [member_id]
    member = back_office.members()["1234567"]
    assert (member.status, member.gone_at) == (MemberStatus.LEFT, LATER)


def test_when_what_a_member_held_cannot_be_ended_nothing_is_imported(back_office, line):
    back_office.take(line())

    def fail(*_: object) -> None:
        raise OSError("the hook failed")

    object.__setattr__(back_office.importer, "on_left", fail)
    with pytest.raises(OSError, match="the hook failed"):
        back_office.take(line(status="left"), line("7654321"), now=LATER)

    assert list(back_office.members()) == ["1234567"]
    assert back_office.members()["1234567"].is_active


def test_many_who_leave_at_once_are_all_told(back_office, line):
    numbers = [str(number) for number in range(10000, 11234)]
    back_office.take(*(line(number) for number in numbers))

    back_office.take(*(line(number, status="left") for number in numbers), now=LATER)

    assert sorted(back_office.left) == sorted(member.id for member in back_office.members().values())
    assert len(back_office.left) == len(numbers)


def test_nobody_goes_unless_the_file_is_full(back_office, line):
    back_office.take(line(), line("7654321"))

    outcome = back_office.take(line(), now=LATER)

    assert outcome == report(read=1, unchanged=1)
    assert back_office.members()["7654321"].is_active


def test_with_a_full_file_the_missing_are_gone(back_office, line):
    everybody = [line(str(number)) for number in range(10000, 10100)]
    back_office.take(*everybody)

    outcome = back_office.take(*everybody[5:], now=LATER, full=True)

    gone = [member for member in back_office.members().values() if not member.is_active]
    assert outcome == report(read=95, unchanged=95, gone=5)
    assert {member.member_number for member in gone} == {"10000", "10001", "10002", "10003", "10004"}
    assert {member.gone_at for member in gone} == {LATER}
    assert sorted(back_office.left) == sorted(member.id for member in gone)


def test_who_is_gone_already_is_not_gone_again_and_may_come_back(back_office, line):
    everybody = [line(str(number)) for number in range(10000, 10100)]
    back_office.take(*everybody)
    back_office.take(*everybody[1:], now=LATER, full=True)

    again = back_office.take(*everybody[1:], now=LATER, full=True)
    back = back_office.take(*everybody, now=LATER, full=True)

    assert (again, back) == (report(read=99, unchanged=99), report(read=100, changed=1, unchanged=99))
    member = back_office.members()["10000"]
    assert (member.is_active, member.gone_at) == (True, None)


def test_more_than_five_percent_gone_is_refused_without_force(back_office, line):
    everybody = [line(str(number)) for number in range(10000, 10100)]
    back_office.take(*everybody)

    refused = back_office.take(*everybody[6:], now=LATER, full=True)
    active = sum(member.is_active for member in back_office.members().values())
    forced = back_office.take(*everybody[6:], now=LATER, full=True, force=True)

    assert isinstance(refused, ImportRefused)
    assert refused.refusal is Refusal.TOO_MANY_GONE
    assert refused.sentence.startswith("6 of 100 active members are missing")
    assert active == 100
    assert forced == report(read=94, unchanged=94, gone=6)


def test_a_full_file_that_forgets_a_whole_population_is_refused(back_office, line):
    adherents = [line(str(number)) for number in range(10000, 10100)]
    back_office.take(*adherents, line("20000", population="elu"))

    refused = back_office.take(*adherents, now=LATER, full=True)

    assert isinstance(refused, ImportRefused)
    assert "every active member of elu" in refused.sentence


def test_an_empty_full_file_is_refused(back_office, line):
    back_office.take(line())

    assert isinstance(back_office.take(full=True), ImportRefused)
    assert back_office.members()["1234567"].is_active


def test_a_member_whose_line_is_refused_is_not_gone(back_office, line):
    everybody = [line(str(number)) for number in range(10000, 10100)]
    back_office.take(*everybody)

    outcome = back_office.take(*everybody[1:], line("10000", email="nonsense"), now=LATER, full=True)

    assert outcome == report(read=100, unchanged=99, refused=1)
    assert back_office.members()["10000"].is_active


def test_a_dry_run_reports_the_same_and_changes_nothing(back_office, line):
    back_office.take(line(), line("7654321"))
    before = contents(back_office)
    lines = (line(family_name="Ronce"), line("99999"), line("7654321", status="left"), line("12"))

    dry = back_office.take(*lines, now=LATER, dry_run=True)

    assert dry == ImportReport(read=4, new=1, changed=2, unchanged=0, gone=0, refused=1, dry_run=True)
    assert back_office.left == []
    assert contents(back_office) == before
    assert back_office.take(*lines, now=LATER) == report(read=4, new=1, changed=2, refused=1)


def test_refused_lines_are_listed_in_order_without_codes_or_formulas(back_office, line):
    outcome = back_office.take(
        line(),
        line("12", "secretcode"),
        "adherent,secretcode,x",
        line("7654321", family_name="=HYPERLINK(1)"),
        b"adherent,7654322,secretcode,\xff\xfe,Camille,,,active",
        line(code="secretcode"),
    )

    assert outcome == report(read=6, new=1, refused=5)
    assert list(csv.reader(back_office.refused().splitlines())) == [
        ["line", "population", "member_number", "reason"],
        ["3", "adherent", "", "member_number does not have the agreed form"],
        ["4", "", "", "the line has 3 cells instead of 8"],
        ["5", "adherent", "7654321", "family_name is not a name"],
        ["6", "", "", "the line is not UTF-8"],
        ["7", "adherent", "1234567", "the same member is already on line 2"],
    ]
    assert "secret" not in back_office.refused()
    assert back_office.refused_file.stat().st_mode & 0o777 == 0o600


def test_a_line_repeated_many_times_is_taken_once(back_office, line):
    outcome = back_office.take(*[line()] * 5000)

    assert outcome == report(read=5000, new=1, refused=4999)


def test_the_refused_file_of_an_earlier_import_does_not_outlive_its_cause(back_office, line):
    back_office.take(line("12"))

    back_office.take(line())

    assert back_office.refused() == "line,population,member_number,reason\n"


def test_no_file_is_left_where_nothing_was_refused(back_office, line):
    back_office.take(line())

    assert not back_office.refused_file.exists()


def test_a_file_that_is_no_register_is_refused_with_its_number(back_office, line):
    outcome = back_office.take(line(), header="numero;code")

    assert isinstance(outcome, ImportRefused)
    assert outcome.refusal == "P-9011"
    assert back_office.members() == {}


def test_progress_adds_up_to_the_size_of_the_file(back_office, line):
    lines = [line(str(number)) for number in range(10000, 15000)]

    back_office.take(*lines)

    header = "population,member_number,access_code,family_name,given_name,birth_date,email,status\n"
    assert back_office.told == len(header) + sum(len(each.encode()) + 1 for each in lines)


class WhileLookedAt(PosixPath):
    """A path where something happens when the import, having found the differences, looks at it."""

    def exists(self) -> bool:
        self.happening()
        return False


def test_an_import_that_another_overtook_is_refused_whole(back_office, line):
    back_office.take(line())
    first = []
    path, back_office.refused_file = back_office.refused_file, WhileLookedAt(back_office.refused_file)

    def another_import() -> None:
        back_office.refused_file = path
        first.append(back_office.take(line(given_name="Première"), now=LATER))

    back_office.refused_file.happening = another_import
    second = back_office.take(line(given_name="Seconde"), line("7654321"), now=LATER)

    assert first == [report(read=1, changed=1)]
    assert isinstance(second, ImportRefused)
    assert second.refusal is Refusal.OVERTAKEN
    assert {number: row.given_name for number, row in back_office.members().items()} == {
        "1234567": "Première"
    }


def test_others_go_on_writing_while_a_file_is_read_and_compared(back_office, line, database):
    written = []
    back_office.take(line())

    def sign_in(_read: int) -> None:
        with database.transaction() as session:
            audit.record(session, now=LATER, event="session.opened")
        written.append("while reading")

    back_office.progress = sign_in
    back_office.refused_file = WhileLookedAt(back_office.refused_file)
    back_office.refused_file.happening = lambda: sign_in(0)
    outcome = back_office.take(*(line(str(number)) for number in range(10000, 15000)), now=LATER)

    assert outcome == report(read=5000, new=5000)
    assert len(written) == 4  # three batches of lines, and once when all were compared


def test_an_import_is_in_the_audit_trail(back_office, line, database):
    back_office.take(line(), line("12"))

    with database.reading() as session:
        event = session.execute(select(AuditEvent)).scalar_one()
    assert (event.event, event.at) == ("register.imported", NOW)
    assert event.facts == {"number": 1, "new": 1, "changed": 0, "gone": 0, "refused": 1}


def test_an_import_leaves_no_trace_on_the_pool(back_office, line, database):
    back_office.take(line(), now=NOW)

    assert database.engine.pool.checkedin() <= 1
    with database.reading() as session:
        assert session.execute(select(func.count()).select_from(Member)).scalar_one() == 1
    with database.reading() as session, pytest.raises(DBAPIError, match="staged_member"):
        session.execute(text("SELECT 1 FROM staged_member"))

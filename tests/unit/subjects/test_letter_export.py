"""The export of letters: what is printed, what never is, and what a crash leaves behind."""

import csv
import stat
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from idp.core.secrets import BadSeal, Vault
from idp.core.spaces import Spaces
from idp.subjects import accounts, invitations, letter_export, letters
from idp.subjects.letter_export import Exporter, NotRecorded
from idp.subjects.letters import Kind, Letter, StartedBy
from idp.subjects.members import Member
from tests.conftest import ROOT
from tests.support.paper import pages
from tests.support.rows import all_rows, events, make_account

NOW = datetime(2026, 3, 12, 9, 30, tzinfo=UTC)
SPACES = Spaces.read(ROOT / "config" / "spaces")


@dataclass
class Office:
    """Letters are begun, a batch is exported, and its files are read."""

    exporter: Exporter
    folder: Path

    @property
    def database(self):
        return self.exporter.database

    def begin(self, name="1", kind=Kind.RECOVERY, **changes):
        """A letter for a member of this number; its identifier."""
        with self.database.transaction() as session:
            account = make_account(session, now=NOW, name=name)
            member = session.get_one(Member, account.member_id)
            for key, value in changes.items():
                setattr(member, key, value)
            subject = letters.recovery_subject(account) if kind is Kind.RECOVERY else member.id
            begun = letters.start(
                session, vault=self.exporter.vault, kind=kind, member_id=member.id, subject=subject,
                space="adherent", started_by=StartedBy.MEMBER, now=NOW,
            )  # fmt: skip
            return begun.id

    def export(self, now=NOW):
        return self.exporter.run(self.folder, now=now, started=lambda _: None, progress=lambda _: None)

    def rows(self, name):
        """The rows of the one file of this name."""
        (file,) = self.folder.glob(f"{name}-*.csv")
        return list(csv.DictReader(file.read_text("utf-8-sig").splitlines()))

    def pages(self, name="letters"):
        (file,) = self.folder.glob(f"{name}-*.pdf")
        return pages(file.read_bytes())

    def letter(self, letter_id):
        with self.database.reading() as session:
            return session.get(Letter, letter_id)

    def account(self, session, name="1"):
        return accounts.by_id(session, f"account-{name}")


@pytest.fixture
def office(sqlite_database, vault, tmp_path):
    return Office(Exporter(sqlite_database, vault, SPACES, "https://connexion.example"), tmp_path / "out")


def test_a_letter_is_in_the_table_and_on_one_page_with_its_code_once(office):
    letter_id = office.begin(given_name="Camille", family_name="Aubépin")

    exported = office.export()

    (row,) = office.rows("letters")
    assert row["letter_id"] == letter_id
    assert (row["kind"], row["population"], row["member_number"]) == ("recovery", "adherent", "1")
    assert (row["family_name"], row["given_name"]) == ("Aubépin", "Camille")
    assert (row["expires_on"], row["requested_at"]) == ("2026-04-01", "2026-03-12T09:30:00+00:00")
    (page,) = office.pages()
    code = row["code"]
    assert len(code) == 12
    assert page.count(f"{code[:4]}  {code[4:8]}  {code[8:]}") == 1
    assert "https://connexion.example/adresse-perdue/lettre" in page
    assert dict(exported.printed) == {"recovery": 1}


def test_the_code_on_paper_opens_what_it_is_for_and_only_once(office):
    office.begin()
    office.export()
    (row,) = office.rows("letters")

    with office.database.transaction() as session:
        redeem = {
            "vault": office.exporter.vault,
            "kind": Kind.RECOVERY,
            "subject": letters.recovery_subject(office.account(session)),
            "entry": row["code"],
            "now": NOW + timedelta(days=20),
        }
        assert isinstance(letters.redeem(session, **redeem), letters.Spent)
        assert letters.redeem(session, **redeem) is letters.Refusal.EXPIRED


def test_after_an_export_no_code_is_left_in_the_database(office):
    letter_id = office.begin()
    office.export()

    (row,) = office.rows("letters")
    assert office.letter(letter_id).sealed is None
    assert office.letter(letter_id).exported_at == NOW
    assert row["code"] not in str(all_rows(office.database))


def test_the_trail_counts_letters_and_names_nobody(office):
    office.begin()
    office.begin("2", Kind.ACCESS_CODE)

    exported = office.export()

    (facts,) = events(office.database, "letters.exported")
    assert facts == {
        "account_id": None, "batch": exported.batch, "recovery": 1, "invitation": 0, "access_code": 1, "dropped": 0,
    }  # fmt: skip


def test_files_are_for_their_owner_only_and_none_is_left_half_written(office):
    office.begin()

    files = office.export().files

    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE(office.folder.stat().st_mode) == 0o700
    assert sorted(office.folder.iterdir()) == sorted(files)


def test_a_second_export_has_nothing_to_do(office):
    office.begin()
    office.export()

    again = office.export(NOW + timedelta(hours=1))

    assert (again.files, again.dropped) == ((), 0)
    assert len(list(office.folder.glob("*.pdf"))) == 1


def test_requests_for_an_access_code_have_files_of_their_own_without_a_code(office):
    office.begin("7", Kind.ACCESS_CODE)

    exported = office.export()

    assert [file.name.split("-2026")[0] for file in exported.files] == ["access-codes", "access-codes"]
    (row,) = office.rows("access-codes")
    assert "code" not in row
    assert row["member_number"] == "7"
    assert "7" in office.pages("access-codes")[0].split()


def test_letters_whose_reason_is_over_are_dropped_and_not_printed(office):
    left = office.begin("1", status="left")
    voided = office.begin("2")
    kept = office.begin("3")
    with office.database.transaction() as session:
        accounts.raise_epoch(session, office.account(session, "2"), now=NOW)

    exported = office.export()

    assert [row["letter_id"] for row in office.rows("letters")] == [kept]
    assert (dict(exported.printed), exported.dropped) == ({"recovery": 1}, 2)
    assert office.letter(left) is office.letter(voided) is None


def test_a_letter_that_expired_while_it_waited_is_dropped(office):
    office.begin()

    exported = office.export(NOW + letters.LIFETIME)

    assert (exported.files, exported.dropped) == ((), 1)


def test_an_invitation_that_was_replaced_is_dropped_and_the_new_one_printed(office):
    with office.database.transaction() as session:
        member = _delegate(session, "7700001")
        for now in (NOW, NOW + letters.PAUSE):
            last = invitations.by_letter(session, member, vault=office.exporter.vault, space="elu", now=now)

    exported = office.export(NOW + letters.PAUSE)

    (page,) = office.pages()
    assert "https://connexion.example/invitation/elu" in page
    assert "7700001" in page
    assert exported.dropped == 1
    with office.database.reading() as session:
        assert session.execute(select(Letter.subject)).scalars().all() == [last.id]


def test_a_name_that_a_spreadsheet_would_run_is_written_as_text(office):
    office.begin("1", family_name='=HYPERLINK("x")', given_name="@Camille")

    office.export()

    (row,) = office.rows("letters")
    assert (row["family_name"], row["given_name"]) == ('\'=HYPERLINK("x")', "'@Camille")


@pytest.mark.parametrize(
    "name", ["Żółć Ștefănița", "Đặng Thị Hương", "Ελένη", "Иван", "O’Brien & <b>Fils</b>", "山田", "x" * 100]
)
def test_every_name_is_printed_or_left_to_the_number(office, name):
    office.begin("1234567", family_name=name, given_name="Ange")

    office.export()

    (page,) = office.pages()
    assert "1234567" in page


def test_a_failure_before_the_end_leaves_no_file_and_every_letter(office, monkeypatch):
    letter_id = office.begin()

    def fails(*_arguments, **_options):
        raise OSError("the disk is full")

    monkeypatch.setattr(letter_export, "_sync", fails)
    with pytest.raises(OSError, match="full"):
        office.export()

    assert list(office.folder.iterdir()) == []
    assert office.letter(letter_id).sealed is not None


def test_a_crash_between_files_and_commit_leaves_a_batch_that_is_exported_again(office):
    letter_id = office.begin()
    with _commit_fails(office.database), pytest.raises(NotRecorded) as doubt:
        office.export()

    assert all(file.exists() for file in doubt.value.files)
    assert office.letter(letter_id).exported_at is None
    (first,) = office.rows("letters")
    for file in doubt.value.files:
        file.unlink()
    office.export()
    assert office.rows("letters") == [first]


def test_under_another_root_secret_nothing_is_exported(office):
    letter_id = office.begin()
    other = Exporter(
        office.database, Vault.from_root("another secret, as long as it must be"), SPACES, "https://x"
    )

    with pytest.raises(BadSeal):
        other.run(office.folder, now=NOW, started=lambda _: None, progress=lambda _: None)

    assert not office.folder.exists()
    assert office.letter(letter_id).sealed is not None


@pytest.mark.postgres
def test_two_exports_at_once_print_each_letter_once(postgres_database, vault, tmp_path):
    office = Office(Exporter(postgres_database, vault, SPACES, "https://connexion.example"), tmp_path / "one")
    other = Office(office.exporter, tmp_path / "two")
    ids = {office.begin(str(number)) for number in range(6)}
    start = threading.Barrier(2)

    def run(each):
        start.wait()
        each.export()

    threads = [threading.Thread(target=run, args=(each,)) for each in (office, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    printed = [
        row["letter_id"]
        for each in (office, other)
        for file in each.folder.glob("letters-*.csv")
        for row in csv.DictReader(file.read_text("utf-8-sig").splitlines())
    ]
    assert sorted(printed) == sorted(ids)


def _delegate(session, number):
    member = Member(
        population="elu", member_number=number, access_code_mac="x", family_name="Montchêne", given_name="Maëlle",
        status="active", code_changed_at=NOW, seen_in=1,
    )  # fmt: skip
    session.add(member)
    session.flush()
    return member


class _commit_fails:  # noqa: N801 (used as a function)
    """The connection is lost at the very end of the transaction."""

    def __init__(self, database):
        self._engine = database.engine

    def __enter__(self):
        event.listen(Session, "before_commit", self._fail)

    def __exit__(self, *_):
        event.remove(Session, "before_commit", self._fail)

    def _fail(self, _session):
        raise ConnectionError("the database is gone")

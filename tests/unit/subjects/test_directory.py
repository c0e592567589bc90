"""The register behind its interface: who is a member, and whose code this is."""

import pytest

from idp.core.secrets import Vault
from idp.subjects.directory import DatabaseDirectory, MemberDirectory, RegisteredMember
from idp.subjects.members import Member


@pytest.fixture
def directory(vault: Vault) -> MemberDirectory:
    return DatabaseDirectory(vault)


def test_the_right_number_and_code_give_the_member(back_office, line, directory, database):
    back_office.take(line("0012345", "abcdefgh", email="camille@example.org"))

    with database.reading() as session:
        member = directory.matches(session, "adherent", "0012345", "abcdefgh")

    assert member == RegisteredMember(
        id=back_office.members()["0012345"].id,
        population="adherent",
        member_number="0012345",
        given_name="Camille",
        family_name="Aubépin",
        birth_date=None,
        email="camille@example.org",
        is_active=True,
    )


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("1234567", "abcdefgh"),
        (" 12 34 567 ", "ABCD EFGH"),
        ("1234\u00a0567", "abcd-efgh"),
        ("1234567", "Abcd‑Efgh"),
    ],
)
def test_a_number_and_a_code_may_be_typed_as_people_do(back_office, line, directory, number, code):
    back_office.take(line("1234567", "ABCD-efgh"))

    with back_office.database.reading() as session:
        assert directory.matches(session, "adherent", number, code) is not None


HOSTILE = [
    "",
    "0",
    "1234568",
    "12345670",
    "01234567",
    "1234567\x00",
    "\ud800",
    "１２３４５６７",
    "9" * 100_000,
    "' OR 1=1 --",
]


@pytest.mark.parametrize("number", HOSTILE, ids=range(len(HOSTILE)))
def test_another_number_matches_nobody(back_office, line, directory, database, number):
    back_office.take(line())

    with database.reading() as session:
        assert directory.matches(session, "adherent", number, "abcdefgh") is None
        assert directory.find(session, "adherent", number) is None


@pytest.mark.parametrize(
    "code", ["", "abcdefg", "abcdefghi", "abcdefgh\x00", "\ud800", "a" * 100_000, "-" * 64]
)
def test_another_code_matches_nobody(back_office, line, directory, database, code):
    back_office.take(line())

    with database.reading() as session:
        assert directory.matches(session, "adherent", "1234567", code) is None


@pytest.mark.parametrize("population", ["elu", "", "\x00", "ADHERENT"])
def test_another_population_matches_nobody(back_office, line, directory, database, population):
    back_office.take(line())

    with database.reading() as session:
        assert directory.matches(session, population, "1234567", "abcdefgh") is None


def test_a_member_who_left_is_found_but_matches_no_code(back_office, line, directory, database):
    back_office.take(line(status="left"), line("7654321", "", status="left"))

    with database.reading() as session:
        assert directory.matches(session, "adherent", "1234567", "abcdefgh") is None
        assert directory.matches(session, "adherent", "7654321", "") is None
        found = directory.find(session, "adherent", "1234567")
        assert found is not None
        assert not found.is_active
        assert directory.by_id(session, found.id) == found


def test_a_code_copied_to_another_row_opens_nothing(back_office, line, directory, database):
    back_office.take(line("1234567", "abcdefgh"), line("7654321", "zyxwvuts"))
    with database.transaction() as session:
        rows = {row.member_number: row for row in session.query(Member)}
        rows["7654321"].access_code_mac = rows["1234567"].access_code_mac

    with database.reading() as session:
        assert directory.matches(session, "adherent", "7654321", "abcdefgh") is None


def test_under_another_root_secret_no_code_matches(back_office, line, database):
    back_office.take(line())
    thief = DatabaseDirectory(Vault.from_root("the database was stolen, but not its secret"))

    with database.reading() as session:
        assert thief.matches(session, "adherent", "1234567", "abcdefgh") is None


def test_unknown_numbers_and_wrong_codes_cost_the_same_work(back_office, line, database):
    back_office.take(line(), line("7654321", status="left"))

    class CountingVault(Vault):
        calls = 0

        def mac(self, purpose: str, *parts: str) -> str:
            self.calls += 1
            return super().mac(purpose, *parts)

    def work(number: str, code: str) -> tuple[int, int]:
        vault = CountingVault(b"a root secret of the tests, long enough")
        statements = []
        listen(database.engine, "before_cursor_execute", lambda *call: statements.append(call[2]))
        with database.reading() as session:
            DatabaseDirectory(vault).matches(session, "adherent", number, code)
        return vault.calls, sum(statement.startswith("SELECT") for statement in statements)

    from sqlalchemy.event import listen

    asked = [
        ("1234567", "abcdefgh"),
        ("1234567", "wrongone"),
        ("7654321", "abcdefgh"),
        ("9999999", "x"),
        ("\x00", "x"),
    ]
    assert {work(number, code) for number, code in asked} == {(1, 1)}

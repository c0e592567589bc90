"""`parvis members letters`, `members invite` and `staff invite`: what they print, and how they end."""

import json

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from idp.cli import main
from idp.core.outbox import OutboxMessage
from idp.subjects import accounts
from idp.subjects.letters import Letter
from tests.conftest import ROOT, ROOT_SECRET
from tests.support.inviting import DELEGATE
from tests.support.people import CAMILLE, SACHA, Person
from tests.support.rows import all_rows, events

pytestmark = pytest.mark.settings(captcha={"login": "off"})
POSTED = Person("7700002", "fghjkmnp", "papier@example.org", population="elu")


@pytest.fixture
def database(sqlite_database):
    return sqlite_database


@pytest.fixture
def parvis(database, register, monkeypatch, tmp_path):
    url = database.engine.url.render_as_string(hide_password=False)
    monkeypatch.setenv("PARVIS_DATABASE_URL", url)
    monkeypatch.setenv("PARVIS_SECRET_KEY", ROOT_SECRET)
    monkeypatch.setenv("PARVIS_PEPPER", "another secret of the tests, long enough")
    monkeypatch.setenv("PARVIS_SPACES_DIR", str(ROOT / "config" / "spaces"))
    monkeypatch.chdir(tmp_path)
    register.open_account(CAMILLE)
    register.add(SACHA, DELEGATE, POSTED)

    def run(*arguments: object):
        return CliRunner().invoke(main, [str(argument) for argument in arguments])

    return run


def test_the_help_desk_begins_a_letter_and_never_sees_its_code(parvis, database, tmp_path):
    begun = parvis("members", "letters", "start", "--population", "adherent", "123 4567")
    listed = parvis("members", "letters", "list", "--json")
    shown = parvis("members", "letters", "list")
    exported = parvis("members", "letters", "export", "--out", "batch", "--json")

    assert (begun.exit_code, listed.exit_code, shown.exit_code, exported.exit_code) == (0, 0, 0, 0)
    (waiting,) = json.loads(listed.stdout)["waiting"]
    assert (waiting["kind"], waiting["member_number"]) == ("recovery", CAMILLE.number)
    assert (waiting["started_by"], waiting["population"]) == ("help-desk", "adherent")
    report = json.loads(exported.stdout)
    assert report["printed"] == {"recovery": 1}
    (table,) = (tmp_path / "batch").glob("letters-*.csv")
    code = table.read_text("utf-8-sig").splitlines()[1].split(",")[6]
    assert len(code) == 12
    said = begun.output + listed.output + shown.output + exported.output
    assert code not in said + str(all_rows(database))
    assert [event["by"] for event in events(database, "letter.begun")] == ["help-desk"]
    assert json.loads(parvis("members", "letters", "list", "--json").stdout)["exported"][0]["letters"] == 1


def test_a_second_letter_within_the_week_is_refused_with_the_day_of_the_next(parvis):
    parvis("members", "letters", "start", "--population", "adherent", CAMILLE.number)

    again = parvis("members", "letters", "start", "--population", "adherent", CAMILLE.number)

    assert again.exit_code == 1
    assert "P-9061: a letter was already begun on " in again.stderr
    assert "the next one may be begun on " in again.stderr


@pytest.mark.parametrize(
    ("number", "told"),
    [(SACHA.number, "P-9062"), ("7654321", "no member of this population has this number")],
)
def test_without_an_account_no_recovery_letter_is_begun(parvis, number, told):
    run = parvis("members", "letters", "start", "--population", "adherent", number)

    assert run.exit_code == 1
    assert told in run.stderr


def test_a_new_access_code_may_be_asked_for_without_an_account(parvis):
    run = parvis(
        "members", "letters", "start", "--population", "adherent", "--kind", "access-code", SACHA.number
    )

    assert run.exit_code == 0


def test_an_export_with_nothing_to_do_says_so_and_ends_well(parvis, tmp_path):
    run = parvis("members", "letters", "export", "--out", "batch")

    assert (run.exit_code, run.stdout) == (0, "no letter waits\n")
    assert not (tmp_path / "batch").exists()


def test_all_who_have_no_account_are_invited_once(parvis, database):
    first = parvis(
        "members", "invite", "--population", "elu", "--all-without-account", "--by", "mail", "--json"
    )
    second = parvis(
        "members", "invite", "--population", "elu", "--all-without-account", "--by", "mail", "--json"
    )

    assert (first.exit_code, second.exit_code) == (0, 0)
    assert json.loads(first.stdout) == {"invited": 1, "no-address": 1}
    assert json.loads(second.stdout) == {"invited": 0, "no-address": 1}
    with database.reading() as session:
        assert session.execute(select(OutboxMessage.kind)).scalars().all() == ["invitation"]


def test_who_has_no_address_is_invited_by_letter(parvis, database):
    run = parvis("members", "invite", "--population", "elu", POSTED.number, "--by", "letter")
    again = parvis("members", "invite", "--population", "elu", POSTED.number, "--by", "letter")

    assert (run.exit_code, run.stdout) == (0, "invited  1\n")
    assert again.exit_code == 1
    assert "P-9061" in again.stderr
    with database.reading() as session:
        assert [row.kind for row in session.execute(select(Letter)).scalars()] == ["invitation"]


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--population", "adherent", SACHA.number, "--by", "mail"], 1, "create their account by themselves"),
        (["--population", "staff", "S123456", "--by", "mail"], 1, "no space invites"),
        (["--population", "elu", POSTED.number, "--by", "mail"], 1, "P-9064: the register holds no address"),
        (["--population", "elu", "7709999", "--by", "mail"], 1, "no member"),
        (["--population", "elu", "--by", "mail"], 2, "either a NUMBER or --all-without-account"),
        (["--population", "elu", POSTED.number, "--by", "pigeon"], 2, "pigeon"),
    ],
)
def test_who_cannot_be_invited_is_told_why(parvis, arguments, code, told):
    run = parvis("members", "invite", *arguments)

    assert run.exit_code == code
    assert told in run.stderr


def test_the_first_administrator_is_invited_and_a_second_mail_must_be_asked_for(parvis, database):
    first = parvis("staff", "invite", "Admin@example.org", "--role", "administrator")
    second = parvis("staff", "invite", "admin@example.org", "--role", "auditor")
    again = parvis("staff", "invite", "admin@example.org", "--role", "auditor", "--again")

    assert (first.exit_code, second.exit_code, again.exit_code) == (0, 1, 0)
    assert "goes to Admin@example.org" in first.stdout
    assert "P-9065: this address was invited" in second.stderr
    assert first.stdout.splitlines()[1] == again.stdout.splitlines()[1]
    assert [event["role"] for event in events(database, "staff.invited")] == ["administrator", "auditor"]


def test_an_address_that_opens_a_member_account_is_refused_to_the_staff(parvis, database):
    run = parvis("staff", "invite", CAMILLE.email, "--role", "helpdesk")

    assert run.exit_code == 1
    assert "P-9066" in run.stderr
    with database.reading() as session:
        assert accounts.by_email(session, CAMILLE.email) is not None
        assert "staff" not in {row.population for row in _members(session)}


@pytest.mark.parametrize(
    "arguments", [["nobody", "--role", "auditor"], ["a@example.org"], ["a@example.org", "--role", "king"]]
)
def test_a_wrong_use_ends_with_2(arguments):
    assert CliRunner().invoke(main, ["staff", "invite", *arguments]).exit_code == 2


def _members(session):
    from idp.subjects.members import Member

    return session.execute(select(Member)).scalars()

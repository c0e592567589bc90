"""`parvis mail terms`: every account of a space is told of new terms, once, and no sign-in waits behind it."""

from datetime import timedelta

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from idp.cli import main
from idp.core import outbox
from idp.core.outbox import OutboxMessage
from idp.subjects import accounts, terms
from tests.support.people import CAMILLE, MAELLE, SACHA, Person
from tests.support.spaces import spaces_with

ELECTED = Person("7700001", "efghjkmn", "elue@example.org", population="elu")


@pytest.fixture
def database(sqlite_database):
    return sqlite_database


@pytest.fixture
def settings(settings, tmp_path):
    folder = spaces_with(tmp_path, "adherent", terms_version='"2026-07"', terms_date="2026-07-01")
    return settings.model_copy(update={"spaces_dir": folder})


@pytest.fixture
def parvis(monkeypatch, parts, register):
    """The command, in front of three members, of whom Maëlle has accepted already, and of a delegate."""
    secrets = {"SECRET_KEY": parts.settings.secret_key, "PEPPER": parts.settings.pepper}
    for name, value in {**secrets, "DATABASE_URL": parts.settings.database_url}.items():
        monkeypatch.setenv(f"PARVIS_{name}", value.get_secret_value())
    monkeypatch.setenv("PARVIS_SPACES_DIR", str(parts.settings.spaces_dir))
    for person in (CAMILLE, SACHA, MAELLE, ELECTED):
        register.open_account(person)
    with parts.database.transaction() as session:
        for person in (CAMILLE, SACHA, MAELLE, ELECTED):
            account = accounts.by_email(session, person.email)
            account.terms_version, account.terms_space = "2026-01", person.population
        space = parts.spaces["adherent"]
        maelle = accounts.by_email(session, MAELLE.email)
        terms.accept(session, maelle, space=space, now=parts.clock.now())

    def run(*arguments):
        return CliRunner().invoke(main, ["mail", "terms", *arguments])

    return run


def queued(parts):
    with parts.database.reading() as session:
        rows = session.execute(select(OutboxMessage).order_by(OutboxMessage.not_before)).scalars()
        return [(row.not_before, outbox.contents_of(parts.vault, row)) for row in rows]


def test_whoever_has_not_accepted_is_told_once_by_name_with_the_day_and_the_text(parvis, parts):
    run = parvis("--space", "adherent", "--per-minute", "1")

    assert run.exit_code == 0, run.output
    assert "2 mails queued" in run.stdout
    (first, one), (second, other) = queued(parts)
    assert {one["recipient"], other["recipient"]} == {CAMILLE.email, SACHA.email}
    assert {one["context"]["given_name"], other["context"]["given_name"]} == {"Camille", "Sacha"}
    assert one["context"]["terms_date"] == "2026-07-01"
    assert one["context"]["terms_url"].endswith("/cgu?espace=adherent")
    # They leave one after the other: the code of a sign-in is due at once, and goes first.
    assert second - first == timedelta(minutes=1)

    again = parvis("--space", "adherent")

    assert "0 mails queued" in again.stdout
    assert len(queued(parts)) == 2


def test_a_dry_run_only_counts(parvis, parts):
    run = parvis("--space", "adherent", "--dry-run")

    assert run.stdout == "terms 2026-07 of adherent, from 2026-07-01: 2 accounts would be told\n"
    assert queued(parts) == []


def test_a_space_whose_terms_have_no_day_is_refused(parvis, parts):
    run = parvis("--space", "elu")

    assert run.exit_code == 2
    assert "terms_date" in run.stderr
    assert queued(parts) == []

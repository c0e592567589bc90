"""`parvis members` on the command line: what it prints, and how it ends."""

import json

import pytest
from click.testing import CliRunner

from idp.cli_members import members
from tests.conftest import ROOT


@pytest.fixture
def parvis(database, monkeypatch, tmp_path):
    url = database.engine.url.render_as_string(hide_password=False)
    monkeypatch.setenv("PARVIS_DATABASE_URL", url)
    monkeypatch.setenv("PARVIS_SECRET_KEY", "a root secret of the tests, long enough")
    monkeypatch.setenv("PARVIS_PEPPER", "another secret of the tests, long enough")
    monkeypatch.setenv("PARVIS_SPACES_DIR", str(ROOT / "config" / "spaces"))
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object):
        return CliRunner().invoke(members, [str(argument) for argument in arguments])

    return run


def test_an_invented_register_is_imported_and_a_member_shown(parvis, tmp_path):
    file = tmp_path / "register.csv"

    assert parvis("synthetic", "--rows", 200, "--seed", 7, file).exit_code == 0
    imported = parvis("import", file, "--json")
    shown = parvis("show", "1234567", "--json")

    assert imported.exit_code == 0
    assert json.loads(imported.stdout) == {
        "read": 200,
        "new": 200,
        "changed": 0,
        "unchanged": 0,
        "gone": 0,
        "refused": 0,
        "dry_run": False,
        "refused_file": None,
    }
    member = json.loads(shown.stdout)[0]
    assert (member["given_name"], member["family_name"], member["status"]) == ("Camille", "Aubépin", "active")
    assert "abcdefgh" not in shown.output
    assert "mac" not in shown.output


def test_refused_lines_are_a_warning_and_their_file_stands_beside_the_input(parvis, tmp_path, line):
    file = tmp_path / "march.csv"
    header = "population,member_number,access_code,family_name,given_name,birth_date,email,status"
    file.write_text("\n".join([header, line(), line("12")]), "utf-8")

    run = parvis("import", file)

    assert run.exit_code == 0
    assert "refused    1" in run.stdout
    assert "1 lines were refused" in run.stderr
    assert (tmp_path / "march.refused.csv").read_text("utf-8").splitlines()[1].startswith("3,adherent,,")


def test_a_file_that_is_no_register_ends_with_1_and_its_number(parvis, tmp_path):
    file = tmp_path / "register.csv"
    file.write_bytes(b"\x00\xff" * 1000)

    run = parvis("import", file, "--json")

    assert run.exit_code == 1
    assert json.loads(run.stdout)["error"] == "P-9011"
    assert "P-9011: the first line must be exactly" in run.stderr


def test_a_number_of_nobody_ends_with_1(parvis):
    run = parvis("show", "0000000")

    assert run.exit_code == 1
    assert run.stdout == ""
    assert "no member has this number" in run.stderr


@pytest.mark.parametrize(
    "arguments", [["import"], ["import", "missing.csv"], ["show"], ["import", "--what", "x"]]
)
def test_a_wrong_use_ends_with_2(parvis, arguments):
    assert parvis(*arguments).exit_code == 2


def test_the_input_is_never_overwritten_by_its_refusals(parvis, tmp_path, line):
    file = tmp_path / "register.csv"
    file.write_text("something", "utf-8")

    run = parvis("import", file, "--refused", file)

    assert run.exit_code == 2
    assert file.read_text("utf-8") == "something"


def test_a_database_without_tables_is_told_in_one_line(parvis, tmp_path, monkeypatch):
    file = tmp_path / "register.csv"
    parvis("synthetic", "--rows", 5, file)
    monkeypatch.setenv("PARVIS_DATABASE_URL", f"sqlite:///{tmp_path}/empty.db")

    run = parvis("import", file)

    assert run.exit_code == 1
    assert "Error: P-9021: the database: no such table" in run.stderr
    assert "Traceback" not in run.output


def test_wrong_settings_are_told_in_one_line(parvis, tmp_path, monkeypatch):
    monkeypatch.setenv("PARVIS_SECRET_KEY", "short")

    run = parvis("show", "1234567")

    assert run.exit_code == 1
    assert "at least 32 characters" in run.stderr

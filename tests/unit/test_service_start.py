"""What the commands that start a service say when a space cannot be used."""

import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from idp.cli import main

SHIPPED = Path(__file__).parents[2] / "config" / "spaces"


@pytest.mark.parametrize("command", [["run"], ["worker"], ["config", "check"]])
def test_a_theme_that_cannot_be_read_stops_the_start_with_both_numbers(command, tmp_path, monkeypatch):
    folder = shutil.copytree(SHIPPED, tmp_path / "spaces")
    path = folder / "elu" / "space.toml"
    path.write_text(re.sub(r'on_band = "#\w+"', 'on_band = "#777777"', path.read_text()))
    monkeypatch.setenv("PARVIS_SPACES_DIR", str(folder))
    monkeypatch.setenv("PARVIS_SECRET_KEY", "the root secret of the tests, long enough")
    monkeypatch.setenv("PARVIS_PEPPER", "the pepper of the tests, long enough too")

    run = CliRunner().invoke(main, command)

    assert run.exit_code == 1
    assert (
        f"P-9007: {path}: colours.on_band #777777 on #3a1638 (colours.band) has a contrast of " in run.stderr
    )
    assert run.stderr.count("; it needs 4.5:1") == 2
    assert "Traceback" not in run.output

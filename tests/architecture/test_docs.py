"""The documents stay true: their links lead somewhere, the commands that they show exist."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT, name_of, own_files

LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)[^)]*\)|<img[^>]+src=\"(?!https?:)([^\"]+)\"")
MAKE = re.compile(r"\bmake ([a-z]+)\b")
DOCUMENTS = [path for path in own_files() if path.suffix == ".md"]


def shown_commands(text: str) -> set[str]:
    """The make targets named in code spans and blocks; "make sure" in a sentence is not one."""
    code = re.findall(r"```.*?```|`[^`\n]+`", text, re.DOTALL)
    return {target for span in code for target in MAKE.findall(span)}


@pytest.mark.parametrize("document", DOCUMENTS, ids=map(name_of, DOCUMENTS))
def test_every_link_of_a_document_leads_to_a_file(document: Path):
    targets = [first or second for first, second in LINK.findall(document.read_text(encoding="utf-8"))]

    assert [target for target in targets if not (document.parent / target).exists()] == []


def test_every_make_target_that_a_document_shows_exists():
    answer = subprocess.run(["make", "-C", ROOT, "help"], capture_output=True, text=True, check=True)
    targets = set(re.findall(r"^make (\w+) ", answer.stdout, re.MULTILINE))

    shown = {name_of(path): shown_commands(path.read_text(encoding="utf-8")) for path in DOCUMENTS}

    assert targets
    assert {name: commands - targets for name, commands in shown.items() if commands - targets} == {}

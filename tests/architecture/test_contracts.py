"""The import contracts of pyproject.toml hold, and each of them can fail."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT, name_of, python_files

PLANTS = [
    ("idp/core/planted.py", "import idp.web\n", "Dependencies point down"),
    ("idp/oidc/planted.py", "import idp.enrolment\n", "Dependencies point down"),
    ("idp/newroom.py", "", "Dependencies point down"),
    ("idp/subjects/planted.py", "import flask\n", "No Flask below web"),
    ("idp/login/planted.py", "import authlib\n", "Authlib inside idp.oidc only"),
    (
        "idp/login/steps/planted.py",
        "import idp.login.steps.password\n",
        "One step of the sign-in never imports another",
    ),
    ("examples/planted.py", "import idp.core\n", "The example services use public OIDC only"),
    ("idp/core/planted.py", "import examples\n", "The provider does not know the example services"),
]


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run([program, "--no-cache"], cwd=folder, capture_output=True, text=True, check=False)


def test_the_import_contracts_hold():
    answer = lint_imports(ROOT)

    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.mark.slow
@pytest.mark.parametrize(("path", "text", "contract"), PLANTS)
def test_an_import_that_a_contract_forbids_breaks_it(tmp_path, path, text, contract):
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for source in python_files("idp", "examples"):
        copy = tmp_path / name_of(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, copy)
    (tmp_path / path).write_text(text)

    answer = lint_imports(tmp_path)

    assert answer.returncode == 1
    assert f"{contract} BROKEN" in answer.stdout

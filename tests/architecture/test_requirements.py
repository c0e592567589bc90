"""What is installed is pinned, hashed, and the same for those who run and those who develop."""

import re
import tomllib

import pytest

from tests.architecture.tree import ROOT

PIN = re.compile(
    r"^([a-z0-9._-]+)==(\S+)(?: ;[^\\]*)? \\\n(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+", re.MULTILINE
)


def text_of(kind: str) -> str:
    return (ROOT / f"requirements/{kind}.txt").read_text()


def pins_of(kind: str) -> set[tuple[str, str]]:
    return {(match[1], match[2]) for match in PIN.finditer(text_of(kind))}


@pytest.mark.parametrize("kind", ["run", "dev"])
def test_every_requirement_is_an_exact_version_with_hashes(kind):
    requirements = [line for line in text_of(kind).splitlines() if line and not line.startswith((" ", "#"))]

    assert requirements
    assert len(PIN.findall(text_of(kind))) == len(requirements)


def test_what_runs_is_what_was_tested():
    assert pins_of("run")
    assert pins_of("run") <= pins_of("dev")


def test_every_dependency_of_the_package_is_pinned():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [
        *project["project"]["dependencies"],
        *project["project"]["optional-dependencies"]["demo"],
        *project["dependency-groups"]["build"],
    ]

    names = {re.match(r"[a-z0-9._-]+", requirement.lower())[0] for requirement in wanted}

    assert names - {name for name, _ in pins_of("run")} == set()

"""Each module of the conformance suite that we promise has its test, and the reference names them all."""

import re
import subprocess
import sys

import pytest

from tests.architecture.tree import ROOT
from tools import conformance
from tools.conformance import Module, NotShown

# A test that is skipped, or may fail, shows nothing.
MAY_NOT_RUN = re.compile(r"\bpytest\.(?:mark\.)?(?:skip|skipif|xfail|importorskip)\b")
PAGE = "docs/reference/conformance.md"
SHOWN = [module for module in conformance.modules() if module.is_shown]


def test_the_page_is_current():
    assert (ROOT / PAGE).read_text(encoding="utf-8") == conformance.page(), "make reference writes it"


def test_every_plan_of_the_list_has_a_file_and_no_module_is_in_it_twice():
    modules = list(conformance.modules())

    assert {module.plan for module in modules} == conformance.PLANS.keys()
    assert len({(module.plan, module.name) for module in modules}) == len(modules)


def test_every_function_of_these_files_is_a_module_of_the_suite():
    # A misspelt name would else be a test that the table does not know.
    named = {(module.file, module.function) for module in conformance.modules()}
    files = {module.file for module in SHOWN}
    written = {
        (file, name) for file in files for name in conformance.functions(file) if name.startswith("test_")
    }

    assert written - named == set()


def test_each_of_these_tests_always_runs():
    texts = {module.file: (ROOT / module.file).read_text(encoding="utf-8") for module in SHOWN}

    assert {file: found for file, text in texts.items() if (found := MAY_NOT_RUN.findall(text))} == {}


@pytest.mark.parametrize("need", ["must", "must (behaviour)", "should"])
def test_a_promised_module_without_test_stops_the_page(need):
    promised = Module("oidcc-basic-certification-test-plan", "oidcc-never-written", need)

    with pytest.raises(NotShown, match=r"test_oidcc_never_written\[query\]"):
        conformance._row(promised)


def test_an_optional_module_without_test_is_said_to_be_one():
    optional = Module("oidcc-dynamic-certification-test-plan", "oidcc-never-written", "optional (needs DCR)")

    assert conformance._row(optional).endswith("| optional, not shown |")


@pytest.mark.slow
def test_every_named_test_is_collected(request):
    named = {module.node for module in SHOWN}
    missing = named - _with_functions(item.nodeid for item in request.session.items)
    # Where only some tests run, the others are looked for.
    assert not missing or named - _with_functions(_collected()) == set()


def _with_functions(nodes):
    """A table of values within one module gives several tests; pytest runs them all by their function's name."""
    found = set(nodes)
    return found | {node.partition("[")[0] for node in found}


def _collected():
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:xdist", "-o", "addopts="]
    options = ["--import-mode=importlib", conformance.FOLDER]
    answer = subprocess.run([*command, *options], cwd=ROOT, capture_output=True, text=True, check=True)

    return {line for line in answer.stdout.splitlines() if "::" in line}

"""`make lighthouse`: what Lighthouse thinks of the main pages of a demo, on a phone, median of three.

Exits 1 when a page stays below what we promise: accessibility 100, best practices 100, performance 98.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import BrowserContext, Page, sync_playwright

from tests.browser.conftest import ARGUMENTS, CHROMIUM, running_demo
from tests.browser.member import Demo, Member
from tests.interop import packages

FOLDER = Path(__file__).parent / "lighthouse"
LIGHTHOUSE = FOLDER / "node_modules" / "lighthouse" / "cli" / "index.js"
LEAST = {"performance": 98, "accessibility": 100, "best-practices": 100}
RUNS = 3
FLAGS = "--headless=new --no-sandbox"
# Now and then Chromium's trace lacks its beginning, and Lighthouse says itself: "Please run Lighthouse again".
ATTEMPTS = 5
AGAIN = "NO_NAVSTART"


def main() -> int:
    """Start a demo, measure, print the table; the exit code."""
    node = packages.ready(FOLDER)
    with tempfile.TemporaryDirectory() as folder, running_demo(Path(folder)) as demo:
        poor = [address for address, cookies in _pages(demo) if not _measure(node, address, cookies)]
    if poor:
        print(f"below {LEAST}: {', '.join(poor)}")
    return 1 if poor else 0


def _pages(demo: Demo) -> Iterator[tuple[str, str]]:
    """The main pages, each with the cookies without which it would be another."""
    print(f"{'page':<28}" + "".join(f"{name:>16}" for name in LEAST))
    for path in ("/", "/connexion", "/inscription", "/aide", "/cgu", "/acces-perdus"):
        yield demo.provider + path, ""
    with _newcomer(demo) as member:
        yield member.page.url, _cookies(member.page.context)
        yield f"{demo.provider}/inscription/code", _cookies(member.page.context)
        member.activate()
        member.page.click("text=Me connecter")
        member.give_password()
        member.page.wait_for_url("**/connexion/code*")
        yield member.page.url, _cookies(member.page.context)


@contextmanager
def _newcomer(demo: Demo) -> Iterator[Member]:
    """Somebody who has just created an account, on « Validation »."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page: Page = browser.new_context(locale="fr-FR").new_page()
        number, code = demo.members[0]
        member = Member(page, demo, number, code, email="membre@example.org")
        page.goto(f"{demo.member_space}/login/adherent")
        page.click("text=Créer son compte")
        member.enrol()
        page.wait_for_url("**/inscription/validation*")
        yield member
        browser.close()


def _cookies(context: BrowserContext) -> str:
    """The Cookie header of a browser; every port shares one jar."""
    return "; ".join(f"{cookie['name']}={cookie['value']}" for cookie in context.cookies())


def _measure(node: str, address: str, cookies: str) -> bool:
    """Print the medians of one page; whether all are good enough."""
    runs = [_run(node, address, cookies) for _ in range(RUNS)]
    scores = {name: round(statistics.median(run[name] for run in runs)) for name in LEAST}
    path = address.split("/", 3)[3].partition("?")[0]
    print(f"{'/' + path:<28}" + "".join(f"{score:>16}" for score in scores.values()), flush=True)
    failed = sorted({title for run in runs for title in run["failed"]})
    for title in failed:
        print(f"    {title}")
    return all(scores[name] >= least for name, least in LEAST.items())


def _run(node: str, address: str, cookies: str) -> dict:
    command = [
        node, str(LIGHTHOUSE), address, "--quiet", "--output=json", f"--only-categories={','.join(LEAST)}",
        f"--chrome-flags={FLAGS}",
    ]  # fmt: skip
    if cookies:
        command += ["--extra-headers", json.dumps({"Cookie": cookies})]
    environment = {**os.environ, "CHROME_PATH": CHROMIUM}
    for _ in range(ATTEMPTS):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if AGAIN not in done.stderr:
            break
    if done.returncode != 0:
        raise RuntimeError(f"Lighthouse could not measure {address}:\n{done.stderr[-2000:]}")
    report = json.loads(done.stdout)
    shown = report["finalDisplayedUrl"]
    if shown.partition("?")[0] != address.partition("?")[0]:
        raise RuntimeError(f"{address} led to {shown}")
    categories = report["categories"]
    scores = {name: (categories[name]["score"] or 0) * 100 for name in LEAST}
    return {**scores, "failed": _failed(report, categories)}


def _failed(report: dict, categories: dict) -> list[str]:
    """The audits that cost points in the two categories that must be whole."""
    named = [
        audit["id"]
        for name in ("accessibility", "best-practices")
        for audit in categories[name]["auditRefs"]
        if audit["weight"]
    ]
    audits = report["audits"]
    return [f"{name}: {audits[name]['title']}" for name in named if audits[name]["score"] not in {None, 1}]


if __name__ == "__main__":
    sys.exit(main())

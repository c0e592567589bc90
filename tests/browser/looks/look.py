"""One visit to a scene, and all that is found there."""

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Request

from tests.browser.looks.scenes import Scene
from tests.browser.looks.visitor import Visitor
from tests.browser.looks.world import Served, World

DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 320, "height": 640}
PROBES = (Path(__file__).parent / "probes.js").read_text(encoding="utf-8")
AXE = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
    # No page holds a frame, and of what axe fetches before it looks only sounds matter to these rules.
    "iframes": False,
    "preload": {"assets": ["media"]},
}
# What depends on colours, sizes and places; the other rules read the document, which is the same on every screen.
AXE_SEEN = {
    "runOnly": {
        "type": "rule",
        "values": [
            "color-contrast", "css-orientation-lock", "link-in-text-block", "meta-viewport",
            "scrollable-region-focusable", "target-size",
        ],
    },
    "resultTypes": ["violations"],
    "iframes": False,
    "preload": {"assets": ["cssom"]},
}  # fmt: skip
# All that one state of the page is asked at once. The text size is set as a browser's own setting does: pages measure
# in rem.
ASK = """async ({ probes: names, axe: options, times }) => {
    bringEyes();
    const root = document.documentElement;
    if (times) root.style.fontSize = parseFloat(getComputedStyle(root).fontSize) * times + "px";
    const found = Object.fromEntries(names.map((name) => [name, probes[name]()]));
    if (times) root.style.fontSize = "";
    if (options) found.axe = (await axe.run(document, options)).violations;
    return found;
}"""
FACTS = """() => ({
    language: document.documentElement.lang,
    number: document.querySelector(".reference")?.innerText ?? "",
    captcha: [...document.querySelectorAll("fieldset.captcha")].map((block) => block.innerHTML).join(""),
})"""


@dataclass(frozen=True, slots=True)
class Weight:
    """What a first visit to a page costs, its captcha excepted; sizes in bytes, the last three gzipped."""

    requests: tuple[str, ...]
    transferred: int
    html: int
    css: int
    js: int


@dataclass(frozen=True, slots=True)
class Look:
    """What was found on one scene; every list of complaints is empty on a good page."""

    served: Served
    language: str
    number: str
    axe: Mapping[str, list[str]]
    console: list[str]
    sideways: list[str]
    squeezed: list[str]
    cramped: list[str]
    borderless: list[str]
    moving: list[str]
    unprintable: list[str]
    weight: Weight


class Onlooker:
    """A Chromium that goes from scene to scene, each time as somebody new."""

    def __init__(self, browser: Browser, world: World) -> None:
        self._world = world
        # No locale: it would outweigh the language that a visitor prefers.
        self._context = browser.new_context(viewport=DESKTOP, reduced_motion="reduce")
        self._page = self._context.new_page()
        # Told to the browser once; a page that is only passed by does not run it.
        eyes = f"window.probes ??= {PROBES};\nif (!window.axe) {{ {Axe().axe_script} }}"
        self._page.add_init_script(f"window.bringEyes = () => {{ {eyes} }};")
        self._visits = 0
        self._requests: list[Request] = []
        self._sizes: dict[str, int] = {}
        self._bodies: dict[str, int] = {}
        self._complaints: list[str] = []
        self._page.on("request", self._note)
        self._page.on("console", lambda message: self._hear(message.type, message.text))
        self._page.on("pageerror", lambda error: self._hear("error", str(error)))

    def close(self) -> None:
        self._context.close()

    def visit(self, scene: Scene) -> Page:
        """Go to a scene, as somebody whom nobody has seen before."""
        self._visits += 1
        visitor = Visitor(self._page, self._world, network=f"10.{self._visits // 250}.{self._visits % 250}.9")
        self._requests.clear()
        self._complaints.clear()
        scene.go(visitor)
        return self._page

    def look(self, scene: Scene) -> Look:
        """Go to a scene and look at it in every way."""
        page = self.visit(scene)
        served = self._world.served
        facts = page.evaluate(FACTS)
        weight = self._weigh(served, len(facts["captcha"].encode()))
        complaints = [text for text in self._complaints if not _is_of_status(text, served.status)]
        desktop = self._ask("moving", "cramped", axe=AXE)
        enlarged = self._ask("squeezed", "sideways", times=2)
        page.emulate_media(media="print")
        printed = self._ask("unprintable")
        page.emulate_media(media="screen", forced_colors="active")
        forced = self._ask("borderless")
        page.emulate_media(forced_colors="none", color_scheme="dark")
        page.set_viewport_size(PHONE)
        phone = self._ask("sideways", "cramped", axe=AXE_SEEN)
        page.emulate_media(color_scheme="light")
        page.set_viewport_size(DESKTOP)
        return Look(
            served=served,
            language=facts["language"],
            number=facts["number"],
            axe={"light": desktop["axe"], "dark": phone["axe"]},
            console=complaints,
            sideways=phone["sideways"],
            squeezed=enlarged["squeezed"] + enlarged["sideways"],
            cramped=desktop["cramped"] + phone["cramped"],
            borderless=forced["borderless"],
            moving=desktop["moving"],
            unprintable=printed["unprintable"],
            weight=weight,
        )

    def _ask(self, *probes: str, axe: dict[str, Any] | None = None, times: int = 0) -> dict[str, list[str]]:
        """What probes and axe find in the state in which the page is, with its text so many times as large."""
        found = self._page.evaluate(ASK, {"probes": list(probes), "axe": axe, "times": times})
        found["axe"] = [
            f"{violation['id']}: {node['target'][0]}: {node['failureSummary']}"
            for violation in found.get("axe", [])
            for node in violation["nodes"]
        ]
        return found

    def _note(self, request: Request) -> None:
        self._requests.append(request)

    def _hear(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"}:
            self._complaints.append(text)

    def _weigh(self, served: Served, captcha: int) -> Weight:
        """The requests of the page that is open now, since its own document; the captcha travels as it is."""
        documents = [n for n, each in enumerate(self._requests) if _brought_a_page(each)]
        # The icon of the page before may come late.
        mine = [
            each
            for each in self._requests[documents[-1] :]
            if not _is_aside(each)
            and not (_is_icon(each) and urlsplit(each.url).path.encode() not in served.body)
        ]
        bodies: dict[str, int] = {"stylesheet": 0, "script": 0}
        for each in mine:
            is_document = each.resource_type == "document"
            # What this browser has in its cache by now came whole on its first visit.
            if is_document or each.url not in self._sizes:
                size = each.sizes()
                self._sizes[each.url] = size["responseHeadersSize"] + size["responseBodySize"]
            if each.resource_type in bodies:
                if each.url not in self._bodies:
                    self._bodies[each.url] = len(gzip.compress(each.response().body(), 6))
                bodies[each.resource_type] += self._bodies[each.url]
        urls = {each.url for each in mine}
        return Weight(
            requests=tuple(sorted(urlsplit(url).path for url in urls)),
            transferred=sum(self._sizes[url] for url in urls) - captcha,
            html=len(gzip.compress(served.body, 6)),
            css=bodies["stylesheet"],
            js=bodies["script"],
        )


def _brought_a_page(request: Request) -> bool:
    if not request.is_navigation_request():
        return False
    response = request.response()
    return response is not None and response.status != 204 and not 300 <= response.status < 400


def _is_aside(request: Request) -> bool:
    """The captcha, the script of passkeys, what was given up, and an answer that left the page where it was."""
    if request.failure is not None or urlsplit(request.url).path.startswith(
        ("/captcha/", "/static/captcha.js", "/static/passkey.js")
    ):
        return True
    return request.is_navigation_request() and not _brought_a_page(request)


def _is_icon(request: Request) -> bool:
    return urlsplit(request.url).path.endswith(".svg")


def _is_of_status(complaint: str, status: int) -> bool:
    """Chromium notes the status of an error page as an error of its own."""
    return status >= 400 and f"responded with a status of {status}" in complaint

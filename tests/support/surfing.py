"""A browser for tests that send thousands of requests: the real app, cookies and forms, and nothing is checked."""

import re
from dataclasses import dataclass, field
from functools import cached_property
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, urlsplit

from werkzeug.test import Client, TestResponse

PREFIX = "__Host-parvis_"
REDIRECTS = {302, 303}
MOST_REDIRECTS = 6
TABS = 6


@dataclass(slots=True)
class Form:
    """One form of a page, as it would be sent untouched."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)


class _Forms(HTMLParser):
    """The forms of a page, with the fields and buttons in them."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._open: Form | None = None
        self._named: dict[str, Form] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self._open = Form(given.get("action") or "")
            self.forms.append(self._open)
            self._named[given.get("id") or ""] = self._open
        elif tag in {"input", "button"} and given.get("name"):
            owner = self._named.get(given["form"] or "") if given.get("form") else self._open
            if owner is not None:
                # A box is offered unticked and a button unpressed: whoever sends the form decides.
                owner.fields.setdefault(given["name"] or "", given.get("value") or "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = None


class Answer:
    """One answer, and the address it came from."""

    def __init__(self, response: TestResponse, address: str) -> None:
        self.status: int = response.status_code
        self.headers = response.headers
        self.location: str = response.headers.get("Location", "")
        self.address = address
        is_words = response.mimetype in {"text/html", "application/json", "text/plain"}
        self.text: str = response.get_data(as_text=True) if is_words else ""

    @property
    def path(self) -> str:
        return urlsplit(self.address).path

    @property
    def handle(self) -> str:
        """The sign-in that the address names."""
        return handle_of(self.address)

    @property
    def h1(self) -> str:
        found = re.search(r"<h1[^>]*>(.*?)</h1>", self.text, re.DOTALL)
        return " ".join(re.sub(r"<[^>]*>", "", found[1]).split()) if found else ""

    @cached_property
    def forms(self) -> list[Form]:
        parser = _Forms()
        parser.feed(self.text)
        for form in parser.forms:
            form.action = form.action or self.address
        return parser.forms


class Surfer:
    """One browser on one network; its last pages stay open, the newest first."""

    def __init__(self, app: Any, name: str, *, network: str) -> None:
        self.name = name
        self.network = network
        self._client = Client(app)
        self.tabs: list[Answer] = []

    def get(self, address: str) -> list[Answer]:
        """The answer, and those of the local addresses that it leads to."""
        return self._follow("GET", address, None)

    def post(self, address: str, fields: dict[str, str], *, follow: bool = True) -> list[Answer]:
        return self._follow("POST", address, fields, follow=follow)

    def _follow(
        self, method: str, address: str, fields: dict[str, str] | None, *, follow: bool = True
    ) -> list[Answer]:
        answers = [self._ask(method, address, fields)]
        while follow and answers[-1].status in REDIRECTS and answers[-1].location.startswith("/"):
            if len(answers) > MOST_REDIRECTS:
                break
            answers.append(self._ask("GET", answers[-1].location, None))
        if "<form" in answers[-1].text:
            self.tabs = [answers[-1], *self.tabs[: TABS - 1]]
        return answers

    def _ask(self, method: str, address: str, fields: dict[str, str] | None) -> Answer:
        environ = {"wsgi.url_scheme": "https", "REMOTE_ADDR": self.network}
        response = self._client.open(address, method=method, data=fields, environ_base=environ)
        answer = Answer(response, address)
        response.close()
        return answer

    @property
    def page(self) -> Answer | None:
        return self.tabs[0] if self.tabs else None

    def cookie(self, name: str) -> str | None:
        found = self._client.get_cookie(PREFIX + name)
        return None if found is None else found.value

    def set_cookie(self, name: str, value: str) -> None:
        self._client.set_cookie(PREFIX + name, value, secure=True)

    def forget(self, *names: str) -> None:
        """Drop cookies: these, or all."""
        for cookie in list(self._client._cookies.values()):
            if not names or cookie.key.removeprefix(PREFIX) in names:
                self._client.delete_cookie(cookie.key)

    def csrf(self) -> str:
        """What the forms of this browser carry."""
        found = [
            form.fields["csrf_token"]
            for tab in self.tabs
            for form in tab.forms
            if "csrf_token" in form.fields
        ]
        return found[0] if found else ""


def handle_of(address: str) -> str:
    """The sign-in that an address names."""
    return parse_qs(urlsplit(address).query).get("i", [""])[0]

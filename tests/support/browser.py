"""A member's browser: cookies, pages and forms, without JavaScript; every page opened is checked."""

from functools import cached_property
from http.cookiejar import Cookie
from typing import Any, Self
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

from bs4 import BeautifulSoup, Tag
from webtest import TestApp, TestResponse

from idp.captcha.challenge import SEAL, CaptchaChallenge
from tests.support.pages import check_page, squeeze

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
CHROME = "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36"
HOME = "198.51.100.7"
MOST_REDIRECTS = 6


class Page:
    """One answer, as its reader sees it."""

    def __init__(self, response: TestResponse, address: str) -> None:
        self.response = response
        self.address = address
        self.status: int = response.status_int
        self.location: str = response.headers.get("Location", "")
        self.is_html = response.content_type == "text/html" and bool(response.body)
        if self.is_html and not self.location:
            check_page(response, lambda: self.soup)

    @cached_property
    def soup(self) -> BeautifulSoup:
        return BeautifulSoup(self.response.body if self.is_html else b"", "html.parser")

    @property
    def path(self) -> str:
        return urlsplit(self.address).path

    @property
    def h1(self) -> str:
        return squeeze(self.soup.h1.text) if self.soup.h1 else ""

    @property
    def language(self) -> str:
        return self.soup.html["lang"]

    @property
    def words(self) -> str:
        """The words of the main part."""
        return squeeze(self.soup.main.get_text(" ")) if self.soup.main else ""

    @property
    def number(self) -> str:
        """The number of the failure that the page shows."""
        tag = self.soup.select_one(".reference")
        return squeeze(tag.text) if tag else ""

    @property
    def errors(self) -> dict[str, str]:
        """The sentence at each field, by the field's name."""
        found = {}
        for field in self.soup.select("[aria-invalid]"):
            sentence = self.soup.find(id=f"{field['id']}-error").get_text(" ")
            found[field["name"]] = squeeze(sentence).removeprefix("Erreur : ").removeprefix("Error: ")
        return found

    @property
    def summary(self) -> list[str]:
        """The fields that the summary at the top links to."""
        return [link["href"].removeprefix("#") for link in self.soup.select(".summary a")]

    @property
    def form(self) -> Tag:
        form = self.soup.find("form", id="main-form")
        assert form is not None, f"no form on « {self.h1} »: {self.words}"
        return form

    def value(self, name: str) -> str | None:
        """What a field of the main form holds."""
        field = self.form.find(attrs={"name": name})
        assert field is not None, f"no field {name}"
        if field.get("type") == "checkbox":
            return "y" if field.has_attr("checked") else None
        return field.get("value", "")

    def asks_for(self, name: str) -> bool:
        """Whether the page has such a field."""
        return name in self._names

    @cached_property
    def _names(self) -> set[str]:
        return {tag["name"] for tag in self.soup.find_all(attrs={"name": True})}

    def without_chance(self) -> str:
        """The page less what differs each time: tokens and the picture."""
        text = self.response.text
        for tag in self.soup.select("input[type=hidden]"):
            text = text.replace(tag.get("value") or "\x00", "#")
        return text


class Browser:
    """One browser on one network."""

    def __init__(self, app: Any, *, network: str = HOME, agent: str = FIREFOX, speaks: str = "") -> None:
        self.parts = app.extensions["parvis"]
        self.network = network
        environment = {"wsgi.url_scheme": "https", "REMOTE_ADDR": network, "HTTP_USER_AGENT": agent}
        if speaks:
            environment["HTTP_ACCEPT_LANGUAGE"] = speaks
        self.client = TestApp(app, extra_environ=environment)
        self.page: Page

    def get(self, address: str, *, follow: bool = True, **options: Any) -> Page:
        return self._take(self.client.get(address, expect_errors=True, **options), address, follow=follow)

    def head(self, address: str) -> Page:
        return Page(self.client.head(address, expect_errors=True), address)

    def post(self, address: str, fields: Any = "", *, follow: bool = True, **options: Any) -> Page:
        """Send exactly these fields, as no page would."""
        answer = self.client.post(address, fields, expect_errors=True, **options)
        return self._take(answer, address, follow=follow)

    def submit(self, *, follow: bool = True, **typed: Any) -> Page:
        """Fill in the main form and send it; the picture of the captcha is read, unless `captcha` says otherwise.

        A value of None leaves its field out.
        """
        return self.post(self._action(self.page.form), self.fields(**typed), follow=follow)

    def fields(self, **typed: Any) -> dict[str, str]:
        """What the main form would send."""
        fields = _values(self.page.form)
        if "captcha" in fields and "captcha" not in typed and not typed.get("altcha"):
            fields["captcha"] = self.read_captcha()
        fields |= typed
        return {name: value for name, value in fields.items() if value is not None}

    def press(self, label: str, *, follow: bool = True) -> Page:
        """Press a button by its words."""
        button = self._button(label)
        form = button.find_parent("form")
        if button.get("form"):
            form = self.page.soup.find("form", id=button["form"])
        fields = _values(form)
        if button.get("name"):
            fields[button["name"]] = button.get("value", "")
        return self.post(self._action(form), fields, follow=follow)

    def click(self, label: str) -> Page:
        """Follow a link by its words."""
        links = [tag for tag in self.page.soup.find_all("a") if label in squeeze(tag.text)]
        assert links, f"no link « {label} » on « {self.page.h1} »"
        return self.get(urljoin(self.page.path, links[0]["href"]).partition("#")[0])

    def has_button(self, label: str) -> bool:
        return any(squeeze(tag.text).startswith(label) for tag in self.page.soup.find_all("button"))

    def read_captcha(self) -> str:
        """Read the picture: its answer is on the server only, sealed."""
        challenge_id = self.page.value("captcha_id")
        with self.parts.database.reading() as session:
            row = session.get(CaptchaChallenge, challenge_id)
            return self.parts.vault.unseal(SEAL, row.answer, bound_to=challenge_id).decode()

    @property
    def cookies(self) -> dict[str, str]:
        """Our cookies in this browser, without their prefix."""
        return {cookie.name.removeprefix("__Host-parvis_"): cookie.value for cookie in self.client.cookiejar}

    def device_cookies(self) -> dict[str, str]:
        return {name: value for name, value in self.cookies.items() if name.startswith("device_")}

    def set_cookie(self, name: str, value: str) -> None:
        """Put a cookie into the jar, as a thief or a restored profile would."""
        self.forget_cookie(name)
        self.client.cookiejar.set_cookie(_cookie(f"__Host-parvis_{name}", value))

    def forget_cookie(self, name: str) -> None:
        for cookie in list(self.client.cookiejar):
            if cookie.name == f"__Host-parvis_{name}":
                self.client.cookiejar.clear(cookie.domain, cookie.path, cookie.name)

    def steal_cookies(self, other: Self) -> None:
        """Take a copy of every cookie of another browser."""
        for name, value in other.cookies.items():
            self.set_cookie(name, value)

    def close(self) -> None:
        """Close the browser: cookies without Max-Age go."""
        for cookie in list(self.client.cookiejar):
            if cookie.discard:
                self.client.cookiejar.clear(cookie.domain, cookie.path, cookie.name)

    @property
    def handle(self) -> str:
        """The sign-in that the page belongs to."""
        return parse_qs(urlsplit(self.page.address).query).get("i", [""])[0] or self.page.value("i") or ""

    def _take(self, response: TestResponse, address: str, *, follow: bool) -> Page:
        page = Page(response, address)
        for _ in range(MOST_REDIRECTS):
            if not follow or page.status not in {302, 303} or not page.location.startswith("/"):
                break
            page = Page(self.client.get(page.location, expect_errors=True), page.location)
        self.page = page
        return page

    def _action(self, form: Tag) -> str:
        return form.get("action") or self.page.address

    def _button(self, label: str) -> Tag:
        buttons = [tag for tag in self.page.soup.find_all("button") if squeeze(tag.text).startswith(label)]
        assert buttons, f"no button « {label} » on « {self.page.h1} »: {self.page.words}"
        return buttons[0]


def _cookie(name: str, value: str) -> Cookie:
    """A cookie as one from the provider lies in the jar."""
    return Cookie(
        0,
        name,
        value,
        None,
        False,
        "localhost.local",
        False,
        False,
        "/",
        True,
        True,
        None,
        True,
        None,
        None,
        {},
    )


def _values(form: Tag) -> dict[str, str]:
    """What a browser would send of a form as it stands."""
    values = {}
    for field in form.find_all("input"):
        kind = field.get("type", "text")
        if field.get("name") and (kind not in {"checkbox", "radio"} or field.has_attr("checked")):
            values[field["name"]] = field.get("value", "y" if kind == "checkbox" else "")
    return values


def query(**values: str) -> str:
    """A query string."""
    return "?" + urlencode(values)

"""A member in front of a browser that knows HTTP and forms, and nothing else."""

from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from urllib.parse import urljoin, urlsplit

import httpx
from bs4 import BeautifulSoup, Tag

from tests.interop.provider import StartedProvider
from tests.support.people import Person

MOST_STEPS = 20
REDIRECTS = {302, 303, 307}


@dataclass(frozen=True)
class Page:
    """Where the browser is now."""

    url: str
    status: int
    text: str

    @property
    def soup(self) -> BeautifulSoup:
        return BeautifulSoup(self.text, "html.parser")


@dataclass
class MemberBrowser:
    """One member's own browser; it signs in by itself wherever the provider asks."""

    provider: StartedProvider
    member: Person
    jar: dict[str, dict[str, str]] = field(default_factory=dict)
    sign_ins: int = 0
    """How many times the password was asked."""
    _http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=30))

    def callback(self, url: str, redirect_uri: str) -> str:
        """Open an authorization request; the address to which the browser would be led back."""
        address = self._walk(url, stop=redirect_uri)
        assert isinstance(address, str), (address.status, address.url, address.text)
        return address

    def open(self, url: str) -> Page:
        """Open a page of any service; the page that is reached in the end."""
        page = self._walk(url, stop=None)
        assert isinstance(page, Page), page
        return page

    def submit(self, page: Page, form: Tag | None = None, **typed: str) -> Page:
        """Send the main form of a page."""
        found = form or page.soup.find(id="main-form") or page.soup.find("form")
        hidden = {tag["name"]: tag.get("value", "") for tag in found.find_all("input", type="hidden")}
        return self.post(urljoin(page.url, found.get("action") or page.url), {**hidden, **typed})

    def post(self, url: str, fields: dict[str, str]) -> Page:
        page = self._follow(self._send("POST", url, fields), stop=None)
        assert isinstance(page, Page), page
        return page

    def sign_out(self, base: str) -> str:
        """Press the service's own button, on a page that was opened earlier; the address that it leads to."""
        # Django's forms carry the value of this cookie.
        token = self.jar[urlsplit(base).hostname or ""].get("csrftoken", "")
        response = self._send("POST", f"{base}/logout", {"csrfmiddlewaretoken": token})
        assert response.status_code in REDIRECTS, response.text
        return response.headers["location"]

    def leave_the_provider(self) -> None:
        """« Se déconnecter », on the provider's own page."""
        page = self.open(f"{self.provider.issuer}/deconnexion")
        self.submit(page)

    def close(self) -> None:
        self._http.close()

    def _walk(self, url: str, *, stop: str | None) -> Page | str:
        reached = self._follow(self._send("GET", url), stop=stop)
        for _ in range(MOST_STEPS):
            if isinstance(reached, str) or not self._is_sign_in(reached):
                return reached
            form = reached.soup.find(id="main-form")
            hidden = {tag["name"]: tag.get("value", "") for tag in form.find_all("input", type="hidden")}
            target = urljoin(reached.url, form.get("action") or reached.url)
            mails = len(self.provider.mailed_codes(self.member.email))
            typed = self._answer(form, mails)
            reached = self._follow(self._send("POST", target, {**hidden, **typed}), stop=stop)
        raise AssertionError(f"the sign-in never ended: {reached}")

    def _is_sign_in(self, page: Page) -> bool:
        path = page.url.removeprefix(self.provider.issuer)
        return page.status == httpx.codes.OK and path.startswith("/connexion")

    def _answer(self, form: Tag, mails: int) -> dict[str, str]:
        """What the member types on a page of the sign-in."""
        if form.find("input", attrs={"name": "identifier"}):
            self.sign_ins += 1
            self._mails_before = mails
            return {"identifier": self.member.email, "password": self.member.password}
        if form.find("input", attrs={"name": "code"}):
            return {"code": self.provider.mailed_code(self.member.email, after=self._mails_before)}
        assert form.find("button", attrs={"name": "trust"}), form
        return {"trust": "yes"}

    def _follow(self, response: httpx.Response, *, stop: str | None) -> Page | str:
        for _ in range(MOST_STEPS):
            url = str(response.url)
            if response.status_code not in REDIRECTS:
                return Page(url, response.status_code, response.text)
            address = urljoin(url, response.headers["location"])
            if stop is not None and address.split("?")[0] == stop:
                return address
            response = self._send("GET", address)
        raise AssertionError(f"redirects without end: {response.url}")

    def _send(self, method: str, url: str, fields: dict[str, str] | None = None) -> httpx.Response:
        # Our cookies are `Secure`: browsers send those over http to loopback addresses too, Python's jars do not.
        cookies = self.jar.setdefault(urlsplit(url).hostname or "", {})
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
        response = self._http.request(method, url, data=fields, headers=headers)
        self._http.cookies.clear()
        for line in response.headers.get_list("set-cookie"):
            for name, morsel in SimpleCookie(line).items():
                if morsel["max-age"] == "0":
                    cookies.pop(name, None)
                else:
                    cookies[name] = morsel.value
        return response

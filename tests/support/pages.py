"""What every hosted page must be; each page that a test's browser opens is held to it."""

import re
from collections.abc import Callable
from hashlib import sha256

from bs4 import BeautifulSoup
from webtest import TestResponse

PROMISED_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
}
LABELLED = "input:not([type=hidden]):not([type=submit]), select, textarea"
LOADED = (
    ("script", "src"),
    ("link", "href"),
    ("img", "src"),
    ("audio", "src"),
    ("source", "src"),
    ("source", "srcset"),
    ("iframe", "src"),
)
# What no English page says, and no name of ours holds.
FRENCH = re.compile(r"\b(le|la|les|votre|vos|vous|une|est|nous|pour|avec|dans|cette?)\b", re.IGNORECASE)
# Another service is reached by a link only, and only where the installation's own services are.
# An authenticator app of the same device is opened by a link too.
OUTER = re.compile(
    r"(tel:[+0-9]+|mailto:[^@\s?]+@[^@\s?]+|otpauth://totp/[^\s\"]+|http://127\.0\.0\.1:800[012]/.*)"
)


def squeeze(text: str) -> str:
    """Words with single spaces; no-break spaces count as spaces."""
    return " ".join(text.split())


# What chance makes: tokens, handles, pictures. No slash: a page that leads elsewhere is another page.
CHANCE = re.compile(rb"data:image/png;base64,[A-Za-z0-9+/=]+|[A-Za-z0-9_.-]{20,}")
_GOOD: set[bytes] = set()


def check_page(response: TestResponse, read: Callable[[], BeautifulSoup]) -> None:
    """Raise AssertionError with what is wrong with a page.

    Its words are read once: a page that is another but for chance was good already.
    """
    _check_headers(response)
    page = sha256(CHANCE.sub(b"#", response.body)).digest()
    if page not in _GOOD:
        _check_body(response, read())
        _GOOD.add(page)


def _check_body(response: TestResponse, soup: BeautifulSoup) -> None:
    _check_headings(soup)
    _check_words(soup)
    _check_fields(soup)
    _check_forms(soup)
    _check_addresses(soup)
    assert not re.search(r"\{%|None</|Undefined|Project-Id", response.text), "a template shows through"


def _check_headers(response: TestResponse) -> None:
    for name, value in PROMISED_HEADERS.items():
        assert response.headers.get(name) == value, f"{name}: {response.headers.get(name)}"
    policy = response.headers["Content-Security-Policy"]
    assert "unsafe-" not in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "base-uri 'none'" in policy
    assert "form-action 'self'" in policy
    for cookie in response.headers.getall("Set-Cookie"):
        assert cookie.startswith("__Host-parvis_"), cookie
        assert all(mark in cookie for mark in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/")), cookie


def _check_headings(soup: BeautifulSoup) -> None:
    assert soup.html["lang"] in {"fr", "en"}
    headings = soup.find_all("h1")
    assert len(headings) == 1, headings
    title = squeeze(soup.title.text).removeprefix("Erreur : ").removeprefix("Error: ")
    heading = squeeze(headings[0].text)
    assert heading
    assert title.startswith(heading + " – Mutuelle Horizon – "), title
    has_errors = soup.select_one("[aria-invalid]") is not None
    tells = squeeze(soup.title.text).startswith(("Erreur : ", "Error: "))
    assert not has_errors or tells, "the title hides the error"


def _check_words(soup: BeautifulSoup) -> None:
    """Each language as it is written: its words, and the spaces at which no line may end."""
    text = soup.body.get_text()
    if soup.html["lang"] == "fr":
        assert not (found := re.search(r".{0,30}(?: [:;?!»]|« )", text)), f"a line could end here: {found[0]}"
        return
    for kept in soup.select("[lang=fr]"):
        text = text.replace(kept.get_text(), "")
    assert not (found := re.search(r".{0,30}[\u00a0\u202f][:;?!»]|«\u00a0", text)), (
        f"French spacing: {found[0]}"
    )
    assert not (found := FRENCH.search(text)), f"not in English: {text[max(0, found.start() - 40) :][:100]}"


def _check_fields(soup: BeautifulSoup) -> None:
    ids = [tag["id"] for tag in soup.find_all(id=True)]
    assert len(ids) == len(set(ids)), f"an id is used twice: {sorted(ids)}"
    for field in soup.select(LABELLED):
        label = soup.find("label", attrs={"for": field.get("id")}) or field.find_parent("label")
        assert label is not None or field.get("aria-label"), f"no label: {field}"
        for described in field.get("aria-describedby", "").split():
            assert described in ids, f"described by nothing: {field}"
        if field.get("type") == "password":
            assert not field.get("value"), "a password was sent back"
    for label in soup.find_all("label", attrs={"for": True}):
        assert label["for"] in ids, f"a label of nothing: {label}"
    for image in soup.find_all("img"):
        assert image.has_attr("alt"), f"no alternative: {image}"


def _check_forms(soup: BeautifulSoup) -> None:
    for form in soup.find_all("form"):
        assert form.get("method", "get").lower() == "post", form.get("action")
        token = form.find("input", attrs={"name": "csrf_token"})
        assert token is not None, f"no csrf_token: {form.get('action')}"
        assert token["value"], f"an empty csrf_token: {form.get('action')}"
        assert not form.get("action") or _is_local(form["action"]), form["action"]


def _check_addresses(soup: BeautifulSoup) -> None:
    for name, attribute in LOADED:
        for tag in soup.find_all(name, attrs={attribute: True}):
            assert _is_local(tag[attribute]), f"loaded from elsewhere: {tag}"
    for tag in soup.find_all("a", href=True):
        assert _is_local(tag["href"]) or tag["href"].startswith("#") or OUTER.fullmatch(tag["href"]), tag
    for tag in soup.find_all("script"):
        assert tag.get("src"), "an inline script"
    assert not soup.find_all("style"), "an inline style"
    for tag in soup.find_all(True):
        forbidden = [name for name in tag.attrs if name == "style" or name.startswith("on")]
        assert not forbidden, f"{forbidden} in {tag.name}"


def _is_local(address: str) -> bool:
    return re.match(r"(/(?![/\\])|\?|$)", address) is not None

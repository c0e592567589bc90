"""Whatever is sent to the hosted pages, the answer is a clear page with its number, and nothing is half-written."""

import re
from urllib.parse import quote, quote_from_bytes

import pytest

from tests.support.browser import Page
from tests.support.people import fill_enrolment, give_password, sign_in
from tests.support.rows import count_rows

HUGE = "A" * 100_000
LONG = "A" * 5_000
# Names of what is sent for a field, and its bytes in the body; None leaves the field out, a list sends it twice.
VALUES = {
    "absent": None,
    "empty": b"",
    "doubled": [b"1", b"2"],
    "huge": HUGE.encode(),
    "long": LONG.encode(),
    "invalid UTF-8": b"\xff\xfe\xc0\x80",
    "lone surrogate": b"\xed\xa0\x80",
    "NUL": b"a\x00b",
    "line breaks": b"a\r\nSet-Cookie: planted=1\r\n\r\n",
    "right to left": "\u202e\u2066é".encode(),
    "template": b"{{7*7}}<script>alert(1)</script>",
    "SQL": b"' OR 1=1; --",
}
# Rows that mean something; tries that were counted and events that were noted are what should remain.
# Where no captcha is looked at: drawing pictures would take most of the time.
UNDRAWN = pytest.mark.settings(captcha={"login": "off"})
MEANING = (
    "account",
    "enrolment",
    "session",
    "trusted_device",
    "one_time_secret",
    "outbox",
    "member",
    "recovery",
    "address_change",
    "letter",
)


pytestmark = pytest.mark.postgres


@pytest.fixture
def database(postgres_database):
    """The stricter of the two: PostgreSQL takes no NUL, and no text that is not UTF-8."""
    return postgres_database


def is_clear(page: Page, sent: str) -> None:
    assert page.status < 500, f"{sent}: {page.status} {page.number} {page.words}"
    if page.status >= 400:
        assert re.fullmatch(r"P-\d{4}", page.number), f"{sent}: {page.status} without a number: {page.words}"
    elif not page.location:
        assert page.h1, sent
    assert "planted" not in str(page.response.headers)
    assert "<script>alert" not in page.response.text


def is_clear_answer(answer, sent: str) -> None:
    """As `is_clear`, for what WebTest itself would stumble over."""
    assert answer.status_code < 500, f"{sent}: {answer.text}"
    assert answer.status_code < 400 or re.search(r"P-\d{4}", answer.text), f"{sent}: {answer.status_code}"


def meaning(parts):
    rows = count_rows(parts.database)
    return {name: rows[name] for name in MEANING}


def body(fields, name, value):
    """The form with one field sent as told."""
    pairs = [(key, [text.encode()]) for key, text in fields.items() if key != name]
    if value is not None:
        pairs.append((name, value if isinstance(value, list) else [value]))
    return "&".join(f"{quote(key)}={quote_from_bytes(item)}" for key, items in pairs for item in items)


def suffer(browser, parts, address, fields, *, names=()):
    """Send every hostile value for every field, and odd bodies; the rows that mean something stay as they are."""
    before = meaning(parts)
    form = {"content_type": "application/x-www-form-urlencoded"}
    for name in names or fields:
        for what, value in VALUES.items():
            page = browser.post(address, body(fields, name, value), follow=False, **form)
            is_clear(page, f"{name} {what}")
    whole = body(fields, "", None)
    for what, sent, kind in (
        ("nothing", b"", "application/x-www-form-urlencoded"),
        ("JSON", b'{"identifier": "x"}', "application/json"),
        ("wrong type", whole.encode(), "text/plain"),
        ("no type", whole.encode(), ""),
        ("XML", b"<a/>", "application/xml"),
        ("broken multipart", b"--x\r\nContent-Disposition: form-data\r\n", "multipart/form-data; boundary=x"),
        (
            "many fields",
            "&".join(f"f{n}=1" for n in range(5_000)).encode(),
            "application/x-www-form-urlencoded",
        ),
        ("huge", HUGE.encode(), "application/x-www-form-urlencoded"),
        ("odd charset", whole.encode("utf-16"), "application/x-www-form-urlencoded; charset=utf-16"),
    ):
        page = browser.post(address, sent, follow=False, content_type=kind)
        is_clear(page, what)
        assert page.status in {400, 413, 415}, what
    assert meaning(parts) == before


def test_the_form_of_the_sign_in(browser, member, parts):
    browser.get("/connexion")
    fields = browser.fields(
        identifier=member.email, password="not the one", captcha="?????", remember="y", altcha="x"
    )

    suffer(browser, parts, "/connexion", fields)


def test_the_form_of_the_enrolment(browser, newcomer, parts):
    browser.get("/inscription")
    typed = {"member_number": "7654321", "access_code": "zzzzzzzz", "email": "x@example.org", "terms": "y"}
    fields = browser.fields(**typed, password="x", password_confirm="x", captcha="?????")

    suffer(browser, parts, "/inscription", fields)


def test_the_form_of_the_code(browser, mailbox, member, parts):
    give_password(browser, member)
    fields = browser.fields(code="")

    suffer(browser, parts, "/connexion/code", fields)


def test_the_form_of_the_trusted_device(browser, mailbox, member, parts):
    give_password(browser, member)
    browser.submit(code=mailbox.last().code())
    fields = browser.fields(trust="maybe")

    suffer(browser, parts, "/connexion/appareil", fields)


def test_the_forms_of_a_waiting_enrolment(browser, mailbox, newcomer, parts):
    fill_enrolment(browser, newcomer)
    token = browser.get("/inscription/code").value("csrf_token")

    suffer(browser, parts, "/inscription/corriger", {"csrf_token": token, "email": "x"})
    suffer(browser, parts, "/inscription/code", {"csrf_token": token, "code": ""})


def test_the_form_of_the_link_in_another_browser(open_browser, mailbox, newcomer, parts):
    fill_enrolment(open_browser(), newcomer)
    stranger = open_browser(network="203.0.113.9")
    link = mailbox.last().link()
    stranger.get(link)

    suffer(stranger, parts, link, stranger.fields(password=""))


def test_the_forms_of_lost_access(browser, member, parts):
    """Of the pages with a picture, the fields that no other form has: pictures take most of the time."""
    browser.get("/mot-de-passe-oublie")
    fields = browser.fields(identifier="x", captcha="?????")
    suffer(browser, parts, "/mot-de-passe-oublie", fields, names=["identifier"])
    browser.get("/mot-de-passe-oublie")
    browser.submit(identifier=member.email)
    token = browser.page.value("csrf_token")
    suffer(browser, parts, "/mot-de-passe-oublie/code", {"csrf_token": token, "code": ""})
    typed = {"csrf_token": token, "member_number": "7654321", "access_code": "zzzzzzzz", "captcha": "?????"}
    suffer(browser, parts, "/adresse-perdue", typed | {"email": "x@example.org"}, names=["email"])
    suffer(browser, parts, "/adresse-perdue/lettre", typed | {"code": "000000000000"}, names=["code"])
    named = {"family_name": "x", "given_name": "x", "birth_date": "31/12/1950"}
    born = {"csrf_token": token, "captcha": "?????", **named}
    suffer(browser, parts, "/acces-perdus/code", born, names=["birth_date"])


def test_the_form_of_a_new_password(browser, mailbox, member, parts):
    browser.get("/mot-de-passe-oublie")
    browser.submit(identifier=member.email)
    link = mailbox.last(subject="nouveau mot de passe").link()
    browser.get(link)

    suffer(browser, parts, link, browser.fields(password="x", password_confirm="x"))


def test_the_forms_of_the_account(browser, mailbox, member, parts):
    sign_in(browser, mailbox, member)
    token = browser.get("/deconnexion").value("csrf_token")

    suffer(browser, parts, "/compte/appareils/supprimer", {"csrf_token": token, "device": "x"})


def test_the_small_forms(browser, member, parts):
    give_password(browser, member)
    fields = {"csrf_token": browser.page.value("csrf_token"), "i": browser.handle}
    for address in ("/connexion/x/renvoyer", "/connexion/annuler", "/captcha/change"):
        suffer(browser, parts, address, fields | {"i": "x", "suite": "//evil.example", "captcha_id": "x"})


@UNDRAWN
@pytest.mark.parametrize(
    "address",
    ["/", "/connexion", "/connexion/code", "/inscription", "/inscription/validation", "/inscription/bienvenue",
     "/compte", "/deconnexion", "/cgu", "/aide", "/acces-perdus", "/mentions-legales", "/inscription/activer/x",
     "/mot-de-passe/nouveau/x"],
)  # fmt: skip
def test_query_parameters(browser, parts, address):
    before = meaning(parts)
    for name in ("i", "espace", "corriger", "suite", "captcha_id", "unknown", ""):
        for what, value in VALUES.items():
            if value is None or len(value) > 50_000:
                continue
            items = value if isinstance(value, list) else [value]
            query = "&".join(f"{name}={quote_from_bytes(item)}" for item in items)
            is_clear(browser.get(f"{address}?{query}", follow=False), f"{name} {what}")
    assert meaning(parts) == before


@UNDRAWN
@pytest.mark.parametrize(
    "path",
    ["/connexion/%00", "/connexion/%ff%fe", "/connexion/" + "a" * 5000, "/inscription/activer/%00",
     "/captcha/%00.png",
     "/inscription/activer/" + "a" * 20_000, "/captcha/" + "a" * 3000 + ".png", "/theme/..%2f..%2fetc.css",
     "/theme/%00.svg",
     "/static/..%2f..%2fapp.py", "/%ED%A0%80", "//evil.example/", "/connexion/code/renvoyer", "/langue",
     "/.git/config"],
)  # fmt: skip
def test_paths(app, path):
    answer = app.test_client().get(path)

    is_clear_answer(answer, path)
    assert not answer.headers.get("Location", "").startswith("//")


@UNDRAWN
def test_headers(app, member, parts):
    before = meaning(parts)
    names = (
        "HTTP_HOST", "HTTP_USER_AGENT", "HTTP_ACCEPT_LANGUAGE", "HTTP_ORIGIN", "HTTP_REFERER", "HTTP_SEC_FETCH_SITE",
        "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_PROTO", "HTTP_FORWARDED", "HTTP_RANGE",
        "HTTP_AUTHORIZATION", "HTTP_IF_NONE_MATCH", "HTTP_ACCEPT", "HTTP_X_HTTP_METHOD_OVERRIDE", "REMOTE_ADDR",
    )  # fmt: skip
    values = [
        "",
        "x",
        LONG,
        "\xff\xfe",
        "a\x00b",
        "\u00e9\u00a0",
        "evil.example",
        "127.0.0.1:99999",
        "[::",
        "DELETE",
    ]
    for name in names:
        for value in values:
            answer = app.test_client().get("/connexion", environ_overrides={name: value})
            is_clear_answer(answer, f"{name} {value[:20]!r}")
            assert "evil.example" not in answer.text
    assert meaning(parts) == before


def test_a_form_with_hostile_headers(browser, mailbox, member, parts):
    """The browser's name goes into rows and mails: the form is sent through with each."""
    for agent in (
        "",
        LONG,
        "\xff\xfe",
        "a\x00b/1.0",
        "Firefox/\x00",
        "Mozilla/5.0 (\x01\x02) Chrome/\xe9",
        "{{7*7}}",
    ):
        give_password(browser, member)
        fields = browser.fields(code=mailbox.last(subject="code de connexion").code())
        environ = {"HTTP_USER_AGENT": agent}
        page = browser.post("/connexion/code", fields, extra_environ=environ)
        is_clear(page, repr(agent[:20]))
        fields = browser.fields(trust="yes")
        is_clear(browser.post("/connexion/appareil", fields, extra_environ=environ), repr(agent[:20]))
        mailbox.deliver()
        browser.get("/deconnexion")
        browser.submit()
        for name in list(browser.device_cookies()):
            browser.forget_cookie(name)


@UNDRAWN
@pytest.mark.parametrize(
    "name", ["browser", "session", "identifier", "enrolment", "device_0123456789abcdef", "proof_x"]
)
def test_cookies(browser, member, parts, name):
    before = meaning(parts)
    for value in (
        "",
        "x",
        LONG,
        "\xff\xfe",
        "a\x00b",
        '"',
        '"\\377"',
        "a=b=c",
        "é",
        "A" * 43,
        "\xed\xa0\x80",
    ):
        header = f"__Host-parvis_{name}={value}; __Host-parvis_{name}={value}2"
        environ = {"HTTP_COOKIE": header}
        for address in (
            "/connexion",
            "/compte",
            "/inscription",
            "/inscription/validation",
            "/inscription/code",
        ):
            is_clear(browser.get(address, follow=False, extra_environ=environ), f"{name} {value[:20]!r}")
        page = browser.post("/connexion", {"identifier": member.email}, follow=False, extra_environ=environ)
        is_clear(page, f"{name} {value[:20]!r}")
        assert page.number in {"P-2003", "P-4001"}
    assert meaning(parts) == before


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_other_methods(browser, member, parts, method):
    before = meaning(parts)
    for address in (
        "/connexion",
        "/connexion/code",
        "/inscription",
        "/compte",
        "/deconnexion",
        "/captcha/change",
    ):
        answer = browser.client.request(address, method=method, expect_errors=True)
        assert answer.status_int in {200, 400, 405}, (method, address)
        if answer.status_int == 405:
            assert "Allow" in answer.headers
    assert meaning(parts) == before


@pytest.mark.parametrize(
    ("headers", "number"),
    [
        ({"Origin": "https://evil.example"}, "P-4001"),
        ({"Sec-Fetch-Site": "cross-site"}, "P-4001"),
        ({"Sec-Fetch-Site": "same-site"}, "P-4001"),
    ],
)
def test_a_form_from_another_site_is_refused(browser, member, headers, number):
    browser.get("/connexion")
    fields = browser.fields(identifier=member.email, password=member.password)

    page = browser.post("/connexion", fields, headers=headers)

    assert (page.status, page.number) == (400, number)


def test_a_browser_without_cookies_is_told_so(open_browser, browser, member):
    browser.get("/connexion")
    fields = browser.fields(identifier=member.email, password=member.password)

    page = open_browser().post("/connexion", fields)

    assert page.number == "P-2003"


def test_a_form_of_another_browser_is_refused(open_browser, member):
    mine, other = open_browser(), open_browser()
    other.get("/connexion")
    mine.get("/connexion")

    page = mine.submit(identifier=member.email, csrf_token=other.page.value("csrf_token"))

    assert page.number == "P-4001"


def test_looking_changes_nothing_that_means_something(browser, mailbox, newcomer, parts):
    fill_enrolment(browser, newcomer)
    before = meaning(parts)

    for address in ("/connexion", "/inscription", "/inscription/code", "/inscription/validation", "/compte"):
        browser.head(address)
        browser.get(address)

    assert meaning(parts) == before

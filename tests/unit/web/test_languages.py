"""Which language a page speaks: the member's choice, the service's wish, the browser's, and else French."""

import pytest
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from idp.web.languages import first_known, language_of_request


def request(accept: str | None = None, **cookies: str) -> Request:
    headers = {} if accept is None else {"Accept-Language": accept}
    if cookies:
        headers["Cookie"] = "; ".join(f"__Host-parvis_{name}={value}" for name, value in cookies.items())
    return Request(EnvironBuilder(headers=headers).get_environ())


@pytest.mark.parametrize(
    ("accept", "language"),
    [
        (None, "fr"),
        ("", "fr"),
        ("fr-CA", "fr"),
        ("en-GB", "en"),
        ("EN-us", "en"),
        ("en-GB,fr;q=0.9", "en"),
        ("fr;q=0.4, en;q=0.8", "en"),
        ("de-DE, de;q=0.9, en;q=0.5, fr;q=0.4", "en"),
        ("de, es", "fr"),
        ("en;q=0, fr", "fr"),
        ("en;q=0", "fr"),
        ("*", "fr"),
        ("en;q=0.5, *;q=0.1", "en"),
        ("english", "fr"),
        ("en;q=nonsense,,;;", "fr"),
        ("x" * 5000, "fr"),
    ],
)
def test_the_browser_says_what_its_reader_reads_the_heaviest_first(accept, language):
    assert language_of_request(request(accept)) == language


@pytest.mark.parametrize(
    ("cookies", "language"),
    [
        ({"language": "en"}, "en"),
        ({"service_language": "en"}, "en"),
        ({"language": "fr", "service_language": "en"}, "fr"),
        ({"language": "de", "service_language": "en"}, "en"),
        ({"language": "../en"}, "fr"),
    ],
)
def test_a_choice_counts_more_than_a_service_and_a_service_more_than_the_browser(cookies, language):
    assert language_of_request(request("fr", **cookies)) == language


@pytest.mark.parametrize(
    ("wish", "language"),
    [("fr en", "fr"), ("en-GB fr", "en"), ("se en_US", "en"), ("se de", None), ("", None), ("FR-ca", "fr")],
)
def test_of_what_a_service_wishes_the_first_that_we_speak_is_taken(wish, language):
    assert first_known(wish.split()) == language

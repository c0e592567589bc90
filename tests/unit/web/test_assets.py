"""Static files: compressed once, kept for good under the address that names their content."""

import gzip

import pytest

from idp.web import assets


@pytest.fixture
def client(app):
    return app.test_client()


def test_a_browser_that_can_gets_the_small_one(client):
    answer = client.get(assets.address("parvis.css"), headers={"Accept-Encoding": "gzip, br"})

    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.headers["Vary"] == "Accept-Encoding"
    plain = client.get(assets.address("parvis.css"), headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in plain.headers
    assert gzip.decompress(answer.data) == plain.data
    assert len(answer.data) < len(plain.data) / 2


def test_only_the_address_with_the_hash_is_kept_for_good(client):
    assert "immutable" in client.get(assets.address("parvis.js")).headers["Cache-Control"]

    assert client.get("/static/parvis.js").headers["Cache-Control"] == "no-cache"
    assert client.get("/static/parvis.js?v=0").headers["Cache-Control"] == "no-cache"


def test_a_file_that_did_not_change_is_not_sent_again(client):
    tag = client.get("/static/parvis.js").headers["ETag"]

    again = client.get("/static/parvis.js", headers={"If-None-Match": tag})

    assert (again.status_code, again.data) == (304, b"")


@pytest.mark.parametrize("path", ["../app.py", "%2e%2e/app.py", "nothing.css", "parvis.css/", ""])
def test_there_is_nothing_else(client, path):
    assert client.get(f"/static/{path}").status_code == 404


def test_pages_are_never_compressed(client):
    answer = client.get("/aide", headers={"Accept-Encoding": "gzip, br"})

    assert "Content-Encoding" not in answer.headers

import io
import json
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import altcha
import pytest
from flask import Flask
from flask_limiter import Limiter, RateLimitExceeded
from PIL import Image

from idp.captcha import challenge, proof, service, views
from idp.captcha.service import PROOFS
from idp.captcha.verdict import CaptchaVerdict
from idp.core import secrets
from idp.core.errors import Problem
from idp.core.settings import Captcha, Limits, Settings
from idp.core.spaces import Spaces
from idp.web.kit import Kit
from tests.support.listening import digits_of

NOW = datetime(2026, 3, 12, 9, 0, tzinfo=UTC)
SECRET = secrets.token()
BROWSER = secrets.fingerprint(SECRET)


class StillClock:
    """A clock that a story moves by hand."""

    def __init__(self):
        self.instant = NOW

    def now(self):
        return self.instant


@pytest.fixture
def clock():
    return StillClock()


@pytest.fixture
def serve(database, vault, space, clock):
    def serve(provider="image", limits=None):
        settings = Settings(
            secret_key="s" * 32,
            pepper="p" * 32,
            captcha=Captcha(provider=provider),
            limits=limits or Limits(),
        )
        app = Flask(__name__)
        kit = Kit(
            settings=settings,
            vault=vault,
            clock=clock,
            database=database,
            spaces=Spaces({space.name: space}),
            limiter=Limiter(lambda: "all", app=app, storage_uri="memory://", enabled=limits is not None),
            door_of=lambda _session, _space: None,
            way_on=lambda _session, _visit: None,
        )
        app.register_blueprint(views.blueprint(kit))

        @app.errorhandler(Problem)
        def problem(error):
            return error.entry.number, error.entry.status

        @app.errorhandler(RateLimitExceeded)
        def limited(_error):
            return "P-4029", 429

        client = app.test_client()
        client.set_cookie("__Host-parvis_browser", SECRET)
        client.csrf = kit._csrf.sign(BROWSER)
        return client

    return serve


@pytest.fixture
def show(database, vault, pictures):
    def show(browser=BROWSER, back_to="/connexion/identifiant"):
        with database.transaction() as session:
            return service.block(
                session,
                vault=vault,
                settings=Captcha(),
                browser=browser,
                now=NOW,
                back_to=back_to,
                pictures=pictures,
            )

    return show


@pytest.fixture
def answer(database, vault):
    def answer(shown):
        form = {"captcha": "hj7km", "captcha_id": shown.id}
        with database.transaction() as session:
            return service.verify(
                session, vault=vault, settings=Captcha(), form=form, browser=BROWSER, now=NOW
            )

    return answer


def test_the_browser_that_saw_the_page_gets_its_picture(serve, show):
    shown = show()

    response = serve().get(shown.image_url)

    assert (response.status_code, response.mimetype) == (200, "image/png")
    assert response.headers["Cache-Control"] == "no-store"
    assert "ETag" not in response.headers
    assert Image.open(io.BytesIO(response.data)).format == "PNG"


def test_looking_twice_spends_nothing(serve, show, answer):
    shown, client = show(), serve()

    statuses = [client.get(shown.image_url).status_code for _ in range(2)]

    assert statuses == [200, 200]
    assert answer(shown) is CaptchaVerdict.PASSED
    assert client.get(shown.image_url).status_code == 404


def test_no_other_browser_gets_the_picture_nor_this_one_later(serve, show, clock):
    shown, strangers = show(), show(browser="c" * 64)
    client = serve()

    assert client.get(strangers.image_url).status_code == 404
    clock.instant += timedelta(minutes=5)
    assert client.get(shown.image_url).status_code == 404


@pytest.mark.parametrize("ending", [".mp3", ".webp", ".PNG", ".WAV", "", ".png/x"])
def test_nothing_else_than_the_picture_and_the_audio_is_served(serve, show, ending):
    shown = show()

    response = serve().get(f"/captcha/{shown.id}{ending}")

    assert response.status_code == 404


@pytest.mark.parametrize(
    "name", ["x", "%00", "%ff%fe", "..%2f..%2f", "a" * 5000, "%F0%9F%98%80", "'%20OR%201=1--"]
)
def test_hostile_names_of_pictures_are_not_found(serve, name):
    for ending in (".png", ".wav"):
        response = serve().get(f"/captcha/{name}{ending}")

        assert response.status_code == 404


@pytest.mark.parametrize(
    ("query", "language", "folder"),
    [
        ("", "fr", ""),
        ("?langue=fr", "fr", ""),
        ("?langue=../en", "fr", ""),
        ("?langue=en", "en", ""),
        ("?lent=1", "fr", "slow"),
        ("?langue=en&lent=1", "en", "slow"),
    ],
)
def test_the_audio_says_the_digits_in_the_language_and_at_the_pace_asked(  # noqa: PLR0917 (a table)
    serve, show, vault, query, language, folder
):
    shown = show()

    response = serve().get(shown.audio_url + query)

    assert (response.status_code, response.mimetype) == (200, "audio/wav")
    assert response.headers["Cache-Control"] == "no-store"
    heard = digits_of(response.data, language=language, folder=folder)
    assert heard == challenge.digits_of(vault, shown.id)
    assert heard != challenge.digits_of(vault, show().id)


def test_listening_again_spends_nothing_and_sounds_the_same(serve, show, answer):
    shown, client = show(), serve()

    first, again = (client.get(shown.audio_url).data for _ in range(2))

    assert first == again
    assert answer(shown) is CaptchaVerdict.PASSED
    assert client.get(shown.audio_url).status_code == 404


def test_no_other_browser_hears_the_audio_nor_this_one_later(serve, show, clock):
    shown, strangers = show(), show(browser="c" * 64)
    client = serve()

    assert client.get(strangers.audio_url).status_code == 404
    clock.instant += timedelta(minutes=5)
    assert client.get(shown.audio_url).status_code == 404


def test_a_browser_may_ask_for_a_part_of_the_audio(serve, show):
    shown, client = show(), serve()
    whole = client.get(shown.audio_url)

    part = client.get(shown.audio_url, headers={"Range": "bytes=0-1"})

    assert whole.headers["Accept-Ranges"] == "bytes"
    assert (part.status_code, part.data) == (206, b"RI")
    assert part.headers["Content-Range"] == f"bytes 0-1/{len(whole.data)}"


@pytest.mark.parametrize(("name", "limit"), [("audio", "audio_per_minute"), ("proof", "proofs_per_minute")])
def test_what_costs_time_is_limited_at_the_edge_more_than_pages(serve, show, name, limit):
    shown, client = show(), serve(limits=Limits(**{limit: 3}))
    address = shown.audio_url if name == "audio" else "/captcha/altcha"

    statuses = [client.get(address).status_code for _ in range(4)]

    assert statuses == [200, 200, 200, 429]
    assert client.get(shown.image_url).status_code == 200


def test_the_proof_is_served_and_can_be_solved_by_a_script(serve, database, vault):
    response = serve("altcha").get("/captcha/altcha")

    puzzle = altcha.Challenge.from_dict(response.json)
    payload = altcha.Payload(puzzle, altcha.solve_challenge(puzzle)).to_base64()
    with database.transaction() as session:
        verdict = proof.verify(session, key=vault.key(PROOFS["altcha"][0]), payload=payload, now=NOW)

    assert set(json.loads(response.data)) == {"parameters", "signature"}
    assert response.headers["Cache-Control"] == "no-store"
    assert verdict is CaptchaVerdict.PASSED


def test_a_proof_is_served_with_the_image_too(serve):
    response = serve("image").get("/captcha/altcha")

    assert response.status_code == 200
    assert response.json.keys() == {"parameters", "signature"}


@pytest.mark.parametrize("back_to", ["/connexion/identifiant", "/inscription?space=adherent&x=%C3%A9"])
def test_another_text_leads_back_to_the_page_and_voids_the_picture(serve, show, answer, back_to):
    shown, client = show(back_to=back_to), serve()

    response = client.post(shown.change_url, data={"csrf_token": client.csrf})

    assert (response.status_code, response.headers["Location"]) == (303, back_to)
    assert answer(shown) is CaptchaVerdict.EXPIRED


def test_another_text_may_be_asked_by_form_fields(serve, show, answer):
    shown, client = show(), serve()
    form = {"csrf_token": client.csrf, "captcha_id": shown.id, "suite": "/inscription"}

    response = client.post("/captcha/change", data=form)

    assert (response.status_code, response.headers["Location"]) == (303, "/inscription")
    assert answer(shown) is CaptchaVerdict.EXPIRED


@pytest.mark.parametrize(
    "suite",
    [
        None,
        "",
        "connexion",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/ok\\..\\evil",
        "https://evil.example/",
        "javascript:alert(1)",
        "/\t/evil.example",
        " /connexion",
        "/connexion\r\nSet-Cookie: a=b",
        "/connexion\n",
        "/é",
        '/"><script>',
        "/" + "a" * 3000,
    ],
)
def test_the_way_back_never_leaves_this_site(serve, show, answer, suite):
    shown, client = show(), serve()
    form = {"csrf_token": client.csrf, "captcha_id": shown.id} | (
        {"suite": suite} if suite is not None else {}
    )

    response = client.post("/captcha/change", data=form)

    assert response.status_code == 400
    assert "Location" not in response.headers
    assert answer(shown) is CaptchaVerdict.PASSED


def test_another_site_cannot_void_a_picture(serve, show, answer):
    shown = show()

    response = serve().post(shown.change_url)

    assert response.status_code == 400
    assert answer(shown) is CaptchaVerdict.PASSED


def test_a_picture_that_is_gone_still_leads_back(serve):
    client = serve()
    query = urlencode({"captcha_id": "\x01" * 22, "suite": "/inscription"})

    response = client.post(f"/captcha/change?{query}", data={"csrf_token": client.csrf})

    assert response.status_code == 303

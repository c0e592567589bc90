import io
import json
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import altcha
import pytest
from flask import Flask
from flask_limiter import Limiter
from PIL import Image

from idp.captcha import proof, service, views
from idp.captcha.service import PROOF_KEY
from idp.captcha.verdict import CaptchaVerdict
from idp.core import secrets
from idp.core.errors import Problem
from idp.core.settings import Captcha, Settings
from idp.core.spaces import Spaces
from idp.web.kit import Kit

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
    def serve(provider="image"):
        settings = Settings(secret_key="s" * 32, pepper="p" * 32, captcha=Captcha(provider=provider))
        app = Flask(__name__)
        kit = Kit(
            settings=settings,
            vault=vault,
            clock=clock,
            database=database,
            spaces=Spaces({space.name: space}),
            limiter=Limiter(lambda: "all", app=app, storage_uri="memory://", enabled=False),
            door_of=lambda _session, _space: None,
        )
        app.register_blueprint(views.blueprint(kit))

        @app.errorhandler(Problem)
        def problem(error):
            return error.entry.number, error.entry.status

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


@pytest.mark.parametrize("ending", [".wav", ".webp", ".PNG", "", ".png/x"])
def test_nothing_else_than_the_picture_is_served(serve, show, ending):
    shown = show()

    response = serve().get(f"/captcha/{shown.id}{ending}")

    assert response.status_code == 404


@pytest.mark.parametrize(
    "name", ["x", "%00", "%ff%fe", "..%2f..%2f", "a" * 5000, "%F0%9F%98%80", "'%20OR%201=1--"]
)
def test_hostile_names_of_pictures_are_not_found(serve, name):
    response = serve().get(f"/captcha/{name}.png")

    assert response.status_code == 404


def test_the_proof_is_served_and_can_be_solved_by_a_script(serve, database, vault):
    response = serve("altcha").get("/captcha/altcha")

    challenge = altcha.Challenge.from_dict(response.json)
    payload = altcha.Payload(challenge, altcha.solve_challenge(challenge)).to_base64()
    with database.transaction() as session:
        verdict = proof.verify(session, key=vault.key(PROOF_KEY), payload=payload, now=NOW)

    assert set(json.loads(response.data)) == {"parameters", "signature"}
    assert response.headers["Cache-Control"] == "no-store"
    assert verdict is CaptchaVerdict.PASSED


def test_no_proof_is_served_when_the_provider_is_the_image(serve):
    assert serve("image").get("/captcha/altcha").status_code == 404


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

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import altcha
import pytest

from idp.captcha import challenge, proof, service
from idp.captcha.service import PROOFS, CaptchaPolicy, Place
from idp.captcha.verdict import CaptchaVerdict
from idp.core.settings import Captcha

NOW = datetime(2026, 3, 12, 9, 0, tzinfo=UTC)
BROWSER = "b" * 64
IMAGE, ALTCHA = Captcha(provider="image"), Captcha(provider="altcha")


@pytest.fixture
def show(database, vault, pictures):
    def show(settings=IMAGE, now=NOW):
        with database.transaction() as session:
            return service.block(
                session,
                vault=vault,
                settings=settings,
                browser=BROWSER,
                now=now,
                back_to="/inscription?a=1&b=2",
                pictures=pictures,
            )

    return show


@pytest.fixture
def verify(database, vault):
    def verify(form, settings=IMAGE, now=NOW, browser=BROWSER):
        with database.transaction() as session:
            return service.verify(
                session, vault=vault, settings=settings, form=form, browser=browser, now=now
            )

    return verify


def solve(vault, provider):
    """A solution for this provider, of a challenge with little work in it."""
    purpose, _ = PROOFS[provider]
    served = proof.new_challenge(key=vault.key(purpose), now=NOW, lifetime=ALTCHA.lifetime, steps=20)
    puzzle = altcha.Challenge.from_dict(json.loads(json.dumps(served)))
    return altcha.Payload(puzzle, altcha.solve_challenge(puzzle)).to_base64()


@pytest.fixture
def solution(vault):
    return solve(vault, "altcha")


@pytest.mark.parametrize("trusted", [False, True])
@pytest.mark.parametrize("rule", ["always", "after-failures", "off"])
@pytest.mark.parametrize("place", [Place.ENROLMENT, Place.RECOVERY])
def test_enrolment_and_recovery_always_ask(space, place, rule, trusted):
    policy = CaptchaPolicy(Captcha(login=rule))

    assert policy.required_at(place, failures=False, trusted=trusted, space=space)


@pytest.mark.parametrize(
    ("rule", "of_the_space", "failures", "trusted", "asked"),
    [
        ("always", None, False, False, True),
        ("always", None, True, True, False),
        ("after-failures", None, False, False, False),
        ("after-failures", None, True, False, True),
        ("after-failures", None, True, True, False),
        ("off", None, True, False, False),
        ("off", "always", False, False, True),
        ("always", "off", True, False, False),
        ("always", "after-failures", False, False, False),
        ("always", "after-failures", True, False, True),
    ],
)
def test_sign_in_asks_as_the_space_or_the_settings_say(  # noqa: PLR0917 (a table)
    space, rule, of_the_space, failures, trusted, asked
):
    policy = CaptchaPolicy(Captcha(login=rule))
    space = space.model_copy(update={"captcha_login": of_the_space})

    required = policy.required_at(Place.LOGIN, failures=failures, trusted=trusted, space=space)

    assert required is asked


def test_the_page_gets_a_picture_and_the_way_back(show):
    shown = show(ALTCHA)

    assert shown.image_url == f"/captcha/{shown.id}.png"
    assert urlsplit(shown.change_url).path == "/captcha/change"
    assert parse_qs(urlsplit(shown.change_url).query) == {
        "captcha_id": [shown.id],
        "suite": ["/inscription?a=1&b=2"],
    }
    assert (shown.provider, shown.altcha) == ("altcha", True)
    assert show(IMAGE).altcha is False
    assert (shown.audio_url, shown.seconds) == (f"/captcha/{shown.id}.wav", 300)
    assert "HJ7KM" not in repr(shown)


@pytest.mark.parametrize("settings", [IMAGE, ALTCHA])
@pytest.mark.parametrize("form", [{}, {"captcha": ""}, {"captcha": "  ", "altcha": " "}, {"altcha": ""}])
def test_an_empty_answer_is_missing_and_spends_nothing(show, verify, settings, form):
    shown = show()

    verdict = verify({**form, "captcha_id": shown.id}, settings)

    assert verdict is CaptchaVerdict.MISSING
    assert verify({"captcha": "hj7km", "captcha_id": shown.id}) is CaptchaVerdict.PASSED


def test_the_answer_belongs_to_the_picture_that_the_form_names(show, verify):
    named = show()
    show(now=NOW + timedelta(seconds=1))

    verdicts = [verify({"captcha": "hj7km", "captcha_id": named.id}) for _ in range(2)]

    assert verdicts == [CaptchaVerdict.PASSED, CaptchaVerdict.EXPIRED]


def test_without_a_name_the_answer_belongs_to_the_last_picture(show, verify):
    show()
    last = show(now=NOW + timedelta(seconds=1))

    verdict = verify({"captcha": "hj7km"})

    assert verdict is CaptchaVerdict.PASSED
    assert verify({"captcha": "hj7km", "captcha_id": last.id}) is CaptchaVerdict.EXPIRED


def test_an_answer_without_any_picture_has_expired(show, verify):
    show()

    assert verify({"captcha": "hj7km"}, browser="c" * 64) is CaptchaVerdict.EXPIRED
    assert verify({"captcha": "hj7km"}, now=NOW + timedelta(minutes=5)) is CaptchaVerdict.EXPIRED


def test_with_altcha_either_answer_suffices(show, verify, solution):
    by_proof = verify({"altcha": solution, "captcha": "wrong", "captcha_id": show().id}, ALTCHA)
    by_picture = verify({"altcha": "", "captcha": "hj7km", "captcha_id": show().id}, ALTCHA)
    by_picture_after_all = verify({"altcha": "garbage", "captcha": "hj7km", "captcha_id": show().id}, ALTCHA)

    assert {by_proof, by_picture, by_picture_after_all} == {CaptchaVerdict.PASSED}


def test_with_altcha_two_bad_answers_do_not_make_a_good_one(show, verify, solution):
    verify({"altcha": solution}, ALTCHA)

    assert verify({"altcha": solution}, ALTCHA) is CaptchaVerdict.EXPIRED
    assert verify({"altcha": "garbage"}, ALTCHA) is CaptchaVerdict.WRONG
    assert (
        verify({"altcha": solution, "captcha": "x", "captcha_id": show().id}, ALTCHA) is CaptchaVerdict.WRONG
    )


def test_with_the_image_a_proof_suffices_for_who_can_neither_see_nor_hear(vault, verify):
    solved = solve(vault, "image")

    verdicts = [verify({"altcha": solved, "captcha": ""}, IMAGE) for _ in range(2)]

    assert verdicts == [CaptchaVerdict.PASSED, CaptchaVerdict.EXPIRED]


def test_the_easy_proof_is_no_way_around_the_image(vault, verify, solution):
    (_, easy), (_, hard) = PROOFS["altcha"], PROOFS["image"]

    assert hard >= 10 * easy
    assert verify({"altcha": solution}, IMAGE) is CaptchaVerdict.WRONG
    assert verify({"altcha": solve(vault, "image")}, ALTCHA) is CaptchaVerdict.WRONG


def test_the_digits_of_the_audio_are_the_answer_of_the_challenge_shown_last(vault, show, verify):
    show()
    last = show(now=NOW + timedelta(seconds=1))

    verdict = verify({"captcha": challenge.digits_of(vault, last.id)})

    assert verdict is CaptchaVerdict.PASSED


def test_the_purge_can_be_repeated(database, show, verify):
    shown = show()

    for _ in range(2):
        with database.transaction() as session:
            service.purge(session, now=NOW + timedelta(minutes=5))

    assert verify({"captcha": "hj7km", "captcha_id": shown.id}) is CaptchaVerdict.EXPIRED

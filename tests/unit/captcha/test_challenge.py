from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
from sqlalchemy import func, select

from idp.captcha import challenge
from idp.captcha.challenge import LIVE_PER_BROWSER, CaptchaChallenge
from idp.captcha.verdict import CaptchaVerdict
from idp.core.secrets import Vault
from idp.core.settings import Captcha

NOW = datetime(2026, 3, 12, 9, 0, tzinfo=UTC)
BROWSER = "b" * 64
PNG = b"\x89PNG\r\n"


@pytest.fixture
def show(database, vault, pictures):
    def show(browser=BROWSER, now=NOW):
        with database.transaction() as session:
            return challenge.issue(
                session, vault=vault, browser=browser, now=now, settings=Captcha(), pictures=pictures
            )

    return show


@pytest.fixture
def answer(database, vault):
    def answer(shown, text="HJ7KM", browser=BROWSER, now=NOW):
        with database.transaction() as session:
            return challenge.check(
                session, vault=vault, challenge_id=shown, browser=browser, answer=text, now=now
            )

    return answer


def count(database):
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(CaptchaChallenge))


@pytest.mark.parametrize("text", ["HJ7KM", "hj7km", " h j 7 k m ", "HJ7\u00a0km\u2009", "ＨＪ７ＫＭ"])
def test_case_and_spaces_do_not_matter(show, answer, text):
    shown = show()

    verdict = answer(shown.id, text)

    assert verdict is CaptchaVerdict.PASSED


@pytest.mark.parametrize(
    "text", ["", "HJ7K", "HJ7KMM", "HJ7KN", "\x00", "\ud800", "é" * 9, "HJ7KM" + "x" * 100_000, "' OR 1=1 --"]
)
def test_a_wrong_answer_is_refused_and_spends_the_picture(show, answer, text):
    shown = show()

    first = answer(shown.id, text)

    assert first is CaptchaVerdict.WRONG
    assert answer(shown.id) is CaptchaVerdict.EXPIRED


def test_a_right_answer_counts_once(show, answer):
    shown = show()

    verdicts = [answer(shown.id), answer(shown.id)]

    assert verdicts == [CaptchaVerdict.PASSED, CaptchaVerdict.EXPIRED]


@pytest.mark.parametrize("written", ["{}", " {} ", "{0[0]}{0[1]}{0[2]} {0[3]}{0[4]}{0[5]}"])
def test_the_digits_of_the_audio_answer_as_well(show, answer, vault, written):
    shown = show()

    verdict = answer(shown.id, written.format(challenge.digits_of(vault, shown.id)))

    assert verdict is CaptchaVerdict.PASSED
    assert answer(shown.id) is CaptchaVerdict.EXPIRED, "one try spends both"


def test_digits_misheard_spend_the_picture_too(show, answer, vault):
    shown, other = show(), show()

    verdict = answer(shown.id, challenge.digits_of(vault, other.id))

    assert verdict is CaptchaVerdict.WRONG
    assert answer(shown.id) is CaptchaVerdict.EXPIRED
    assert answer(other.id) is CaptchaVerdict.PASSED


def test_the_digits_are_six_and_known_to_who_holds_the_root_secret_only(vault):
    ids = [f"challenge-{number}" for number in range(1_000)]
    said = [challenge.digits_of(vault, one) for one in ids]

    stranger = Vault.from_root("another root secret that is for tests")

    assert {len(one) for one in said} == {challenge.DIGITS}
    assert any(one.startswith("0") for one in said)
    assert len(set(said)) > 990
    assert [challenge.digits_of(vault, one) for one in ids] == said
    assert [challenge.digits_of(stranger, one) for one in ids] != said


def test_a_challenge_is_open_for_its_browser_until_it_is_answered(database, show, answer):
    shown = show()

    def is_open(browser=BROWSER, now=NOW, name=shown.id):
        with database.reading() as session:
            return challenge.is_open(session, challenge_id=name, browser=browser, now=now)

    assert is_open()
    assert not is_open(browser="c" * 64)
    assert not is_open(now=NOW + timedelta(minutes=5))
    assert not is_open(name="\x00" * 22)
    answer(shown.id, "wrong")
    assert not is_open()


def test_an_answered_picture_leaves_no_image_behind(database, show, answer):
    shown = show()

    answer(shown.id)

    with database.reading() as session:
        assert session.get(CaptchaChallenge, shown.id).picture is None


def test_a_picture_answers_for_the_browser_that_saw_it_only(show, answer):
    shown = show()

    stranger = answer(shown.id, browser="c" * 64)

    assert stranger is CaptchaVerdict.EXPIRED
    assert answer(shown.id) is CaptchaVerdict.PASSED


def test_a_picture_is_good_for_five_minutes(show, answer):
    early, late = show(), show()

    in_time = answer(early.id, now=NOW + timedelta(minutes=5, seconds=-1))
    too_late = answer(late.id, now=NOW + timedelta(minutes=5))

    assert (in_time, too_late) == (CaptchaVerdict.PASSED, CaptchaVerdict.EXPIRED)


@pytest.mark.parametrize(
    "hostile", ["", "x", "\x00" * 22, "é" * 22, "\ud800" * 22, "x" * 100_000, "../" * 7 + "a"]
)
def test_a_malformed_number_of_a_picture_is_no_picture(database, answer, hostile):
    verdict = answer(hostile)

    with database.reading() as session:
        png = challenge.picture_of(session, challenge_id=hostile, browser=BROWSER, now=NOW)

    assert (verdict, png) == (CaptchaVerdict.EXPIRED, None)


def test_the_picture_is_served_to_its_browser_until_it_is_answered(database, show, answer):
    shown = show()

    def png(browser=BROWSER, now=NOW):
        with database.reading() as session:
            return challenge.picture_of(session, challenge_id=shown.id, browser=browser, now=now)

    assert png().startswith(PNG)
    assert png(browser="c" * 64) is None
    assert png(now=NOW + timedelta(minutes=5)) is None
    answer(shown.id, "wrong")
    assert png() is None


def test_the_answer_is_not_readable_in_the_database(database, show):
    shown = show()

    with database.reading() as session:
        row = session.get(CaptchaChallenge, shown.id)

    assert b"HJ7KM" not in row.answer
    assert b"HJ7KM" not in row.picture


def test_a_browser_keeps_its_newest_pictures_only(database, show, answer):
    shown = [show(now=NOW + timedelta(seconds=second)) for second in range(LIVE_PER_BROWSER + 3)]
    neighbour = show(browser="c" * 64)

    oldest, newest = answer(shown[2].id), answer(shown[3].id)

    assert count(database) == LIVE_PER_BROWSER + 1
    assert (oldest, newest) == (CaptchaVerdict.EXPIRED, CaptchaVerdict.PASSED)
    assert answer(neighbour.id, browser="c" * 64) is CaptchaVerdict.PASSED


def test_another_text_voids_the_former_one(database, show, answer):
    former, other = show(), show()

    with database.transaction() as session:
        challenge.void(session, challenge_id=former.id, browser="c" * 64)
        challenge.void(session, challenge_id=former.id + "'", browser=BROWSER)
        assert session.get(CaptchaChallenge, former.id) is not None
        challenge.void(session, challenge_id=former.id, browser=BROWSER)

    assert answer(former.id) is CaptchaVerdict.EXPIRED
    assert answer(other.id) is CaptchaVerdict.PASSED


def test_the_purge_drops_what_is_over_and_can_be_repeated(database, show):
    show(browser="old")
    show(browser="new", now=NOW + timedelta(minutes=4))

    for _ in range(2):
        with database.transaction() as session:
            challenge.purge(session, now=NOW + timedelta(minutes=5))

    assert count(database) == 1


def test_a_row_that_a_form_is_busy_with_does_not_hold_up_the_next_page(database, vault, show, pictures):
    if database.engine.dialect.name == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    shown = [show(now=NOW + timedelta(seconds=second)) for second in range(LIVE_PER_BROWSER)]

    with database.transaction() as busy:
        challenge.check(busy, vault=vault, challenge_id=shown[0].id, browser=BROWSER, answer="x", now=NOW)
        following = show(now=NOW + timedelta(minutes=1))

    assert following.id not in {one.id for one in shown}


def test_eight_answers_at_once_pass_once(show, answer):
    with ThreadPoolExecutor(8) as threads:
        for _ in range(20):
            shown = show()
            start = Barrier(8)

            def race(_, shown=shown, start=start):
                start.wait()
                return answer(shown.id)

            verdicts = list(threads.map(race, range(8)))

            assert sorted(verdicts) == [CaptchaVerdict.EXPIRED] * 7 + [CaptchaVerdict.PASSED]

import base64
import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import altcha
import pytest
from sqlalchemy import func, select

from idp.captcha import proof
from idp.captcha.proof import CaptchaProofUsed
from idp.captcha.verdict import CaptchaVerdict

pytestmark = pytest.mark.slow  # in `make test`: `make check` has a minute

NOW = datetime(2026, 3, 12, 9, 0, tzinfo=UTC)
KEY = b"k" * 32
LIFETIME = timedelta(minutes=5)


def solve(key=KEY, now=NOW):
    """What a browser or a script posts, made with nothing but the library."""
    served = json.loads(json.dumps(proof.new_challenge(key=key, now=now, lifetime=LIFETIME)))
    challenge = altcha.Challenge.from_dict(served)
    return altcha.Payload(challenge, altcha.solve_challenge(challenge)).to_base64()


@pytest.fixture(scope="module")
def solved():
    return solve()


@pytest.fixture
def verify(database):
    def verify(payload, now=NOW, key=KEY):
        with database.transaction() as session:
            return proof.verify(session, key=key, payload=payload, now=now)

    return verify


def altered(payload, change):
    document = json.loads(base64.b64decode(payload))
    change(document)
    return base64.b64encode(json.dumps(document).encode()).decode()


def test_the_challenge_has_the_shape_of_the_second_protocol():
    served = proof.new_challenge(key=KEY, now=NOW, lifetime=LIFETIME)

    assert set(served) == {"parameters", "signature"}
    assert served["parameters"]["algorithm"] == "PBKDF2/SHA-256"
    assert served["parameters"]["expiresAt"] == int((NOW + LIFETIME).timestamp())


def test_a_solution_is_accepted_once(verify, solved):
    verdicts = [verify(solved), verify(solved)]

    assert verdicts == [CaptchaVerdict.PASSED, CaptchaVerdict.EXPIRED]


def test_the_same_solution_written_otherwise_is_still_the_same(verify, solved):
    first = verify(solved)

    def rewrite(document):
        document["solution"] |= {
            "derivedKey": document["solution"]["derivedKey"].upper(),
            "time": 1,
            "counter": 0,
        }
        document["unknown"] = "member"

    assert first is CaptchaVerdict.PASSED
    assert verify(altered(solved, rewrite)) is CaptchaVerdict.EXPIRED


def test_a_solution_is_good_for_five_minutes(verify, solved):
    late = verify(solved, now=NOW + LIFETIME)
    in_time = verify(solved, now=NOW + LIFETIME - timedelta(seconds=1))

    assert (late, in_time) == (CaptchaVerdict.EXPIRED, CaptchaVerdict.PASSED)


def set_parameter(name, value):
    return lambda document: document["challenge"]["parameters"].__setitem__(name, value)


ALTERATIONS = {
    "cheaper": set_parameter("cost", 1),
    "cost as text": set_parameter("cost", "5000"),
    "cost as a fraction": set_parameter("cost", 5000.0),
    "for ever": set_parameter("expiresAt", 4_000_000_000),
    "never ends": lambda document: document["challenge"]["parameters"].pop("expiresAt"),
    "expiry as null": set_parameter("expiresAt", None),
    "another nonce": set_parameter("nonce", "00" * 16),
    "another prefix": set_parameter("keyPrefix", ""),
    "another member": set_parameter("data", "x"),
    "nested data": set_parameter("data", {"a": [1]}),
    "half a character": set_parameter("nonce", "\ud800"),
    "no signature": lambda document: document["challenge"].pop("signature"),
    "signature as null": lambda document: document["challenge"].__setitem__("signature", None),
    "empty signature": lambda document: document["challenge"].__setitem__("signature", ""),
    "no key signature": lambda document: document["challenge"]["parameters"].pop("keySignature"),
    "no work": lambda document: document["solution"].__setitem__("derivedKey", "00" * 32),
    "key as a number": lambda document: document["solution"].__setitem__("derivedKey", 7),
    "key not hexadecimal": lambda document: document["solution"].__setitem__("derivedKey", "zz"),
    "no solution": lambda document: document.pop("solution"),
    "solution as a list": lambda document: document.__setitem__("solution", []),
    "parameters as a list": lambda document: document["challenge"].__setitem__("parameters", []),
}


@pytest.mark.parametrize("change", ALTERATIONS.values(), ids=ALTERATIONS.keys())
def test_an_altered_solution_is_wrong_and_spends_nothing(verify, solved, change):
    verdict = verify(altered(solved, change))

    assert verdict is CaptchaVerdict.WRONG
    assert verify(solved) is CaptchaVerdict.PASSED


def encoded(data):
    return base64.b64encode(data).decode()


@pytest.mark.parametrize(
    "payload",
    [
        "",
        "x",
        "é",
        "\x00",
        "\ud800",
        "A" * 4097,
        "A" * 1_000_000,
        encoded(b"null"),
        encoded(b"[]"),
        encoded(b'"text"'),
        encoded(b"\xff\xfe"),
        encoded(b"[" * 3000),
        encoded(b'{"challenge":' * 200),
        encoded(b"9" * 3000),
        encoded(b'{"challenge":{"parameters":{},"signature":""},"solution":{"derivedKey":""}}'),
        encoded(b'{"challenge":{"parameters":{"cost":NaN},"signature":"x"},"solution":{"derivedKey":""}}'),
        encoded(b'{"challenge":1,"solution":2}'),
    ],
)
def test_hostile_payloads_are_wrong_and_never_an_error(verify, payload):
    verdict = verify(payload)

    assert verdict is CaptchaVerdict.WRONG


def test_a_challenge_of_another_installation_is_wrong(verify):
    foreign = solve(key=b"z" * 32)

    assert verify(foreign) is CaptchaVerdict.WRONG


def test_the_library_agrees_on_what_is_right_and_what_is_not(verify):
    now = datetime.now(UTC)
    payload = solve(now=now)
    cheaper = altered(payload, ALTERATIONS["cheaper"])
    no_work = altered(payload, ALTERATIONS["no work"])

    library = [altcha.verify_solution(one, KEY).verified for one in (cheaper, no_work, payload)]
    ours = [verify(one, now=now) is CaptchaVerdict.PASSED for one in (cheaper, no_work, payload)]

    assert library == ours == [False, False, True]


def test_a_script_solves_it_in_about_a_second():
    challenge = altcha.Challenge.from_dict(proof.new_challenge(key=KEY, now=NOW, lifetime=LIFETIME))

    begun = time.process_time()
    solution = altcha.solve_challenge(challenge)

    assert 0 <= solution.counter < proof.STEPS
    assert time.process_time() - begun < 2


def test_the_purge_forgets_a_nonce_only_when_its_challenge_is_long_over(database, verify, solved):
    verify(solved)

    def left(now):
        with database.transaction() as session:
            proof.purge(session, now=now)
            return session.scalar(select(func.count()).select_from(CaptchaProofUsed))

    assert left(NOW + LIFETIME) == 1
    assert left(NOW + LIFETIME + proof.CLOCK_SKEW) == 0


def test_eight_posts_of_one_solution_pass_once(database, verify, solved):
    with ThreadPoolExecutor(8) as threads:
        for _ in range(20):
            with database.transaction() as session:
                proof.purge(session, now=NOW + timedelta(days=1))
            start = Barrier(8)

            def race(_, start=start):
                start.wait()
                return verify(solved)

            verdicts = list(threads.map(race, range(8)))

            assert sorted(verdicts) == [CaptchaVerdict.EXPIRED] * 7 + [CaptchaVerdict.PASSED]

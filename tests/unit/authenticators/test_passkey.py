"""Passkeys, rule by rule: which answers of a device are taken, and that each is taken once."""

import json
from datetime import timedelta

import pytest

from idp.authenticators import passkey, passkey_challenges
from idp.authenticators.passkey import MOST, Copied, Refusal, RelyingParty, Verified
from tests.support.racing import at_once
from tests.support.rows import make_account
from tests.support.software_key import ORIGIN, RP_ID, SoftwareKey

PARTY = RelyingParty(id=RP_ID, origin=ORIGIN, name="Mutuelle Horizon")
MINE = "a-browser"


class Desk:
    """One account with one browser in front of the rules."""

    def __init__(self, session, clock, account):
        self.session, self.clock, self.account = session, clock, account

    def options_to_make(self, browser=MINE):
        return passkey.registration_options(
            self.session, self.account, party=PARTY, browser=browser, member="camille", now=self.clock.now()
        )

    def keep(self, answer, browser=MINE, name="Téléphone"):
        return passkey.register(
            self.session, self.account, answer, party=PARTY, browser=browser, name=name, now=self.clock.now()
        )

    def add(self, key):
        kept = self.keep(key.make(self.options_to_make()))
        assert isinstance(kept, Verified), kept
        return key

    def options_to_use(self, browser=MINE):
        return passkey.sign_in_options(self.session, party=PARTY, browser=browser, now=self.clock.now())

    def judge(self, answer, browser=MINE):
        return passkey.verify(self.session, answer, party=PARTY, browser=browser, now=self.clock.now())

    def use(self, key):
        return self.judge(key.use(self.options_to_use()))


@pytest.fixture
def session(sqlite_database):
    with sqlite_database.transaction() as session:
        yield session


@pytest.fixture
def desk(session, clock):
    return Desk(session, clock, make_account(session, now=clock.now()))


@pytest.fixture
def key(desk):
    return desk.add(SoftwareKey())


def test_what_the_browser_is_asked_for_is_what_the_rules_need(desk):
    made = desk.options_to_make()

    assert made["rp"] == {"name": "Mutuelle Horizon", "id": RP_ID}
    assert [each["alg"] for each in made["pubKeyCredParams"]] == [-7, -8, -257]
    assert made["authenticatorSelection"]["residentKey"] == "required"
    assert made["authenticatorSelection"]["userVerification"] == "required"
    assert made["attestation"] == "none"
    assert desk.account.id not in str(made)


def test_the_options_of_a_sign_in_name_no_account_and_no_key(desk, key):
    options = desk.options_to_use()

    assert options["userVerification"] == "required"
    assert not options.get("allowCredentials")
    assert options.keys() <= {"challenge", "timeout", "rpId", "allowCredentials", "userVerification"}


def test_a_key_that_was_kept_signs_in_and_is_not_made_twice(desk, key):
    outcome = desk.use(key)

    assert isinstance(outcome, Verified)
    assert outcome.account_id == desk.account.id
    excluded = desk.options_to_make()["excludeCredentials"]
    assert len(excluded) == 1


def test_the_devices_of_one_account_know_it_by_one_handle_and_of_another_by_another(
    desk, key, session, clock
):
    other = Desk(session, clock, make_account(session, now=clock.now(), name="2"))

    assert desk.options_to_make()["user"]["id"] == key.handle
    assert other.options_to_make()["user"]["id"] != key.handle


def test_an_answer_is_taken_once(desk, key):
    answer = key.use(desk.options_to_use())
    assert isinstance(desk.judge(answer), Verified)

    assert desk.judge(answer) is Refusal.CHALLENGE


def test_an_answer_is_good_in_its_browser_only(desk, key):
    answer = key.use(desk.options_to_use(browser="another"))

    assert desk.judge(answer) is Refusal.CHALLENGE


def test_a_challenge_to_make_a_key_is_none_to_sign_in(desk, key):
    options = {"challenge": desk.options_to_make()["challenge"]}

    assert desk.judge(key.use(options)) is Refusal.CHALLENGE


def test_a_challenge_is_over_after_five_minutes_and_purged(desk, key, clock, session):
    answer = key.use(desk.options_to_use())
    clock.advance(passkey_challenges.LIFETIME)

    assert desk.judge(answer) is Refusal.CHALLENGE
    passkey_challenges.purge(session, now=clock.now())
    assert session.query(passkey_challenges.PasskeyChallenge).count() == 0


def test_one_browser_keeps_a_handful_of_challenges(desk, key, session, clock):
    first = desk.options_to_use()
    for _ in range(passkey_challenges.KEPT):
        clock.advance(timedelta(seconds=1))
        desk.options_to_use()

    assert session.query(passkey_challenges.PasskeyChallenge).count() <= passkey_challenges.KEPT + 1
    assert desk.judge(key.use(first)) is Refusal.CHALLENGE


@pytest.mark.parametrize(
    "flaw", [{"origin": "https://localhost.example"}, {"rp_id": "example.org"}, {"verifies": False}], ids=str
)
def test_an_answer_for_another_site_or_without_user_verification_is_refused(desk, flaw):
    key = desk.add(SoftwareKey())
    for name, value in flaw.items():
        setattr(key, name, value)

    assert desk.use(key) is Refusal.INVALID


@pytest.mark.parametrize(
    "flaw", [{"origin": "https://localhost.example"}, {"rp_id": "example.org"}, {"verifies": False}], ids=str
)
def test_a_key_for_another_site_or_without_user_verification_is_not_kept(desk, flaw, session):
    assert desk.keep(SoftwareKey(**flaw).make(desk.options_to_make())) is Refusal.INVALID
    assert not passkey.has_any(session, desk.account.id)


def test_a_key_that_nobody_kept_is_unknown(desk):
    assert desk.use(SoftwareKey()) is Refusal.UNKNOWN


def test_another_key_under_the_same_identifier_is_refused(desk, key):
    forged = SoftwareKey(credential_id=key.credential_id, handle=key.handle, counter=9)

    assert desk.use(forged) is Refusal.INVALID


def test_a_key_must_say_whose_it_is(desk, key):
    key.handle = ""

    assert desk.use(key) is Refusal.INVALID


def test_a_counter_that_goes_backwards_is_a_copy_and_the_true_key_goes_on(desk, key):
    for _ in range(3):
        assert isinstance(desk.use(key), Verified)
    key.counter = 1

    outcome = desk.use(key)

    assert isinstance(outcome, Copied)
    assert outcome.account_id == desk.account.id
    key.counter = 3
    assert isinstance(desk.use(key), Verified)


def test_a_forged_answer_with_an_old_counter_is_no_copy(desk, key):
    desk.use(key)
    forged = SoftwareKey(credential_id=key.credential_id, handle=key.handle, counts=False)

    assert desk.use(forged) is Refusal.INVALID


def test_a_key_without_a_counter_is_used_again_and_again(desk):
    key = desk.add(SoftwareKey(counts=False))

    assert all(isinstance(desk.use(key), Verified) for _ in range(3))


def test_an_account_has_ten_keys_at_most(desk):
    for _ in range(MOST):
        desk.add(SoftwareKey())

    assert desk.keep(SoftwareKey().make(desk.options_to_make())) is Refusal.TOO_MANY


def test_a_key_of_one_account_is_no_key_of_another(desk, key, session, clock):
    other = Desk(session, clock, make_account(session, now=clock.now(), name="2"))

    assert other.keep(key.make(other.options_to_make())) is Refusal.INVALID
    assert passkey.of(session, desk.account.id)[0].credential_id
    assert not passkey.has_any(session, other.account.id)


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "{}",
        "[]",
        "null",
        "1",
        '"a"',
        '{"response": {}}',
        '{"response": {"clientDataJSON": "e30"}}',
        "[" * 2000,
    ],
)
def test_what_is_no_answer_is_refused(desk, answer):
    assert desk.judge(answer) is Refusal.CHALLENGE
    assert desk.keep(answer) is Refusal.CHALLENGE


@pytest.mark.parametrize("part", ["attestationObject", "rawId", "id", "type"])
def test_a_mangled_answer_is_refused_without_an_accident(desk, part):
    document = json.loads(SoftwareKey().make(desk.options_to_make()))
    place = document["response"] if part in document["response"] else document
    place[part] = "AAAA"

    assert desk.keep(json.dumps(document)) is Refusal.INVALID


def test_a_removed_key_signs_in_no_more(desk, key, session):
    row = passkey.of(session, desk.account.id)[0]

    assert not passkey.remove(session, "another-account", row.id)
    assert passkey.remove(session, desk.account.id, row.id)
    assert desk.use(key) is Refusal.UNKNOWN


@pytest.mark.parametrize(
    ("issuer", "rp_id"),
    [
        ("https://connexion.mutuelle.example", "connexion.mutuelle.example"),
        ("https://connexion.mutuelle.example:8443", "connexion.mutuelle.example"),
        ("http://localhost:8000", "localhost"),
        ("http://127.0.0.1:8000", None),
        ("https://[::1]:8000", None),
        ("https://192.0.2.7", None),
        ("http://connexion.mutuelle.example", None),
    ],
)
def test_passkeys_need_a_domain_name_and_https_or_localhost(issuer, rp_id):
    party = passkey.relying_party(issuer)

    assert (party.id if party else None) == rp_id
    assert party is None or party.origin == issuer


@pytest.mark.parametrize(
    ("typed", "kept"),
    [("  Ma\tclé \n", "Ma clé"), ("a" * 100, "a" * 60), ("\u202eabc", "abc"), ("\x00", "")],
)
def test_a_name_is_one_printable_line(typed, kept):
    assert passkey.tidy_name(typed) == kept


@pytest.mark.postgres
def test_of_many_requests_with_one_answer_exactly_one_wins(postgres_database, clock):
    with postgres_database.transaction() as session:
        desk = Desk(session, clock, make_account(session, now=clock.now()))
        key = desk.add(SoftwareKey())
        answer = key.use(desk.options_to_use())

    def judge():
        with postgres_database.transaction() as session:
            return passkey.verify(session, answer, party=PARTY, browser=MINE, now=clock.now())

    outcomes = at_once([judge] * 12)

    assert sum(isinstance(outcome, Verified) for outcome in outcomes) == 1


def test_challenges_are_random_and_kept_as_fingerprints(desk, session):
    challenges = {desk.options_to_use()["challenge"] for _ in range(3)}

    assert len(challenges) == 3
    kept = {row.challenge_hash for row in session.query(passkey_challenges.PasskeyChallenge)}
    assert not challenges & kept
    assert all(
        row.expires_at - row.created_at == timedelta(minutes=5)
        for row in session.query(passkey_challenges.PasskeyChallenge)
    )

"""The authenticator app, rule by rule: a step of drift, no code twice, counted before it is compared."""

from datetime import timedelta

import pytest

from idp.authenticators import authenticator_app, recovery_codes, strong
from idp.authenticators.authenticator_app import PENDING_FOR, SEAL, Refusal, Verified
from idp.authenticators.email_code import Transaction
from idp.core.secrets import BadSeal
from idp.core.settings import SignIn
from tests.support.racing import at_once
from tests.support.rows import make_account
from tests.support.second_device import STEP, Phone

RULES = SignIn()


class Desk:
    """One account whose app was confirmed a step ago."""

    def __init__(self, session, vault, clock, name="1"):
        self.session, self.vault, self.clock = session, vault, clock
        self.account = make_account(session, now=clock.now(), name=name)
        self.app = self.begin()
        self.phone = self.phone_of(self.app)
        assert isinstance(self.confirm(self.app, self.phone.code()), Verified)
        clock.advance(STEP)

    def begin(self, holder="here"):
        return authenticator_app.begin(
            self.session, self.account, vault=self.vault, holder=holder, now=self.clock.now()
        )

    def confirm(self, app, code):
        return authenticator_app.confirm(self.session, app, code, vault=self.vault, now=self.clock.now())

    def phone_of(self, app):
        return Phone(authenticator_app.secret_of(app, vault=self.vault), self.clock)

    def transaction(self, name="sign-in"):
        return Transaction(name, self.account, self.vault, RULES, self.clock.now())

    def try_code(self, code, name="sign-in"):
        return authenticator_app.verify(self.session, self.transaction(name), code)


@pytest.fixture
def session(sqlite_database):
    with sqlite_database.transaction() as session:
        yield session


@pytest.fixture
def desk(session, vault, clock):
    return Desk(session, vault, clock)


@pytest.mark.parametrize(
    ("late", "is_taken"), [(-60, False), (-30, True), (0, True), (30, True), (60, False)], ids=str
)
def test_a_clock_may_differ_by_one_step(desk, late, is_taken):
    # Its own first code was two steps before the oldest that is tried here.
    desk.clock.advance(3 * STEP)

    outcome = desk.try_code(desk.phone.code(late=timedelta(seconds=late)))

    assert isinstance(outcome, Verified) == is_taken


def test_a_code_is_taken_once_and_those_before_it_never_more(desk):
    earlier, code = desk.phone.code(), None
    desk.clock.advance(STEP)
    code = desk.phone.code()
    assert isinstance(desk.try_code(code), Verified)

    assert desk.try_code(code, "another") is Refusal.REPLAYED
    assert desk.try_code(earlier, "another") is Refusal.REPLAYED
    desk.clock.advance(STEP)
    assert isinstance(desk.try_code(desk.phone.code(), "another"), Verified)


def test_the_code_that_confirmed_an_app_signs_nobody_in(session, vault, clock):
    desk = Desk(session, vault, clock)
    code = desk.phone.code(late=STEP)

    assert desk.try_code(code) is Refusal.REPLAYED


def test_tries_are_counted_before_the_comparison_in_one_sign_in(desk):
    for _ in range(RULES.code_tries):
        assert desk.try_code("000000") is Refusal.WRONG

    assert desk.try_code(desk.phone.code()) is Refusal.EXHAUSTED
    assert isinstance(desk.try_code(desk.phone.code(), "another"), Verified)


def test_the_wrong_codes_of_a_day_put_the_second_step_to_rest(desk, session):
    for number in range(RULES.wrong_codes_per_day - 1):
        assert desk.try_code("000000", f"sign-in-{number}") is Refusal.WRONG

    assert desk.try_code("000000", "last") is Refusal.RESTING

    session.refresh(desk.account)
    assert desk.try_code(desk.phone.code(), "after") is Refusal.RESTING


def test_a_secret_of_160_bits_is_sealed_to_its_row(desk, session, vault):
    secret = desk.phone.secret
    other = desk.begin()

    assert len(secret) * 5 == 160
    assert secret.encode() not in desk.app.sealed
    with pytest.raises(BadSeal):
        vault.unseal(SEAL, desk.app.sealed, bound_to=other.id)


def test_an_app_counts_only_once_it_is_confirmed_and_takes_the_place_of_the_former(desk, session):
    pending = desk.begin()
    new = desk.phone_of(pending)
    assert desk.try_code(new.code()) is Refusal.WRONG

    assert desk.confirm(pending, "000000") is Refusal.WRONG
    assert isinstance(desk.confirm(pending, new.code()), Verified)

    desk.clock.advance(STEP)
    assert desk.try_code(desk.phone.code(), "another") is Refusal.WRONG
    assert isinstance(desk.try_code(new.code(), "another"), Verified)


def test_a_pending_app_is_its_holders_for_half_an_hour(desk, session, clock):
    desk.begin(holder="session:1")

    def pending(holder):
        return authenticator_app.pending(session, desk.account, holder=holder, now=clock.now())

    assert pending("session:1") is not None
    assert pending("session:2") is None
    clock.advance(PENDING_FOR)
    assert pending("session:1") is None
    authenticator_app.purge(session, now=clock.now())
    assert session.query(authenticator_app.AuthenticatorApp).count() == 1


def test_the_address_in_the_qr_code_names_the_mutual_and_the_account(desk, vault):
    address = authenticator_app.address_of(
        desk.app, vault=vault, service="Mutuelle: Horizon", member="a@example.org"
    )

    assert address.startswith("otpauth://totp/Mutuelle%20%20Horizon:a%40example.org?secret=")
    assert desk.phone.secret in address


def test_recovery_takes_everything_off(desk, session, vault, clock):
    recovery_codes.make(session, desk.account, vault=vault, now=clock.now())
    assert strong.has_strong(session, desk.account)

    assert strong.forget_all(session, desk.account, clock.now())

    assert not strong.has_strong(session, desk.account)
    assert recovery_codes.left(session, desk.account.id) == 0
    assert not strong.forget_all(session, desk.account, clock.now())


@pytest.mark.postgres
def test_of_many_requests_with_one_code_exactly_one_wins(postgres_database, vault, clock):
    with postgres_database.transaction() as session:
        desk = Desk(session, vault, clock)
        (code, *_) = recovery_codes.make(session, desk.account, vault=vault, now=clock.now())
        account = desk.account
        session.expunge(account)

    def by_app(number):
        with postgres_database.transaction() as session:
            about = Transaction(f"sign-in-{number}", account, vault, RULES, clock.now())
            return authenticator_app.verify(session, about, desk.phone.code())

    def by_list(number):
        with postgres_database.transaction() as session:
            about = Transaction(f"sign-in-{number}", account, vault, RULES, clock.now())
            return recovery_codes.verify(session, about, code)

    apps = at_once([lambda n=n: by_app(n) for n in range(8)])
    lists = at_once([lambda n=n: by_list(n) for n in range(8)])

    assert sum(isinstance(outcome, Verified) for outcome in apps) == 1
    assert sum(isinstance(outcome, Verified) for outcome in lists) == 1
    assert set(apps + lists) <= {Verified(), Refusal.REPLAYED}

"""Trusted devices, rule by rule: recognising judges nothing, using renews the secret and judges theft."""

from datetime import timedelta

import pytest

from idp.authenticators import trusted_device
from idp.authenticators.trusted_device import Refusal, Trusted
from idp.core.settings import TrustedDevice
from tests.support.rows import make_account

RULES = TrustedDevice()


class Computer:
    """A browser of one account, and what it presents."""

    def __init__(self, session, vault, clock, account):
        self.session, self.vault, self.clock, self.account = session, vault, clock, account
        self.cookie = self.trust()

    def trust(self):
        made = trusted_device.trust(
            self.session, vault=self.vault, account=self.account, name="Firefox", now=self.clock.now()
        )
        return made.cookie

    def use(self, cookie=None, account=None):
        return trusted_device.use(
            self.session,
            cookie or self.cookie,
            vault=self.vault,
            account=account or self.account,
            rules=RULES,
            now=self.clock.now(),
        )

    def recognise(self, cookie):
        return trusted_device.recognise(
            self.session, cookie, vault=self.vault, account=self.account, rules=RULES, now=self.clock.now()
        )

    def renew(self):
        """Use it, and keep the new cookie as a browser does."""
        former, used = self.cookie, self.use()
        assert isinstance(used, Trusted)
        self.cookie = used.cookie
        return former

    @property
    def live(self):
        return trusted_device.live_devices(self.session, self.account, rules=RULES, now=self.clock.now())


@pytest.fixture
def session(database):
    with database.transaction() as session:
        yield session


@pytest.fixture
def account(session, clock):
    return make_account(session, now=clock.now())


@pytest.fixture
def computer(session, vault, clock, account):
    return Computer(session, vault, clock, account)


def test_each_use_renews_the_secret_of_one_series(computer):
    seen = [computer.cookie]
    for _ in range(5):
        computer.renew()
        seen.append(computer.cookie)

    assert len(set(seen)) == 6
    assert len({cookie.split(".")[0] for cookie in seen}) == 1
    assert [cookie.split(".")[1] for cookie in seen] == ["0", "1", "2", "3", "4", "5"]


def test_the_same_secret_twice_gives_the_same_successor(computer):
    first, second = computer.use(), computer.use()

    assert first == second


def test_a_lost_answer_never_harms_however_late_the_next_use(computer, clock):
    for _ in range(5):
        assert isinstance(computer.use(), Trusted)
        clock.advance(days=10)

    assert len(computer.live) == 1


@pytest.mark.parametrize(("seconds", "kept"), [(0, True), (30, True), (31, False), (86_400, False)])
def test_a_former_secret_is_theft_thirty_seconds_after_its_successor_was_used(computer, clock, seconds, kept):
    former = computer.renew()
    computer.renew()
    clock.advance(seconds=seconds)

    used = computer.use(former)

    assert isinstance(used, Trusted) is kept
    assert kept or used is Refusal.THEFT
    assert bool(computer.live) is kept


def test_a_much_older_secret_is_theft_at_once(computer):
    oldest = computer.renew()
    for _ in range(3):
        computer.renew()

    assert computer.use(oldest) is Refusal.THEFT
    assert isinstance(computer.use(), Refusal)


def test_recognising_changes_and_judges_nothing(computer):
    former = computer.renew()
    computer.renew()
    latest = computer.cookie

    for _ in range(3):
        assert computer.recognise(latest) is not None
        computer.recognise(former)

    assert computer.use() == computer.use(latest)
    assert len(computer.live) == 1


def test_trust_is_absolute_ninety_days_from_its_first_day(computer, clock):
    for _ in range(8):
        clock.advance(days=11)
        computer.renew()
    assert len(computer.live) == 1

    clock.advance(days=2)

    assert computer.use() is Refusal.UNKNOWN
    assert computer.live == []


def test_a_shorter_setting_applies_to_devices_trusted_before(computer, clock):
    clock.advance(days=10)
    shorter = RULES.model_copy(update={"lifetime": timedelta(days=9)})

    assert (
        trusted_device.use(
            computer.session,
            computer.cookie,
            vault=computer.vault,
            account=computer.account,
            rules=shorter,
            now=clock.now(),
        )
        is Refusal.UNKNOWN
    )


def test_the_cookie_of_another_account_is_unknown_and_harms_nothing(computer, session, clock):
    other = make_account(session, now=clock.now(), name="2")

    assert computer.use(account=other) is Refusal.UNKNOWN
    assert isinstance(computer.use(), Trusted)


def test_a_raised_epoch_voids_trust(computer, account):
    account.epoch += 1
    computer.session.flush()

    assert computer.use() is Refusal.UNKNOWN
    assert computer.live == []


def test_a_revoked_device_is_unknown_and_revoked_once(computer, clock):
    (device,) = computer.live
    revoke = lambda who: trusted_device.revoke(computer.session, device.id, account_id=who, now=clock.now())  # noqa: E731

    assert not revoke("somebody else")
    assert revoke(computer.account.id)
    assert not revoke(computer.account.id)
    assert computer.use() is Refusal.UNKNOWN


@pytest.mark.parametrize(
    "cookie",
    [
        "x",
        "..",
        "a.b.c",
        "a.-1.c",
        "a.1e9.c",
        "a.٣.c",
        "a.²." + "x" * 20,
        "a.0." + "x" * 500,
        "a.9999999999.c",
        "a.0.c.d",
    ],
)
def test_what_is_no_cookie_of_ours_is_unknown(computer, cookie):
    assert computer.use(cookie) is Refusal.UNKNOWN
    assert computer.recognise(cookie) is None
    assert len(computer.live) == 1


def test_a_device_has_ten_wrong_passwords_and_gets_them_back(computer, clock):
    (device,) = computer.live
    may_try = lambda: trusted_device.may_try(computer.session, device, rules=RULES, now=clock.now())  # noqa: E731
    assert [may_try() for _ in range(12)] == [True] * 10 + [False] * 2

    trusted_device.tried_well(computer.session, device.id)

    assert may_try()


def test_each_account_has_a_cookie_of_its_own_name(vault):
    names = {trusted_device.cookie_name(vault, account_id) for account_id in ("a1", "a2")}

    assert len(names) == 2
    assert all("a1" not in name and "a2" not in name for name in names)

"""R3: nothing that starts after an acknowledged revocation, logout, suspension or password change succeeds.

R28: mixed operations on one account neither wait for each other in a circle nor fail.
"""

import threading
import time
from dataclasses import dataclass
from functools import partial

import pytest
from sqlalchemy import text

from idp.oidc import grants
from idp.sessions import service as sessions
from tests.protocol.party import ISSUER, Browser
from tests.support.racing import at_once

CLAIMS = "https://claims.example.org"
# So many tries of each use before the end, and as many that start after it.
TRIES = 3

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def setting(world):
    """One member, signed in, with tokens of a client that rotates and of one that does not."""
    for client in ("spa", "refreshing"):
        world.change_client(client, audiences=[CLAIMS])
    return Setting(world)


class Setting:
    """What is used while it ends."""

    def __init__(self, world):
        self.world = world
        self.browser = world.signed_in()
        self.kept = world.party("refreshing").tokens(self.browser, resource=[CLAIMS])
        self.rotated = world.party("spa").tokens(self.browser, resource=[CLAIMS])
        self.codes = []
        self.given = [self.kept, self.rotated]

    def uses(self):
        """Each use by its name: it returns whether it succeeded. Each has connections of its own."""
        return {
            "refresh": self.refresh_kept(),
            "rotate": self.rotate(),
            "introspect": self.introspect(),
            "userinfo": self.userinfo(),
            "prompt=none": self.ask_in_silence(),
        }

    def refresh_kept(self):
        party = self.world.party("refreshing")
        return lambda: self._keep(party.refresh(self.kept["refresh_token"])) is not None

    def rotate(self):
        party = self.world.party("spa")
        newest = [self.rotated["refresh_token"]]

        def use():
            given = self._keep(party.refresh(newest[0]))
            if given is not None:
                newest[0] = given["refresh_token"]
            return given is not None

        return use

    def _keep(self, response):
        assert response.status_code in {200, 400}, response.text
        if response.status_code == 400:
            return None
        self.given.append(response.json)
        return response.json

    def introspect(self):
        api = self.world.party("api")

        def use():
            response = api.introspect(self.kept["access_token"])
            assert response.status_code == 200, response.text
            return response.json["active"]

        return use

    def userinfo(self):
        party = self.world.party("spa")

        def use():
            status = party.userinfo(self.rotated["access_token"]).status_code
            assert status in {200, 401}
            return status == 200

        return use

    def ask_in_silence(self):
        window = copy_of(self.browser)
        party = self.world.party("reader")

        def use():
            asked = party.ask(prompt="none")
            response = window.get(asked.url)
            assert response.status_code == 303, response.text
            given = "code=" in response.location
            if given:
                self.codes.append((response.location, asked))
            return given

        return use


def copy_of(browser):
    """Another window of the same browser."""
    window = Browser(browser.world)
    for name in ("session", "browser"):
        cookie = browser.http.get_cookie(f"__Host-parvis_{name}", domain="127.0.0.1")
        if cookie is not None:
            window.http.set_cookie(cookie.key, cookie.value, domain="127.0.0.1")
    return window


@dataclass(frozen=True)
class Attempt:
    """One use: when it began, and whether it succeeded."""

    began: float
    succeeded: bool


def used_while(uses, action):
    """Use everything all the time, before and after an action; the attempts, and when the action was acknowledged."""
    stop = threading.Event()
    attempts = {name: [] for name in uses}
    failures = []

    def go_on(name, use):
        # The little pause lets the others in: SQLite's one lock is not given in turn.
        while not stop.wait(0.002):
            began = time.monotonic()
            try:
                attempts[name].append(Attempt(began, use()))
            except BaseException as failure:  # noqa: BLE001 (whatever it is, the test shows it)
                failures.append((name, failure))
                return

    def tried(since):
        return all(sum(attempt.began >= since for attempt in made) >= TRIES for made in attempts.values())

    threads = [threading.Thread(target=go_on, args=item) for item in uses.items()]
    for thread in threads:
        thread.start()
    try:
        until(lambda: failures or tried(since=0))
        action()
        acknowledged = time.monotonic()
        until(lambda: failures or tried(since=acknowledged))
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert failures == []
    return attempts, acknowledged


def until(condition, patience=60):
    """Wait for something that comes soon."""
    limit = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < limit, "it never came to that"
        time.sleep(0.01)


def gave_nothing_afterwards(attempts, acknowledged, names):
    for name in names:
        before = [attempt for attempt in attempts[name] if attempt.began < acknowledged]
        after = [attempt for attempt in attempts[name] if attempt.began >= acknowledged]
        assert before[0].succeeded, f"{name} never worked"
        assert len(after) >= TRIES
        late = [attempt.began - acknowledged for attempt in after if attempt.succeeded]
        assert late == [], f"{name} succeeded {late} seconds after the end was acknowledged"


def fruits_are_dead(setting, *, with_codes=True):
    """What was given while the end was under way gives nothing either."""
    world = setting.world
    for given in setting.given:
        party = world.party(
            "refreshing" if given["refresh_token"] == setting.kept["refresh_token"] else "spa"
        )
        assert party.userinfo(given["access_token"]).status_code == 401
        assert party.refresh(given["refresh_token"]).status_code == 400
    for location, asked in setting.codes[-3:] if with_codes else []:
        code = location.partition("code=")[2].partition("&")[0]
        assert world.party("reader").redeem(code, asked).status_code == 400


def raise_the_epoch(world):
    world.happens("UPDATE account SET epoch = epoch + 1")


def suspend(world):
    world.happens("UPDATE member SET status = 'suspended'")


def end_the_session(world):
    with world.database.transaction() as session:
        for row in session.execute(text("SELECT id FROM session")).scalars().all():
            sessions.end(session, row, now=world.clock.now())


@pytest.mark.parametrize("end", [raise_the_epoch, suspend, end_the_session])
def test_nothing_that_starts_after_the_members_end_succeeds(setting, end):
    uses = setting.uses()

    attempts, acknowledged = used_while(uses, partial(end, setting.world))

    gave_nothing_afterwards(attempts, acknowledged, uses)
    fruits_are_dead(setting)


def test_nothing_that_starts_after_the_sign_out_succeeds(setting):
    uses = setting.uses()
    window = copy_of(setting.browser)
    page = window.get("/deconnexion")

    def sign_out():
        assert window.submit(page, "/deconnexion").status_code == 200

    attempts, acknowledged = used_while(uses, sign_out)

    gave_nothing_afterwards(attempts, acknowledged, uses)
    fruits_are_dead(setting)


def test_nothing_that_starts_after_a_revocation_succeeds(setting):
    uses = setting.uses()
    world = setting.world

    def revoke():
        for client, given in (("refreshing", setting.kept), ("spa", setting.rotated)):
            assert world.party(client).revoke(given["refresh_token"]).status_code == 200

    attempts, acknowledged = used_while(uses, revoke)

    gave_nothing_afterwards(attempts, acknowledged, ["refresh", "rotate", "introspect", "userinfo"])
    assert all(attempt.succeeded for attempt in attempts["prompt=none"]), "the member stays signed in"
    fruits_are_dead(setting, with_codes=False)


def test_nothing_that_starts_after_an_access_tokens_revocation_takes_it(setting):
    uses = setting.uses()
    world = setting.world

    def revoke():
        for client, given in (("refreshing", setting.kept), ("spa", setting.rotated)):
            assert world.party(client).revoke(given["access_token"]).status_code == 200

    attempts, acknowledged = used_while(uses, revoke)

    gave_nothing_afterwards(attempts, acknowledged, ["introspect", "userinfo"])
    assert all(attempt.succeeded for name in ("refresh", "rotate") for attempt in attempts[name])


def test_revocations_and_uses_that_start_together_end_in_a_dead_family(world):
    for _ in range(10):
        world.happens("DELETE FROM token_grant")
        token = world.party("spa").tokens(world.signed_in())["refresh_token"]
        use = [partial(world.party("spa").refresh, token) for _ in range(4)]
        revoke = [partial(world.party("spa").revoke, token) for _ in range(4)]

        answers = at_once([job for pair in zip(use, revoke, strict=True) for job in pair])

        assert {answer.status_code for answer in answers[1::2]} == {200}
        for answer in answers[::2]:
            assert answer.status_code in {200, 400}
            if answer.status_code == 200:
                assert world.party("spa").refresh(answer.json["refresh_token"]).status_code == 400
                assert world.party("spa").userinfo(answer.json["access_token"]).status_code == 401


# R28


def mixed(world):
    """A hundred operations of every kind on one account, in families and sessions of their own and shared."""
    browsers = [world.signed_in() for _ in range(4)]
    shared = world.party("spa").tokens(browsers[0], scope="openid offline_access")
    jobs = []
    for number, browser in enumerate(browsers):
        kept = world.party("refreshing").tokens(browser)
        rotated = world.party("rotating").tokens(browser)
        asked = world.party("reader").ask()
        code = world.party("reader").code_for(browser, asked)
        for _ in range(2):
            jobs += [
                partial(world.party("refreshing").refresh, kept["refresh_token"]),
                partial(world.party("rotating").refresh, rotated["refresh_token"]),
                partial(world.party("spa").refresh, shared["refresh_token"]),
                partial(world.party("rotating").revoke, rotated["access_token"]),
                partial(world.party("refreshing").userinfo, kept["access_token"]),
                partial(world.party("api").introspect, kept["access_token"]),
                partial(world.party("reader").redeem, code, asked),
                partial(copy_of(browser).get, world.party("reader").ask(prompt="none").url),
                partial(copy_of(browser).get, world.party("reader").ask(prompt="login").url),
                partial(copy_of(browser).get, "/compte"),
            ]
        if number % 2:
            jobs += [
                partial(world.party("refreshing").revoke, kept["refresh_token"]),
                partial(world.party("rotating").revoke, rotated["refresh_token"]),
                partial(sign_out, copy_of(browser)),
            ]
    for statement in ("UPDATE account SET updated_at = :now", "UPDATE member SET given_name = 'Camille'"):
        values = {"now": world.clock.now()} if ":now" in statement else {}
        jobs += [partial(acknowledged, world, statement, values)] * 4
    return jobs


def sign_out(window):
    return window.get(f"/oauth2/end_session?post_logout_redirect_uri={ISSUER}")


def acknowledged(world, statement, values):
    world.happens(statement, **values)
    return world.app.response_class(status=200)


def purges(world):
    def purge():
        with world.database.transaction() as session:
            grants.purge(session, now=world.clock.now())
        return world.app.response_class(status=200)

    return [purge] * 4


def test_a_hundred_mixed_operations_on_one_account_end_well(world):
    jobs = [*mixed(world), *purges(world)]
    assert len(jobs) >= 98

    answers = at_once(jobs[::2]) + at_once(jobs[1::2])

    # A deadlock, a lock that lasts or a serialization failure would be a 503; anything unforeseen a 500.
    assert {answer.status_code for answer in answers} <= {200, 302, 303, 400, 401}
    assert sum(answer.status_code in {200, 303} for answer in answers) > len(answers) // 2

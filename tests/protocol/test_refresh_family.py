"""RFC 9700 section 4.14.2: one refresh family in any order of events, against a model that fits on a page."""

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as run
from sqlalchemy import text

from idp.sessions import service as sessions

IDLE, WHOLE = timedelta(hours=1), timedelta(hours=3)
GRACE = timedelta(seconds=10)
ACCESS = timedelta(minutes=5)
STEPS = [1, 5, 9, 10, 11, 299, 300, 1800, 3599, 3600]


class Family(RuleBasedStateMachine):
    """A family of the client `hourly`, which rotates: what it does, and what it should."""

    world = None

    @property
    def now(self):
        return self.world.clock.now()

    @property
    def stands(self):
        """Whether the grant and what it stands on still live, whatever the age of the family."""
        return not self.is_dead and (self.offline or self.session_lives)

    @property
    def lives(self):
        """Whether the newest token is good."""
        return self.stands and self.now < self.idle_until and self.now < self.ends_at

    @initialize(offline=st.booleans())
    def begin(self, offline):
        """The first token, for a member who just signed in."""
        self.offline = offline
        self.party, self.stranger = self.world.party("hourly"), self.world.party("rotating")
        browser = self.world.signed_in()
        asked = self.party.ask(scope="openid offline_access" if offline else "openid")
        self.code, self.asked = self.party.code_for(browser, asked), asked
        given = self.party.redeem(self.code, asked).json
        self.tokens = [given["refresh_token"]]
        self.access = [(given["access_token"], self.now)]
        self.is_dead, self.session_lives = False, True
        self.idle_until, self.ends_at = self.now + IDLE, self.now + WHOLE
        self.replaced_at = None
        with self.world.database.reading() as session:
            newest = "SELECT id, session_id FROM token_grant ORDER BY rowid DESC LIMIT 1"
            self.grant, self.session = session.execute(text(newest)).one()

    def use(self, token, *, party=None, **more):
        """The tokens that a use gives, or None; never an accident."""
        response = (party or self.party).refresh(token, **more)
        assert response.status_code in {200, 400}, response.text
        if response.status_code == 400:
            assert response.json["error"] == "invalid_scope" if more else "invalid_grant"
            return None
        self.access.append((response.json["access_token"], self.now))
        return response.json["refresh_token"]

    @rule()
    def use_the_newest(self):
        should, given = self.lives, self.use(self.tokens[-1])
        assert (given is not None) == should
        if given is not None:
            assert given not in self.tokens
            self.tokens.append(given)
            self.replaced_at, self.idle_until = self.now, self.now + IDLE

    @precondition(lambda self: len(self.tokens) > 1)
    @rule(data=st.data())
    def use_an_older_one(self, data):
        index = data.draw(st.integers(0, len(self.tokens) - 2))
        is_lost_answer = index == len(self.tokens) - 2 and self.now - self.replaced_at <= GRACE
        should = self.tokens[-1] if self.lives and is_lost_answer else None

        assert self.use(self.tokens[index]) == should

        if not is_lost_answer and self.now < self.idle_until and self.now < self.ends_at:
            self.is_dead = True

    @precondition(lambda self: self.lives)
    @rule()
    def use_the_newest_for_too_much(self):
        assert self.use(self.tokens[-1], scope="openid profile") is None

    @rule(data=st.data())
    def use_one_as_another_client(self, data):
        assert self.use(data.draw(st.sampled_from(self.tokens)), party=self.stranger) is None

    @rule(data=st.data())
    def revoke_one(self, data):
        token = data.draw(st.sampled_from(self.tokens))
        assert self.party.revoke(token).status_code == 200
        self.is_dead = True

    @rule()
    def replay_the_code(self):
        assert self.party.redeem(self.code, self.asked).status_code == 400
        self.is_dead = True

    @precondition(lambda self: self.session_lives)
    @rule()
    def end_the_session(self):
        with self.world.database.transaction() as session:
            sessions.end(session, self.session, now=self.now)
        self.session_lives = False

    @rule(seconds=st.sampled_from(STEPS))
    def wait(self, seconds):
        self.world.clock.advance(seconds=seconds)

    @invariant()
    def access_tokens_live_as_long_as_what_they_stand_on(self):
        for token, given_at in self.access[-2:]:
            should = self.stands and self.now < given_at + ACCESS
            assert (self.party.userinfo(token).status_code == 200) == should

    @invariant()
    def there_is_one_line(self):
        with self.world.database.reading() as session:
            row = session.execute(
                text("SELECT generation, revoked_at IS NOT NULL FROM token_grant WHERE id = :id"),
                {"id": self.grant},
            ).one()
        assert row == (len(self.tokens) - 1, self.is_dead)


@pytest.mark.slow
def test_a_family_does_as_its_model_in_any_order_of_events(world):
    machine = type("FamilyOfThisWorld", (Family,), {"world": world})

    run(
        machine,
        settings=settings(
            max_examples=40,
            stateful_step_count=25,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )

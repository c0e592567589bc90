"""RFC 9700 section 4.14.2: one refresh family in any order of events, against a model that fits on a page."""

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as run
from sqlalchemy import text

from idp.sessions import service as sessions

IDLE, WHOLE = timedelta(hours=1), timedelta(minutes=90)
GRACE = timedelta(seconds=10)
ACCESS = timedelta(minutes=5)
MOMENTS = [0.000_001, 1, 5, 9, 10, 10.000_001]
WHILES = [300, 1800, 3000, 3599, 3600]


def grown(family):
    """Whether the family has a past: what ends it is rare before, so that there is one to end."""
    return len(family.tokens) > 2


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
        return self.stands and not self.is_over

    @property
    def is_over(self):
        """Whether one of its two ends is reached."""
        return self.now >= min(self.idle_until, self.ends_at)

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

    @precondition(lambda self: not self.lives)
    @rule(offline=st.booleans())
    def begin_another(self, offline):
        self.begin(offline)

    @rule()
    def use_the_newest(self):
        should, given = self.lives, self.use(self.tokens[-1])
        assert (given is not None) == should
        if given is not None:
            assert given not in self.tokens
            self.tokens.append(given)
            self.replaced_at, self.idle_until = self.now, self.now + IDLE

    @precondition(lambda self: len(self.tokens) > 1)
    @rule()
    def use_the_one_before(self):
        is_lost_answer = self.now - self.replaced_at <= GRACE

        given = self.use(self.tokens[-2])

        assert given == (self.tokens[-1] if self.lives and is_lost_answer else None)
        self.is_dead |= not is_lost_answer and not self.is_over

    @precondition(grown)
    @rule(data=st.data())
    def use_an_older_one(self, data):
        assert self.use(data.draw(st.sampled_from(self.tokens[:-2]))) is None
        self.is_dead |= not self.is_over

    @precondition(lambda self: self.lives)
    @rule()
    def use_the_newest_for_too_much(self):
        assert self.use(self.tokens[-1], scope="openid profile") is None

    @rule(data=st.data())
    def use_one_as_another_client(self, data):
        assert self.use(data.draw(st.sampled_from(self.tokens)), party=self.stranger) is None

    @precondition(grown)
    @rule(data=st.data())
    def revoke_one(self, data):
        token = data.draw(st.sampled_from(self.tokens))
        assert self.party.revoke(token).status_code == 200
        self.is_dead = True

    @precondition(grown)
    @rule()
    def replay_the_code(self):
        assert self.party.redeem(self.code, self.asked).status_code == 400
        self.is_dead = True

    @precondition(grown)
    @rule()
    def end_the_session(self):
        with self.world.database.transaction() as session:
            sessions.end(session, self.session, now=self.now)
        self.session_lives = False

    @rule(seconds=st.sampled_from(MOMENTS))
    def wait_a_moment(self, seconds):
        self.world.clock.advance(seconds=seconds)

    @precondition(lambda self: len(self.tokens) > 1)
    @rule(seconds=st.sampled_from(WHILES))
    def use_the_newest_after_a_while(self, seconds):
        self.world.clock.advance(seconds=seconds)
        self.use_the_newest()

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
    world.change_client("hourly", refresh_token_lifetime="90m")
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

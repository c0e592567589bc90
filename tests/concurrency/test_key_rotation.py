"""R8, R10: keys change while tokens are made and verified, and no honest client ever notices."""

from collections import deque
from datetime import timedelta
from functools import partial

import jwt
import pytest

from idp.app import create_app
from idp.core.db import Database
from idp.oidc import key_care, key_rows, key_schedule
from idp.oidc.key_schedule import Schedule
from idp.oidc.keys import Algorithm, KeyState, Kind
from tests.protocol import party
from tests.protocol.party import ISSUER, NOON, World
from tests.support.clock import ManualClock
from tests.support.racing import at_once
from tests.support.rows import events

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
ALGORITHMS = [algorithm.value for algorithm in Algorithm]
# Times are those of the story's clock, which PyJWT cannot read.
WITHOUT_TIMES = {"verify_exp": False, "verify_iat": False, "verify_nbf": False}


class CachingClient:
    """A service that verifies with PyJWT, and reads the keys once an hour: never because of an unknown key."""

    def __init__(self, host):
        self.host = host
        self.read_at = None
        self.keys = {}

    def failure(self, token):
        """What is wrong with a token of ours; None when it is good."""
        now = self.host.clock.now()
        if self.read_at is None or now - self.read_at >= HOUR:
            self.keys = {key.key_id: key for key in jwt.PyJWKSet.from_dict(jwks(self.host)).keys}
            self.read_at = now
        kid = jwt.get_unverified_header(token)["kid"]
        if kid not in self.keys:
            return f"{kid} is unknown at {now}"
        try:
            jwt.decode(token, self.keys[kid], ALGORITHMS, WITHOUT_TIMES, audience="reader", issuer=ISSUER)
        except jwt.InvalidTokenError as problem:
            return repr(problem)
        return None


def clients_of(hosts):
    return [CachingClient(host) for host in hosts]


def jwks(host):
    return host.app.test_client().get("/oauth2/jwks.json", base_url=ISSUER).json


def start_host(url, folder, clock):
    """One host of the installation: an app with connections of its own; its ring is as old as the story says."""
    database, settings = Database(url), party.make_settings(folder, url)
    host = World(create_app(settings, clock=clock, database=database), settings, clock, database)
    host.parts.provider.keys._monotonic = lambda: clock.now().timestamp()
    return host


@pytest.fixture
def hosts(database, tmp_path):
    """Two hosts on one database, with one clock and a member."""
    party.write_clients(tmp_path / "clients")
    url, clock = database.engine.url.render_as_string(hide_password=False), ManualClock(NOON)
    pair = [start_host(url, tmp_path, clock) for _ in range(2)]
    pair[0].apply_clients()
    pair[0].add_member()
    pair[1].accounts = pair[0].accounts
    yield pair
    for host in pair:
        host.database.dispose()


def kids(host, state, algorithm=Algorithm.ES256):
    with host.database.reading() as session:
        return [
            key.kid for key in key_rows.records(session) if key.state is state and key.algorithm is algorithm
        ]


def issue(host, clock):
    """A token of each algorithm, signed in a transaction with the ring that holds there, as endpoints do it."""
    claims = {"iss": ISSUER, "aud": "reader", "iat": int(clock.now().timestamp())}
    with host.database.transaction() as session:
        ring = host.parts.provider.snapshot(session, now=clock.now()).ring
    return [ring.signer(algorithm).sign(Kind.ID_TOKEN, claims) for algorithm in Algorithm]


def live_through(hosts, clients, schedule, *, lasting):
    """What clients saw go wrong while the schedule ran: each token is verified when new, and at the end of a day.

    Two workers keep the ring, each with a clock of its own, a minute wrong.
    """
    clock, failures, kept = hosts[0].clock, [], deque()
    end = clock.now() + lasting
    while clock.now() < end:
        clock.advance(pace(hosts[0], schedule))
        hosts.reverse()
        for host, skew in zip(hosts, (MINUTE, -MINUTE), strict=True):
            keep(host, schedule, now=clock.now() + skew)
        tokens = issue(hosts[0], clock)
        kept.append((clock.now() + DAY, tokens))
        while kept[0][0] <= clock.now():
            tokens = (*tokens, *kept.popleft()[1])
        seen = [client.failure(token) for client in clients for token in tokens]
        failures += [failure for failure in seen if failure is not None]
    return failures


def keep(host, schedule, *, now):
    return key_care.keep(
        host.database, vault=host.parts.vault, schedule=schedule, folder=host.settings.keys_dir, now=now
    )


def pace(host, schedule):
    """Twenty minutes from shortly before a change until its last token is over; half a day where nothing happens."""
    now = host.clock.now()
    with host.database.reading() as session:
        keys = key_schedule.describe(session, schedule=schedule, now=now)
    last = max(when for key in keys for when in (key.created_at, key.activated_at, key.retired_at) if when)
    coming = min(when for key in keys for when in (key.rotates_at, key.leaves_at) if when)
    if now - last < DAY + 8 * HOUR or coming - now <= 4 * HOUR:
        return 20 * MINUTE
    return min(DAY / 2, coming - now - 3 * HOUR)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_in_four_hundred_days_of_the_schedule_no_token_is_ever_refused(hosts):
    schedule = Schedule.of(hosts[0].settings, hosts[0].parts.spaces)

    failures = live_through(hosts, clients_of(hosts), schedule, lasting=400 * DAY)

    assert failures == []
    assert len(events(hosts[0].database, "key.rotated")) == 4 * len(Algorithm)
    assert len(events(hosts[0].database, "key.dropped")) == 4 * len(Algorithm)
    assert len(jwks(hosts[0])["keys"]) == 2 * len(Algorithm)


@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("prepublication", "retention", "lasting", "harmless"),
    [
        (2 * DAY, 26 * HOUR, 78 * HOUR, True),
        (0 * DAY, 26 * HOUR, 2 * HOUR, False),
        (2 * DAY, 20 * HOUR, 78 * HOUR, False),
    ],
    ids=["as it must be", "signs too early", "leaves too early"],
)
def test_a_next_key_that_was_replaced_at_the_last_moment_is_published_long_enough_again(
    hosts, prepublication, retention, lasting, harmless
):
    # The last two rows show that the clients of these tests would notice.
    schedule = Schedule(rotation=3 * HOUR, prepublication=prepublication, retention=retention)
    host, clients = hosts[0], clients_of(hosts)
    failures = live_through(hosts, clients, schedule, lasting=2 * HOUR + 40 * MINUTE)
    [following] = kids(host, KeyState.NEXT)
    key_care.refuse(host.database, following, vault=host.parts.vault, now=host.clock.now())

    failures += live_through(hosts, clients, schedule, lasting=lasting)

    assert (failures == []) == harmless


def sign_in_and_verify(host, client, times):
    """Members of a service that sign in one after the other; what its server saw go wrong."""
    found = []
    for _ in range(times):
        tokens = host.party("reader").tokens(host.signed_in())
        failure = client.failure(tokens["id_token"])
        answer = host.party("reader").userinfo(tokens["access_token"])
        found += [failure] if failure else []
        found += [] if answer.status_code == 200 else [f"userinfo: {answer.status_code}"]
    return found


@pytest.mark.slow
def test_a_rotation_under_load_fails_no_sign_in_and_no_token(hosts):
    clock, vault = hosts[0].clock, hosts[0].parts.vault
    elsewhere = Database(hosts[0].settings.database_url.get_secret_value())
    clients = clients_of((*hosts, *hosts))

    def rotate():
        return key_care.rotate(elsewhere, list(Algorithm), vault=vault, emergency=False, now=clock.now())

    failures = []
    for _ in range(3):
        load = [
            partial(sign_in_and_verify, host, client, 5)
            for host, client in zip((*hosts, *hosts), clients, strict=True)
        ]
        *seen, rotations = at_once([*load, rotate])
        failures += [failure for found in seen for failure in found]
        assert len(rotations) == len(Algorithm)
        # The next keys are published as long as they must be before they are forced to sign.
        clock.advance(2 * DAY)
    elsewhere.dispose()

    assert failures == []
    assert len(kids(hosts[0], KeyState.RETIRED)) == 3


def test_in_an_emergency_the_old_key_is_refused_at_once_everywhere_and_members_go_on(hosts):
    here, there = hosts
    browser = here.signed_in()
    before = here.party("reader").tokens(browser)
    family = here.party("refreshing").tokens(browser)
    stolen = kids(here, KeyState.ACTIVE)[0]
    assert there.party("reader").userinfo(before["access_token"]).status_code == 200

    key_care.rotate(
        here.database, list(Algorithm), vault=here.parts.vault, emergency=True, now=here.clock.now()
    )

    for host in hosts:
        refused = host.party("reader").userinfo(before["access_token"])
        assert refused.status_code == 401
        assert 'error="invalid_token"' in refused.headers["WWW-Authenticate"]
        assert stolen not in {key["kid"] for key in jwks(host)["keys"]}
    # The session is no token: the member is still signed in.
    after = here.party("reader").tokens(browser)
    assert CachingClient(there).failure(after["id_token"]) is None
    assert there.party("reader").userinfo(after["access_token"]).status_code == 200
    refreshed = there.party("refreshing").refresh(family["refresh_token"])
    assert refreshed.status_code == 200
    assert there.party("refreshing").userinfo(refreshed.json["access_token"]).status_code == 200

"""Signing in: leave for the provider with a secret state, come back with a code, open a session."""

import re

from flask import Blueprint, Response, abort, request
from sqlalchemy.orm import Session

from examples.member_space.provider import CodeRefused, Profile, StepUp, Tokens
from examples.member_space.settings import DOORS, Door
from examples.member_space.site import (
    SESSION_COOKIE,
    Site,
    cookie_value,
    current,
    log,
    page,
    see_other,
    set_cookie,
)
from examples.member_space.store import (
    SignIn,
    SpaceSession,
    end_session,
    hashed,
    live_session,
    new_secret,
    purge,
    take_sign_in,
    was_ended,
)
from examples.member_space.tokens import Untrusted

HOME = "/espace"
_LONGEST_PARAMETER = 2_048


class SignInDesk:
    """The two routes of a sign-in, and the way other pages start one again."""

    def __init__(self, site: Site) -> None:
        """Keep the parts."""
        self._site = site

    def blueprint(self) -> Blueprint:
        """`/login/<space>` and `/callback/<space>`."""
        routes = Blueprint("signin", __name__)
        routes.add_url_rule("/login/<space>", "login", self.login)
        routes.add_url_rule("/callback/<space>", "callback", self.callback)
        return routes

    def login(self, space: str) -> Response:
        """Start a sign-in; also where the provider sends a member who has no request pending."""
        door = _door(space)
        # OIDC Core 4: a third party may name the issuer; ours is the only one.
        if request.args.get("iss", self._site.settings.issuer) != self._site.settings.issuer:
            abort(400)
        hint = request.args.get("login_hint", "")
        return self.begin(door, HOME, login_hint=hint if re.fullmatch(r"[!-~]{1,254}", hint) else None)

    def begin(
        self, door: Door, return_to: str, *, step_up: StepUp | None = None, login_hint: str | None = None
    ) -> Response:  # fmt: skip
        """Send the browser to the provider; it comes back to `return_to`, one of our own pages.

        Raises IssuerUnavailable.
        """
        now = self._site.clock()
        state = new_secret()
        cookie = cookie_value() or new_secret()
        sign_in = SignIn(
            state_hash=hashed(state),
            browser_hash=hashed(cookie),
            space=door.space,
            nonce=new_secret(),
            verifier=new_secret(),
            return_to=return_to,
            max_age=step_up.max_age if step_up else None,
            started_at=int(now.timestamp()),
        )
        address = self._site.provider.authorization_url(
            door, sign_in, state, step_up=step_up, login_hint=login_hint
        )
        with self._site.database.transaction() as session:
            purge(session, now=now)
            session.add(sign_in)
        answer = see_other(address)
        set_cookie(answer, SESSION_COOKIE, cookie)
        return answer

    def callback(self, space: str) -> Response:
        """Take the provider's answer, in the browser that asked the question and only there."""
        door = _door(space)
        sign_in = self._take(door)
        if sign_in is None:
            return self._stale(door)
        # RFC 9207: an answer of another provider, sent to the wrong door, is refused before anything else.
        if _parameter("iss") != self._site.settings.issuer:
            raise Untrusted("the answer does not come from the provider")
        if error := _parameter("error"):
            return _refused(door, error)
        if not (code := _parameter("code")):
            raise Untrusted("the answer has neither a code nor an error")
        try:
            tokens = self._site.provider.exchange(door, sign_in, code, now=self._site.clock())
        except CodeRefused:
            return self._stale(door)
        profile = self._site.provider.profile(tokens)
        return self._open(door, sign_in, tokens, profile)

    def _take(self, door: Door) -> SignIn | None:
        state, cookie = _parameter("state"), cookie_value()
        if not state or not cookie:
            return None
        with self._site.database.transaction() as session:
            return take_sign_in(session, state=state, cookie=cookie, space=door.space, now=self._site.clock())

    def _stale(self, door: Door) -> Response:
        """An answer to no question: a reload, a second window, or somebody else's link."""
        with self._site.database.transaction() as session:
            visit = current(self._site, session)
        if visit and visit.space == door.space:
            return see_other(HOME)
        return page("stale.html", 400, tried=door)

    def _open(self, door: Door, sign_in: SignIn, tokens: Tokens, profile: Profile) -> Response:
        """A session with a new id: the one from before the sign-in is worth nothing now."""
        cookie = new_secret()
        with self._site.database.transaction() as session:
            if tokens.identity.sid and was_ended(session, space=door.space, sid=tokens.identity.sid):
                return page("stale.html", 400, tried=door)
            former = live_session(session, cookie_value(), now=self._site.clock())
            visit = self._new_session(cookie, door, tokens, profile)
            if former and (former.space, former.sub) == (visit.space, visit.sub):
                # The same member came back with fresh tokens: what they had open goes on.
                visit.opened_at, visit.csrf, visit.draft = former.opened_at, former.csrf, former.draft
            _replace(session, cookie_value(), visit)
        answer = see_other(sign_in.return_to)
        set_cookie(answer, SESSION_COOKIE, cookie)
        return answer

    def _new_session(self, cookie: str, door: Door, tokens: Tokens, profile: Profile) -> SpaceSession:
        second = int(self._site.clock().timestamp())
        return SpaceSession(
            browser_hash=hashed(cookie),
            opened_at=second,
            renewed_at=second,
            seen_at=second,
            csrf=new_secret(),
            space=door.space,
            sub=tokens.identity.sub,
            sid=tokens.identity.sid,
            given_name=profile.given_name,
            full_name=profile.full_name,
            member_number=profile.member_number,
            population=profile.population,
            id_token=tokens.id_token,
            access_token=tokens.access_token,
            access_expires_at=tokens.access_expires_at,
            draft=None,
        )


def _replace(session: Session, old_cookie: str, visit: SpaceSession) -> None:
    end_session(session, old_cookie)
    session.add(visit)


def _refused(door: Door, error: str) -> Response:
    """The provider said no (RFC 6749 4.1.2.1, OIDC Core 3.1.2.6)."""
    known = error in {"access_denied", "login_required", "interaction_required", "consent_required"}
    if not known:
        log.error("the provider refused a sign-in of %s: %r", door.client_id, error[:40])
    return page("refused.html", 403 if known else 502, tried=door, error=error if known else "other")


def _door(space: str) -> Door:
    return DOORS.get(space) or abort(404)


def _parameter(name: str) -> str:
    """A parameter given exactly once: RFC 6749 3.1 forbids repeating one."""
    values = request.args.getlist(name)
    return values[0] if len(values) == 1 and len(values[0]) <= _LONGEST_PARAMETER else ""

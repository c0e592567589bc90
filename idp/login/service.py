"""The sign-in as other features see it: demand one, ask whether a session is enough, take the result."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from flask import Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from idp.authenticators import strong
from idp.core.errors import Problem
from idp.core.spaces import Space
from idp.login import interaction as interactions
from idp.login import proof
from idp.login.interaction import Demand, Interaction
from idp.login.journey import StepName, next_step
from idp.login.steps.activation import Activation
from idp.login.steps.alarm import AlarmStep
from idp.login.steps.application import Application
from idp.login.steps.base import Step, Tools
from idp.login.steps.chooser import Chooser
from idp.login.steps.email_otp import EmailOtp
from idp.login.steps.password import Password
from idp.login.steps.strong_setup import StrongSetup
from idp.login.steps.terms import Terms
from idp.login.steps.trust import Trust
from idp.sessions import alarms, assurance
from idp.sessions import service as sessions
from idp.sessions.assurance import Method
from idp.sessions.service import LiveSession, SessionRow
from idp.subjects import accounts, terms
from idp.subjects.accounts import Account
from idp.subjects.members import Member
from idp.web import languages, owner
from idp.web.kit import Visit

SESSION = "session"
# A browser of this kind that signed in lately is not called new.
KNOWN_FOR = timedelta(days=90)
# Inside this time a sensitive change does not ask for the second step again.
SECOND_STEP_FRESH_FOR = timedelta(minutes=5)
RESUME = "/oauth2/authorize/suite"
KEEP = "/connexion/fermeture"


class Shortfall(StrEnum):
    """Why the browser's session does not answer a demand."""

    LOGIN_REQUIRED = "login-required"
    OTHER_ACCOUNT = "other-account"
    POPULATION = "population"
    ACR = "acr"
    SECOND_STEP = "second-step"


@dataclass(frozen=True, slots=True)
class Finished:
    """The result of a sign-in: the session it ended in, or none when the member cancelled."""

    demand: Demand
    live: LiveSession | None
    cancelled: bool


class Login:
    """The steps with their tools; made once by the app."""

    def __init__(self, tools: Tools) -> None:
        """Make the steps."""
        self.tools = tools
        self.steps: Mapping[StepName, Step] = {
            StepName.PASSWORD: Password(tools),
            StepName.CHOOSER: Chooser(tools),
            StepName.ACTIVATION: Activation(tools),
            StepName.APP: Application(tools),
            StepName.MAIL_CODE: EmailOtp(tools),
            StepName.ALARM: AlarmStep(tools),
            StepName.STRONG_SETUP: StrongSetup(tools),
            StepName.TERMS: Terms(tools),
            StepName.TRUST: Trust(tools),
        }

    def begin(self, visit: Visit, demand: Demand) -> Response:
        """Save what is demanded, count what the browser's session already proves, and go to the first step due."""
        _enter_space(visit, demand)
        lifetime = visit.kit.settings.sign_in.interaction_lifetime
        interaction = interactions.start(
            visit.session, browser=visit.browser, demand=demand, now=visit.now, lifetime=lifetime
        )
        if demand.create and visit.space.enrolment:
            return visit.see_other(f"/inscription?i={interaction.id}")
        live = live_session(visit)
        shortfall = is_enough(live, demand, now=visit.now)
        if shortfall in {None, Shortfall.ACR, Shortfall.SECOND_STEP} and live is not None:
            _inherit(visit, interaction, live)
        return self.advance(visit, interaction)

    def advance(self, visit: Visit, interaction: Interaction) -> Response:
        """Go to the step that is due now, or end the sign-in."""
        _look_at_terms(visit, interaction)
        self._look_at_account(visit, interaction)
        name = next_step(interaction.facts)
        if name is None:
            return _complete(visit, interaction, _account_of(visit, interaction))
        self.steps[name].enter(visit, interaction)
        return visit.see_other(url_of(name, interaction))

    def _look_at_account(self, visit: Visit, interaction: Interaction) -> None:
        """Note what the account has and must have, whoever it is known by: facts are read from the row alone.

        Looked at before each step: an app that was added since the sign-in began is asked for in this one too.
        """
        if interaction.account_id is None or interaction.session_id is not None:
            return
        account = _account_of(visit, interaction)
        has = strong.of(visit.session, account)
        interaction.has_app = has.app
        interaction.has_passkey = has.passkey
        interaction.must_be_strong = self.tools.must_be_strong(visit.session, account)


def _look_at_terms(visit: Visit, interaction: Interaction) -> None:
    """Once it is known whose sign-in this is, by whatever proof: whether new terms are due.

    What builds on a session that is open already is not interrupted.
    """
    if interaction.account_id is None or interaction.terms_due is not None:
        return
    if interaction.inherited_from is not None:
        interaction.terms_due = False
        return
    account = accounts.by_id(visit.session, interaction.account_id)
    if account is None:
        return
    member = visit.session.get_one(Member, account.member_id)
    interaction.terms_due = terms.are_due(
        visit.session, account, population=member.population, space=visit.space, now=visit.now
    )


def url_of(name: StepName, interaction: Interaction) -> str:
    """The address of a step's page."""
    path = "/connexion" if name is StepName.PASSWORD else f"/connexion/{name.value}"
    return f"{path}?i={interaction.id}"


def live_session(visit: Visit) -> LiveSession | None:
    """The live session of this browser, by the limits of the space it stands in."""
    secret = visit.cookie(SESSION)
    if secret is None:
        return None
    return sessions.by_secret(visit.session, secret, space=visit.space, now=visit.now)


def own_session(visit: Visit) -> LiveSession | None:
    """The live session of this browser by the limits of the space it was opened in, which becomes the visit's."""
    secret = visit.cookie(SESSION)
    if secret is None:
        return None
    opened_in = sessions.space_of(visit.session, secret) or ""
    visit.space = visit.kit.spaces.get(opened_in) or visit.space
    return live_session(visit)


def is_enough(live: LiveSession | None, demand: Demand, *, now: datetime) -> Shortfall | None:
    """Whether a session answers a demand as it is; None when it does."""
    if live is None or demand.reauthenticate:
        return Shortfall.LOGIN_REQUIRED
    # OIDC Core 3.1.2.1: max_age=0 means log in again.
    if demand.max_age is not None and now - live.auth_time >= timedelta(seconds=demand.max_age):
        return Shortfall.LOGIN_REQUIRED
    if demand.account_id is not None and demand.account_id != live.account_id:
        return Shortfall.OTHER_ACCOUNT
    if demand.populations and live.population not in demand.populations:
        return Shortfall.POPULATION
    if not assurance.reaches(live.acr, demand.acr):
        return Shortfall.ACR
    if demand.fresh_second_step and not is_second_step_fresh(live, now=now):
        return Shortfall.SECOND_STEP
    return None


def is_second_step_fresh(live: LiveSession, *, now: datetime) -> bool:
    """Whether a second step was given in this session so lately that a sensitive change needs no other."""
    return live.second_step_at is not None and now - live.second_step_at <= SECOND_STEP_FRESH_FOR


def finished(visit: Visit, handle: str) -> Finished | None:
    """The result of a finished sign-in, still to be taken; None when it is unknown, over, or another browser's."""
    interaction = _finished(visit, handle)
    return None if interaction is None else _result(visit, interaction)


def take(visit: Visit, handle: str) -> Finished | None:
    """Take the result of a finished sign-in, once."""
    interaction = _finished(visit, handle)
    if interaction is None or not interactions.end(visit.session, interaction, now=visit.now):
        return None
    proof.release(visit, interaction)
    return _result(visit, interaction)


def _finished(visit: Visit, handle: str) -> Interaction | None:
    interaction = interactions.find(visit.session, handle, browser=visit.browser, now=visit.now)
    if interaction is None or not (interaction.cancelled or interaction.session_id):
        return None
    if interaction.cancelled:
        _enter_space(visit, interaction.asked)
        return interaction
    if not proof.holds(visit, interaction):
        return None
    _enter_space(visit, interaction.asked)
    mine = live_session(visit)
    if mine is None or mine.id != interaction.session_id:
        # The session ended meanwhile, or the cookie is another's: what was proved here counts no more.
        return None
    return interaction


def _result(visit: Visit, interaction: Interaction) -> Finished:
    if interaction.cancelled:
        return Finished(interaction.asked, None, cancelled=True)
    return Finished(interaction.asked, live_session(visit), cancelled=False)


def _enter_space(visit: Visit, demand: Demand) -> None:
    visit.space = visit.kit.spaces[demand.space]
    visit.prefer(demand.ui_locales)
    if demand.redirect_uri is not None:
        visit.send_forms_to(demand.redirect_uri)


def _account_of(visit: Visit, interaction: Interaction) -> Account:
    """The account that signs in, as it is now: an epoch that rose ends the sign-in."""
    account = accounts.by_id(visit.session, interaction.account_id or "")
    if account is None or account.epoch != interaction.epoch:
        raise Problem("P-2002", detail="the account changed during the sign-in")
    return account


def _inherit(visit: Visit, interaction: Interaction, live: LiveSession) -> None:
    account = accounts.by_id(visit.session, live.account_id)
    if account is None:
        return
    interaction.belong_to(account)
    again = (
        assurance.SECOND_STEPS | {Method.TRUSTED_DEVICE} if _asks_again(interaction, live, visit) else set()
    )
    interaction.inherited = assurance.write(live.methods - again)
    interaction.known_by_passkey = Method.PASSKEY in live.methods & again
    interaction.inherited_from = live.id
    interaction.session_id = None
    proof.bind(visit, interaction)


def _asks_again(interaction: Interaction, live: LiveSession, visit: Visit) -> bool:
    """Whether the session's second step counts no more.

    So before a sensitive change, and before an app or a passkey is asked for: it may have to be set up.
    """
    demand = interaction.asked
    wants_strong = demand.acr == assurance.MULTI_FACTOR and not is_second_step_fresh(live, now=visit.now)
    return demand.fresh_second_step or wants_strong


def _complete(visit: Visit, interaction: Interaction, account: Account) -> Response:
    if alarms.stands(account):
        # No way of signing in leads around it, nor one that forgot to look.
        interaction.alarm_since = account.alarm_at
        return visit.see_other(url_of(StepName.ALARM, interaction))
    if account.closes_at is not None:
        # Whatever the way in, nothing opens before its owner said whether the account is kept.
        return visit.see_other(f"{KEEP}?i={interaction.id}")
    if interaction.session_id is None:
        interaction.session_id = _open_or_strengthen(visit, interaction, account)
    elif not _is_still_here(visit, interaction.session_id):
        # The session that this sign-in ended in is over: its proofs opened one door and open no other.
        interaction.forget_proofs()
        return visit.see_other(url_of(StepName.PASSWORD, interaction))
    if interaction.asked.client_id is not None:
        return visit.see_other(f"{RESUME}?i={interaction.id}")
    interactions.end(visit.session, interaction, now=visit.now)
    proof.release(visit, interaction)
    wanted = interaction.asked.back or visit.kit.door_of(visit.session, visit.space)
    return visit.see_other(wanted or "/compte")


def _is_still_here(visit: Visit, session_id: str) -> bool:
    mine = live_session(visit)
    return mine is not None and mine.id == session_id


def _open_or_strengthen(visit: Visit, interaction: Interaction, account: Account) -> str:
    live = live_session(visit)
    auth_time = _auth_time(interaction, live, visit.now)
    if live is not None and live.account_id == account.id:
        # What the session had proved before stays proved when it was built upon.
        former = live.methods if interaction.inherited_from == live.id else frozenset()
        secret = sessions.strengthen(
            visit.session,
            live,
            methods=interaction.methods | former,
            auth_time=auth_time,
            second_step_at=interaction.second_step_at,
            device_id=interaction.device_id,
            now=visit.now,
        )
        visit.set_cookie(SESSION, secret)
        visit.audit("session.strengthened", account.id, acr=assurance.acr(interaction.methods) or "")
        return live.id
    if live is not None:
        # Another person signs in here: the first one's session does not outlive it.
        sessions.end(visit.session, live.id, now=visit.now)
        interactions.end_proved(visit.session, browser=visit.browser, now=visit.now, but=interaction.id)
    _tell_of_new_browser(visit, interaction, account)
    if languages.chosen(visit.request) is not None:
        # From now on mails speak as the owner chose to read; what was told above still spoke as before.
        account.locale = visit.locale
    row_id, secret = sessions.open_session(
        visit.session,
        account=account,
        space=visit.space,
        methods=interaction.methods,
        device_id=interaction.device_id,
        browser_name=visit.device_name,
        auth_time=auth_time,
        second_step_at=interaction.second_step_at,
        now=visit.now,
    )
    visit.set_cookie(SESSION, secret)
    visit.audit("session.opened", account.id, acr=assurance.acr(interaction.methods) or "")
    return row_id


def _auth_time(interaction: Interaction, live: LiveSession | None, now: datetime) -> datetime:
    """When the member signed in: at the last proof that was given here, or in the session built upon."""
    first = interaction.password_at or interaction.passkey_at
    if first is None or interaction.inherited_from is not None:
        return live.auth_time if live is not None else now
    return max(first, interaction.second_step_at or first)


def _tell_of_new_browser(visit: Visit, interaction: Interaction, account: Account) -> None:
    """A mail for a browser that this account has not been seen in; a newly trusted device has its own mail."""
    if interaction.device_id is not None or _was_seen(visit.session, account, visit.device_name, visit.now):
        return
    owner.warn(visit, account, "new-sign-in", cause=f"sign-in:{interaction.id}:new-browser")


def _was_seen(session: Session, account: Account, browser_name: str, now: datetime) -> bool:
    seen = (
        select(SessionRow.id)
        .where(
            SessionRow.account_id == account.id,
            SessionRow.browser_name == browser_name,
            SessionRow.created_at > now - KNOWN_FOR,
        )
        .limit(1)
    )
    return session.execute(seen).scalar_one_or_none() is not None


def default_demand(
    space: Space, *, back: str = "", has_lapsed: bool = False, fresh_second_step: bool = False
) -> Demand:
    """What is demanded when a member comes without a service, or wants our own page `back`: the space's own rule.

    `has_lapsed`: a session of theirs just ended, which the page then says. `fresh_second_step`: the page changes
    something sensitive.
    """
    return Demand(
        space=space.name,
        populations=tuple(sorted(space.populations)),
        back=back,
        has_lapsed=has_lapsed,
        fresh_second_step=fresh_second_step,
    )

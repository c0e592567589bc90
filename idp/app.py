"""The app: the only place where all parts meet."""

from dataclasses import dataclass

from flask import Flask, Response
from flask_limiter import Limiter
from werkzeug.middleware.proxy_fix import ProxyFix

from idp.account.api import Bearer, MemberGate
from idp.account.api import blueprint as account_api
from idp.account.desk import Desk
from idp.account.security_views import blueprint as security_pages
from idp.account.views import blueprint as account_pages
from idp.admin.styleguide import blueprint as styleguide
from idp.admin.views import blueprint as admin_api
from idp.authenticators.blocked_passwords import BlockedPasswords
from idp.authenticators.hash_gate import HashGate
from idp.authenticators.password import Passwords
from idp.authenticators.password_hash import Hasher
from idp.captcha.guard import Guard
from idp.captcha.service import CaptchaPolicy
from idp.captcha.views import blueprint as captcha_pages
from idp.core.clock import Clock, SystemClock
from idp.core.db import Database
from idp.core.secrets import Vault
from idp.core.settings import Settings
from idp.core.spaces import Spaces
from idp.enrolment.activation_views import blueprint as activation_pages
from idp.enrolment.invitation_views import blueprint as invitation_pages
from idp.enrolment.views import Enrolments
from idp.enrolment.views import blueprint as enrolment_pages
from idp.login.service import Login
from idp.login.steps.base import Tools
from idp.login.views import blueprint as login_pages
from idp.login.way_on import WaysOn
from idp.oidc import wiring
from idp.oidc.provider import Provider
from idp.recovery import (
    address_views,
    letter_views,
    new_password_views,
    password_views,
    start_views,
)
from idp.recovery.alarm_views import blueprint as alarm_pages
from idp.recovery.parts import Recoveries
from idp.subjects import staff
from idp.subjects.directory import DatabaseDirectory
from idp.web import assets, browser, errors, security, templates
from idp.web.kit import Call, Kit
from idp.web.language_views import blueprint as language_pages
from idp.web.pages import blueprint as open_pages

LARGEST_BODY = 64 * 1024
MOST_FIELDS = 100
PEPPER_ID = "p1"
RECOVERY_PAGES = (
    start_views.blueprint,
    password_views.blueprint,
    new_password_views.blueprint,
    address_views.blueprint,
    letter_views.blueprint,
)


@dataclass(frozen=True, slots=True)
class Parts:
    """What the app is made of, for the command line and the tests to reach."""

    settings: Settings
    vault: Vault
    clock: Clock
    database: Database
    spaces: Spaces
    provider: Provider
    passwords: Passwords
    kit: Kit


def create_app(settings: Settings, *, clock: Clock | None = None, database: Database | None = None) -> Flask:
    """The provider as a WSGI app; nothing is read from the environment here."""
    app = Flask("idp", template_folder=None, static_folder=None)
    app.config.update(
        MAX_CONTENT_LENGTH=LARGEST_BODY, MAX_FORM_PARTS=MOST_FIELDS, MAX_FORM_MEMORY_SIZE=LARGEST_BODY
    )
    parts = _parts(app, settings, clock or SystemClock(), database)
    app.extensions["parvis"] = parts
    templates.prepare(app)
    security.protect(app, https=not settings.is_development)
    errors.handle_failures(app, parts.kit)
    _add_pages(app, parts)
    if settings.server.trusted_proxies:
        hops = settings.server.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=0)  # type: ignore[method-assign]
    wiring.front(app, parts.provider, parts.clock)
    return app


def _parts(app: Flask, settings: Settings, clock: Clock, database: Database | None) -> Parts:
    vault = Vault.from_root(settings.secret_key.get_secret_value())
    database = database or Database(settings.database_url.get_secret_value())
    spaces = Spaces.read(settings.spaces_dir)
    provider = Provider(settings=settings, vault=vault, database=database, spaces=spaces)
    limiter = Limiter(
        browser.edge_key,
        app=app,
        storage_uri=settings.limits.storage,
        strategy="sliding-window-counter",
        # With its store down the edge counts in memory; what must be exact is in the database anyway.
        in_memory_fallback_enabled=True,
    )
    kit = Kit(
        settings=settings,
        vault=vault,
        clock=clock,
        database=database,
        spaces=spaces,
        limiter=limiter,
        door_of=provider.door_of,
        way_on=WaysOn(spaces, provider.door_of),
    )
    return Parts(settings, vault, clock, database, spaces, provider, make_passwords(settings), kit)


def make_passwords(settings: Settings) -> Passwords:
    """Hashing with its gate, as the settings say."""
    rules = settings.password
    hasher = Hasher(
        {PEPPER_ID: settings.pepper.get_secret_value().encode()}, current=PEPPER_ID, cost=rules.bcrypt_cost
    )
    gate = HashGate(places=rules.gate_places, patience=rules.gate_patience)
    return Passwords(hasher=hasher, gate=gate, blocked=BlockedPasswords())


def _member_gate(provider: Provider) -> MemberGate:
    """How the API of « Mon compte » takes access tokens."""
    grant_of = wiring.grant_gate(provider)

    def admit(call: Call, scope: str) -> Bearer | Response:
        found = grant_of(call, scope)
        if isinstance(found, Response):
            return found
        grant, client_id = found
        return Bearer(grant.account_id, grant.session_id, client_id)

    return admit


def _add_pages(app: Flask, parts: Parts) -> None:
    kit = parts.kit
    captcha = Guard(CaptchaPolicy(parts.settings.captcha))
    directory = DatabaseDirectory(parts.vault)
    login = Login(
        Tools(
            passwords=parts.passwords,
            captcha=captcha,
            directory=directory,
            must_be_strong=staff.must_enrol_strong,
        )
    )
    enrolments = Enrolments(kit=kit, passwords=parts.passwords, captcha=captcha, directory=directory)
    recoveries = Recoveries(kit=kit, passwords=parts.passwords, captcha=captcha, directory=directory)
    app.register_blueprint(assets.blueprint())
    app.register_blueprint(open_pages(kit))
    app.register_blueprint(language_pages(kit))
    app.register_blueprint(captcha_pages(kit))
    app.register_blueprint(login_pages(kit, login))
    app.register_blueprint(enrolment_pages(enrolments))
    app.register_blueprint(activation_pages(enrolments))
    services = wiring.AccountServices(parts.provider)
    app.register_blueprint(invitation_pages(enrolments))
    for make in RECOVERY_PAGES:
        app.register_blueprint(make(recoveries))
    desk = Desk(kit, login, parts.passwords, services)
    app.register_blueprint(account_pages(desk))
    app.register_blueprint(security_pages(desk))
    app.register_blueprint(account_api(kit, gate=_member_gate(parts.provider)))
    app.register_blueprint(alarm_pages(kit, login))
    app.register_blueprint(styleguide(kit, captcha))
    app.register_blueprint(wiring.blueprint(kit, parts.provider, login))
    app.register_blueprint(wiring.endpoints(kit, parts.provider))
    app.register_blueprint(
        admin_api(kit, gate=wiring.gate(parts.provider), key_facts=wiring.key_facts(parts.provider))
    )

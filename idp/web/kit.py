"""What every view stands on: one transaction a request, the browser's cookie, form protection, pages."""

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol
from urllib.parse import urlencode, urlsplit

import structlog
from flask import Blueprint, Request, Response, render_template, request
from flask_limiter import Limiter
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError
from wtforms import Form

from idp.core import audit, outbox, secrets
from idp.core.clock import Clock
from idp.core.db import Database
from idp.core.errors import Problem
from idp.core.secrets import Vault
from idp.core.settings import Settings
from idp.core.signed import Signer
from idp.core.spaces import Space, Spaces
from idp.web import browser, languages, look, security, words

log = structlog.get_logger(__name__)

CSRF_SECONDS = 12 * 3600
LONGEST_FIELD = 4096
RETRY_SOON = timedelta(seconds=2)

View = Callable[..., Response]


class DoorOf(Protocol):
    """Where members begin when no request is pending: given by the app, which knows the clients."""

    def __call__(self, session: Session, space: Space, client_id: str | None = None) -> str | None:
        """The door of this client, or of the space when none is named."""
        ...


@dataclass(frozen=True, slots=True)
class WayOn:
    """Where a member whose page failed had come from, and where to begin again."""

    space: Space
    service: str
    """The name of the service; empty when the member came without one."""
    url: str


# The way on from a sign-in's handle, or from the browser's last sign-in: given by the app, which knows sign-ins.
WayOnOf = Callable[[Session, str, str], WayOn | None]


@dataclass(slots=True)
class Call:
    """One request of a machine: its transaction and its instant."""

    session: Session
    now: datetime
    request: Request


@dataclass(slots=True)
class Visit(Call):
    """One request of a browser."""

    kit: "Kit"
    browser: str
    network: str
    space: Space
    locale: str = words.SOURCE
    is_first_request: bool = False
    """Whether the browser brought no cookie of ours."""
    cookies: list[security.Cookie] = field(default_factory=list)
    form_targets: list[str] = field(default_factory=list)
    back: str | None = None
    """Where the language switch leads, when the page's own address only takes forms."""

    def say(self, sentence: str, **values: str) -> str:
        """A sentence in the language of this visit, with its values."""
        return words.say(sentence, self.locale, **values)

    def prefer(self, locales: str) -> None:
        """Speak the first language of a sign-in's `ui_locales` that we know, unless the member chose one.

        Help, legal texts and errors have no sign-in: they follow by a cookie, until another sign-in begins.
        """
        if languages.chosen(self.request) is not None:
            return
        wanted = languages.first_known(locales.split())
        self.locale = wanted or languages.language_of_browser(self.request)
        if wanted is not None and wanted != languages.language_of_request(self.request):
            self.set_cookie(languages.OF_SERVICE, wanted)
        elif wanted is None and self.cookie(languages.OF_SERVICE) is not None:
            self.drop_cookie(languages.OF_SERVICE)

    def page(self, template: str, status: int = 200, **context: Any) -> Response:  # noqa: ANN401 (template context)
        """Render a page; nothing of it may be stored by the browser or by anything on the way."""
        for part in context.values():
            if isinstance(part, Form):
                words.say_form(part, self.locale)
        body = render_template(template, **self.kit.page_globals(self), **context)
        response = Response(body, status)
        response.headers["Content-Security-Policy"] = security.csp(self.form_targets)
        response.headers["Cache-Control"] = "no-store"
        return response

    def busy(self, page: Response, retry_after: timedelta) -> Response:
        """Make a page, with what was typed, a 503 that may be tried again soon (RFC 9110 section 10.2.3)."""
        page.status_code = 503
        page.headers["Retry-After"] = str(max(1, math.ceil(retry_after.total_seconds())))
        return page

    def see_other(self, url: str) -> Response:
        """303: whatever was posted is not posted again."""
        return Response(status=303, headers={"Location": url, "Cache-Control": "no-store"})

    def cookie(self, name: str) -> str | None:
        """The value of one of our cookies."""
        return self.request.cookies.get(security.PREFIX + name)

    def set_cookie(self, name: str, value: str, *, max_age: timedelta | None = None) -> None:
        """Set one of our cookies with the answer; without `max_age` it goes with the browser."""
        self.cookies.append(security.Cookie(name, value, max_age))

    def drop_cookie(self, name: str) -> None:
        """Remove one of our cookies."""
        self.cookies.append(security.Cookie(name, "", timedelta(0)))

    def mail(
        self,
        kind: str,
        recipient: str,
        *,
        cause: str,
        expires_at: datetime | None = None,
        context: Mapping[str, str] | None = None,
        locale: str | None = None,
        account_id: str | None = None,
    ) -> int | None:
        """Queue a mail in this request's transaction, with the space's look; once for one cause.

        `account_id`: the account whose owner it is meant for, who may look it up among what was sent.

        In the language of the visit, unless its reader may be somebody else: then `locale` is theirs.
        """
        locale = locale or self.locale
        return outbox.enqueue(
            self.session,
            vault=self.kit.vault,
            now=self.now,
            kind=kind,
            recipient=recipient,
            context=self._mail_context(context or {}, locale),
            cause=cause,
            space=self.space.name,
            locale=locale,
            expires_at=expires_at,
            account_id=account_id,
        )

    def _mail_context(self, context: Mapping[str, str], locale: str) -> dict[str, str]:
        about = {"time": self.now.isoformat(), "device": self.device_name, **context}
        return {**about, "device": browser.name_in(locale, about["device"])}

    def audit(self, event: str, account_id: str | None = None, **facts: str | int | bool) -> None:
        """Record a security event in this request's transaction, with the network and, of an account, the browser."""
        seen = {"network": self.network}
        if account_id is not None:
            # For the account's own history: its owner recognises the browser.
            seen["browser"] = self.device_name
        audit.record(self.session, now=self.now, event=event, account_id=account_id, **{**seen, **facts})

    def send_forms_to(self, url: str) -> None:
        """Let this page's forms end in a redirect to the origin of a validated address (CSP form-action)."""
        parts = urlsplit(url)
        if parts.scheme in {"http", "https"} and parts.netloc:
            self.form_targets.append(f"{parts.scheme}://{parts.netloc}")

    @property
    def device_name(self) -> str:
        """The browser as it is kept, such as « Chrome sur Android »; `browser.name_in` makes it readable to others."""
        return browser.name(self.request.headers.get("User-Agent", ""))


class Kit:
    """The shared parts, made once by the app."""

    def __init__(
        self,
        *,
        settings: Settings,
        vault: Vault,
        clock: Clock,
        database: Database,
        spaces: Spaces,
        limiter: Limiter,
        door_of: DoorOf,
        way_on: WayOnOf,
    ) -> None:
        """Keep the parts; `door_of` and `way_on` tell where members begin, and begin again."""
        self.settings = settings
        self.vault = vault
        self.clock = clock
        self.database = database
        self.spaces = spaces
        self.limiter = limiter
        self.door_of = door_of
        self.way_on = way_on
        self._csrf = Signer(vault, "csrf")

    def endpoint(self, view: View) -> View:
        """A view for machines: one transaction, no cookies."""

        @functools.wraps(view)
        def run(**params: str) -> Response:
            return self._in_transaction(lambda session, now: view(Call(session, now, request), **params))

        return run

    def visit(self, view: View) -> View:
        """A view for browsers: one transaction, the browser's cookie, and protection of every POST."""
        return self._visit(view, protected=True)

    def open_visit(self, view: View) -> View:
        """As `visit`, for the addresses that other sites may post to (the authorization endpoint)."""
        return self._visit(view, protected=False)

    def add_page(self, pages: Blueprint, rule: str, view: View, *, post: bool | None = None) -> None:
        """Give a page its address: for GET and POST, or for one of them (`post` True or False)."""
        methods = {None: ["GET", "POST"], True: ["POST"], False: ["GET"]}[post]
        # Flask takes no dot in the name of an endpoint.
        name = f"{getattr(view, '__name__', 'page')}:{rule}".replace(".", "-")
        pages.add_url_rule(rule, endpoint=name, view_func=self.visit(view), methods=methods)

    def limit_pages(self, pages: Blueprint) -> None:
        """Limit what one network may ask of these pages at the edge; exact budgets are counted in the database."""
        limits = self.settings.limits
        self.limiter.limit(f"{limits.pages_per_minute} per minute")(pages)
        self.limiter.limit(f"{limits.forms_per_minute} per minute", methods=["POST"])(pages)

    def _visit(self, view: View, *, protected: bool) -> View:
        @functools.wraps(view)
        def run(**params: str) -> Response:
            known = browser_secret()
            secret = known or secrets.token()
            if protected and request.method not in {"GET", "HEAD"}:
                self._protect(known)
            _refuse_odd_fields()
            visits: list[Visit] = []

            def inside(session: Session, now: datetime) -> Response:
                visits[:] = [self._new_visit(session, now, secret, is_first=known is None)]
                return view(visits[0], **params)

            response = self._in_transaction(inside)
            if known is None:
                visits[0].set_cookie("browser", secret)
            security.write_cookies(response, visits[0].cookies)
            return response

        return run

    def _new_visit(self, session: Session, now: datetime, secret: str, *, is_first: bool) -> Visit:
        return Visit(
            session=session,
            now=now,
            request=request,
            kit=self,
            browser=secrets.fingerprint(secret),
            network=browser.network(request.remote_addr or ""),
            space=self.spaces.default,
            locale=languages.language_of_request(request),
            is_first_request=is_first,
        )

    def _in_transaction(self, view: Callable[[Session, datetime], Response]) -> Response:
        """Commit when the view returns, roll back when it raises; an answer is sent only after the commit."""
        session = self.database.open()
        try:
            response = view(session, self.clock.now())
            session.commit()
        except (OperationalError, InterfaceError, PoolTimeout) as failure:
            session.rollback()
            log.warning("database.unavailable", kind=type(failure).__name__)
            raise Problem("P-5003", detail=type(failure).__name__, retry_after=RETRY_SOON) from failure
        except StaleDataError as race:
            session.rollback()
            raise Problem("P-2008", detail="two requests on one sign-in") from race
        except BaseException:
            session.rollback()
            raise
        finally:
            session.close()
        return response

    def _protect(self, secret: str | None) -> None:
        """Refuse a form that another site sent, or that a page of another browser carried."""
        if secret is None:
            raise Problem("P-2003", detail="no browser cookie")
        if request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
            raise Problem("P-4001", detail="Sec-Fetch-Site")
        origin = request.headers.get("Origin", "null")
        if origin != "null" and urlsplit(origin).netloc != request.host:
            raise Problem("P-4001", detail="Origin")
        signed = self._csrf.read(request.form.get("csrf_token", ""), max_age_seconds=CSRF_SECONDS)
        if signed is None or not secrets.same(signed, secrets.fingerprint(secret)):
            raise Problem("P-4001", detail="csrf_token")

    def theme_url(self, space: Space) -> str:
        """The address of a space's colours."""
        return look.theme_url(space)

    def page_globals(self, visit: Visit) -> Mapping[str, Any]:
        """What the templates of a visit know."""
        back = visit.back or _own_address()
        return self.globals_of(visit.space, visit.locale, browser=visit.browser, back=back)

    def globals_of(self, space: Space, locale: str, *, browser: str | None, back: str) -> dict[str, Any]:
        """What every template knows; a browser without our cookie can send no form, nor switch the language.

        `back` is where the language switch comes back to.
        """
        return {
            "space": space,
            "locale": locale,
            "theme_url": self.theme_url(space),
            "csrf_token": "" if browser is None else self._csrf.sign(browser),
            "languages": [] if browser is None else languages.switch(locale),
            "back": back,
        }


def _own_address() -> str:
    """The address by which this page is looked at again; a form's answer knows its sign-in by its field."""
    address = request.full_path.rstrip("?")
    handle = request.form.get("i")
    if handle is None or "i" in request.args:
        return address
    return f"{address}{'&' if '?' in address else '?'}{urlencode({'i': handle})}"


def browser_secret() -> str | None:
    """The secret in this request's browser cookie, when it has the form of ours."""
    value = request.cookies.get(security.PREFIX + "browser", "")
    return value if len(value) == security.TOKEN_LENGTH and value.isascii() else None


def _refuse_odd_fields() -> None:
    """A field given twice, a huge one, or one with control characters has no honest meaning."""
    for source in (request.args, request.form):
        for name, values in source.lists():
            if len(values) > 1 and request.endpoint != "oidc.authorize":
                raise Problem("P-4000", detail=f"field {name[:40]} given {len(values)} times")
            if any(len(value) > LONGEST_FIELD or "\x00" in value for value in values):
                raise Problem("P-4000", detail=f"field {name[:40]}")

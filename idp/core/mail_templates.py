"""What the mails say: each kind as a subject, a text part and an HTML part, in the colours of its space."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime
from css_inline import CSSInliner
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from markupsafe import Markup

from idp.core.spaces import Space
from idp.core.words import NO_BREAK, spaced

FOLDER = Path(__file__).with_name("mails")
ZONE = ZoneInfo("Europe/Paris")
LONGEST_VALUE = 120


class BadMail(ValueError):
    """A mail that must not be made: an unknown kind, a missing or unfit value, a link to another site."""


class Kind(StrEnum):
    """Every mail. Rows of the outbox hold these names: they stay; `mail_catalogue` says when each is sent."""

    ACTIVATION = "activation"
    ALREADY_MEMBER = "already-member"
    REQUEST_IMPOSSIBLE = "request-impossible"
    OWNER_TOLD_ENROLMENT = "owner-told-enrolment"
    ACCOUNT_ACTIVATED = "account-activated"
    ONE_TIME_CODE = "one-time-code"
    TRUSTED_DEVICE_ADDED = "trusted-device-added"
    DEVICE_THEFT = "device-theft"
    NEW_SIGN_IN = "new-sign-in"
    SECOND_STEP_FROZEN = "second-step-frozen"
    PASSWORD_ASKED = "password-asked"
    PASSWORD_CHANGED = "password-changed"
    ADDRESS_NEW = "address-new"
    ADDRESS_OLD = "address-old"
    NO_ACCOUNT = "no-account"
    ACCOUNT_BLOCKED = "account-blocked"
    ADDRESS_TAKEN = "address-taken"
    ADDRESS_CHANGED = "address-changed"
    ACCOUNT_CLOSING = "account-closing"
    ACCOUNT_CLOSED = "account-closed"
    TERMS_CHANGED = "terms-changed"
    INVITATION = "invitation"
    AUTHENTICATOR_ADDED = "authenticator-added"
    AUTHENTICATOR_REMOVED = "authenticator-removed"
    RECOVERY_CODE_USED = "recovery-code-used"
    PASSKEY_COPIED = "passkey-copied"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Rendered:
    """A mail's words: the subject, and the same message as text and as HTML.

    The subject and the line that lists and notifications show never hold a code: a locked screen is read by others.
    """

    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True)
class Words:
    """The sentences that all mails of one language share."""

    hello: str
    automatic: str
    help: str
    hours: str
    copy_link: str
    follow_link: str
    was_you: str
    not_me: str
    not_me_call: str
    not_me_button: str
    day: str
    at_time: str


NEEDED: dict[Kind, frozenset[str]] = {
    Kind.ACTIVATION: frozenset({"link", "code"}),
    Kind.ONE_TIME_CODE: frozenset({"code"}),
    Kind.PASSWORD_ASKED: frozenset({"link", "code", "minutes"}),
    Kind.ADDRESS_NEW: frozenset({"link", "code", "hours"}),
    Kind.ADDRESS_OLD: frozenset({"new_address", "undo_until", "not_me_url"}),
    Kind.ACCOUNT_CLOSING: frozenset({"closes_on", "sign_in_url"}),
    Kind.TERMS_CHANGED: frozenset({"terms_url", "terms_version", "terms_date"}),
    Kind.INVITATION: frozenset({"link", "until"}),
    Kind.AUTHENTICATOR_ADDED: frozenset({"authenticator"}),
    Kind.AUTHENTICATOR_REMOVED: frozenset({"authenticator"}),
    Kind.RECOVERY_CODE_USED: frozenset({"left"}),
}
LINKS = frozenset({"link", "sign_in_url", "recover_url", "not_me_url", "enrol_url", "terms_url"})
# Values that are written out when they are ISO 8601: as a day, or as a day and an hour.
DAYS = frozenset({"until", "terms_date", "closes_on"})
INSTANTS = frozenset({"time", "undo_until"})
# What a caller leaves out is left out of the mail, but for these two.
DEFAULTS = {"hours": "24", "minutes": "10"}
OPTIONAL = frozenset(
    {
        "given_name", "device", "address", "new_address", "inviter", "terms_version", "code", "authenticator", "left",
        "app", "passkeys",
    }
)  # fmt: skip
WORDS = {
    "fr": Words(
        hello="Bonjour",
        automatic="Ce message est automatique. Merci de ne pas y répondre.",
        help="Besoin d’aide ? Appelez le {phone}{hours}.",
        hours=" ({hours})",
        copy_link="Un bouton ne répond pas ? Copiez son adresse dans votre navigateur :",
        follow_link="« %s » : ouvrez l’adresse ci-dessous.",
        was_you="C’était vous ? Vous n’avez rien à faire.",
        not_me=(
            "Ce n’était pas vous ? Dites-le-nous aussitôt : toutes les connexions à votre compte seront fermées, "
            "et vous choisirez un nouveau mot de passe."
        ),
        not_me_call="Ce n’était pas vous ? Appelez-nous sans attendre.",
        not_me_button="Ce n’était pas moi",
        day="d\u00a0MMMM\u00a0y",
        at_time="d\u00a0MMMM\u00a0y 'à' H\u00a0'h'\u00a0mm '(heure de Paris)'",
    ),
    "en": Words(
        hello="Hello",
        automatic="This message is automatic. Please do not answer it.",
        help="Need help? Call {phone}{hours}.",
        hours=" ({hours})",
        copy_link="If a button does not respond, copy its address into your browser:",
        follow_link="“%s”: open the address below.",
        was_you="If it was you, there is nothing to do.",
        not_me=(
            "If it was not you, tell us at once: you will be signed out everywhere, "
            "and you will choose a new password."
        ),
        not_me_call="If it was not you, call us without delay.",
        not_me_button="It was not me",
        day="d MMMM y",
        at_time="d MMMM y 'at' HH:mm '(Paris time)'",
    ),
}
DEFAULT_LOCALE = "fr"

_CODE = re.compile(r"[0-9]{4,10}")
_AFTER_ISSUER = re.compile(r"/[A-Za-z0-9._~:/?#@!$&()*+,;=%-]*")
_BETWEEN_WORDS = re.compile(rf"(?<=\w){NO_BREAK}(?=\w)")
_GROUPS_FROM = 8


def check(kind: str, context: Mapping[str, str]) -> None:
    """Raise BadMail for a kind that does not exist or a value that this kind cannot do without."""
    if kind not in set(Kind):
        message = f"no mail of the kind {kind!r}"
        raise BadMail(message)
    missing = sorted(NEEDED.get(Kind(kind), frozenset()) - context.keys())
    if missing:
        message = f"the mail {kind!r} lacks {', '.join(missing)}"
        raise BadMail(message)
    if "code" in context and _CODE.fullmatch(context["code"]) is None:
        message = f"the code of the mail {kind!r} is not made of digits"
        raise BadMail(message)


def render(kind: str, *, space: Space, locale: str, context: Mapping[str, str], issuer: str) -> Rendered:
    """The words of one mail.

    DAYS and INSTANTS are written out when they are ISO 8601, and shown as they are otherwise. Links lead to the
    issuer only. Raises BadMail.
    """
    check(kind, context)
    language = language_of(locale)
    values = _values(context, issuer=issuer, language=language)
    shared = {"space": space, "locale": language, "words": _words(language, space)}
    text = _part(_TEXT, kind, {**values, **shared}, "txt")
    style = _TEXT.get_template("mail.css.jinja").render(light=space.colours, dark=space.colours.dark)
    # The sheet comes from our own file and colours of a fixed pattern; a quote in it must not be escaped.
    shared["css"] = Markup(style)  # noqa: S704
    page = _part(_HTML, kind, {**values, **shared}, "html")
    # Programs and people look for « 10 minutes » and for dates in the text part: they type a plain space.
    return Rendered(page.subject, _BETWEEN_WORDS.sub(" ", text.whole), _inliner().inline(page.whole))


def language_of(locale: str) -> str:
    """The language whose words we have for a locale such as `fr-FR`; French for all others."""
    language = locale.replace("_", "-").partition("-")[0].lower()
    return language if language in WORDS else DEFAULT_LOCALE


@dataclass(frozen=True, slots=True)
class _Part:
    subject: str
    whole: str


def _part(environment: Environment, kind: str, values: Mapping[str, object], form: str) -> _Part:
    # The buttons of the body, in their order: the layout writes their addresses out under it.
    buttons: list[tuple[str, str]] = []
    values = {**values, "kit": f"kit.{form}.jinja", "buttons": buttons}
    module = environment.get_template(f"{kind}.{values['locale']}.jinja").make_module(values)
    said = {name: _spaced(values, str(module.__dict__[name])) for name in ("subject", "preview")}
    # Markup: in the HTML environment Jinja has escaped every value of the body already.
    body = Markup(str(module))  # noqa: S704
    whole = environment.get_template(f"layout.{form}.jinja").render({**values, **said, "body": body})
    return _Part(said["subject"], whole)


def _values(context: Mapping[str, str], *, issuer: str, language: str) -> dict[str, str]:
    values = dict.fromkeys(LINKS | DAYS | INSTANTS | OPTIONAL, "") | DEFAULTS
    for name, value in context.items():
        values[name] = _own_link(value, issuer) if name in LINKS else _tidy(value)
    for name in DAYS | INSTANTS:
        values[name] = _written(values[name], language, day_only=name in DAYS)
    values["digits"] = values.pop("code")
    return values


def _own_link(value: str, issuer: str) -> str:
    """Refuse a link that leaves the issuer: no request header can choose where our mails lead."""
    if value and not (value.startswith(issuer) and _AFTER_ISSUER.fullmatch(value, len(issuer))):
        message = "a link in a mail leads to the issuer only"
        raise BadMail(message)
    return value


def _tidy(value: str) -> str:
    """One line of visible characters: a device's name must not forge a line, nor turn the text around."""
    visible = "".join(" " if unicodedata.category(letter)[0] in "CZ" else letter for letter in value)
    return " ".join(visible.split())[:LONGEST_VALUE]


def _written(value: str, language: str, *, day_only: bool) -> str:
    try:
        instant = datetime.fromisoformat(value)
    except ValueError:
        return value
    local = instant.astimezone(ZONE) if instant.tzinfo else instant
    if day_only:
        written = format_date(local, WORDS[language].day, locale=language)
    else:
        written = format_datetime(local, WORDS[language].at_time, tzinfo=ZONE, locale=language)
    # French says « 1er mars » but « 2 mars »; no pattern of the CLDR does.
    return f"1er{written[1:]}" if language == "fr" and local.day == 1 else written


def _words(language: str, space: Space) -> dict[str, str]:
    words = WORDS[language]
    hours = space.hours(language)
    hours = words.hours.format(hours=hours) if hours else ""
    return {
        **asdict(words),
        "help": words.help.format(phone=space.help_phone.replace(" ", NO_BREAK), hours=hours),
    }


@pass_context
def _spaced(context: Mapping[str, object], text: str) -> str:
    """A French text with the spaces that its typography wants; an English one as it is."""
    return spaced(str(text)) if context["locale"] == "fr" else str(text)


def _groups(code: str) -> list[str]:
    """Long codes are read in two halves; what is copied stays one run of digits."""
    half = len(code) // 2
    return [code[:half], code[half:]] if len(code) >= _GROUPS_FROM else [code]


def _environment(*, autoescape: bool) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=autoescape,  # noqa: S701 (the text part is not HTML)
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        auto_reload=False,
    )
    environment.filters |= {"spaced": _spaced, "in_two": _groups}
    return environment


_TEXT = _environment(autoescape=False)
_HTML = _environment(autoescape=True)


@cache
def _inliner() -> CSSInliner:
    return CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)

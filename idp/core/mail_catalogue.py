"""Every mail with what an integrator, an operator and a designer ask about it: its name, its moment, an example."""

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache

from jinja2 import Environment, meta

from idp.core.mail_templates import FOLDER, LINKS, NEEDED, Kind

# Templates have these from the layout, not from the caller; `digits` is what they call the code.
_NOT_GIVEN = frozenset({"kit", "space", "words", "locale", "buttons"})
_CALLED = {"digits": "code"}
_SPLIT = re.compile(r"[\s_-]+")


class UnknownMail(LookupError):
    """No mail has this name; `nearest` is the known name that resembles it most."""

    def __init__(self, name: str, nearest: str) -> None:
        """Remember both names."""
        super().__init__(f"no mail is called {name!r}; the nearest name is {nearest!r}")
        self.nearest = nearest


@dataclass(frozen=True, slots=True)
class About:
    """One mail: the name people use for it, when it is sent and to whom, and example values of its own."""

    name: str
    sent: str
    sample: Mapping[str, str] = field(default_factory=dict)


ABOUT: dict[Kind, About] = {
    Kind.ACTIVATION: About(
        "activation",
        "To the address typed on « Mes infos », when the pair is right and no account has it.",
        {"link": "/inscription/activer/SAMPLE", "code": "20461873"},
    ),
    Kind.ALREADY_MEMBER: About(
        "already a member",
        "To the address typed on « Mes infos », when it is the address of that member's active account.",
    ),
    Kind.REQUEST_IMPOSSIBLE: About(
        "request impossible",
        "To the address typed on « Mes infos », when the member or the address has another account, or on "
        "« Je n'ai plus accès à mon email », when another account has it.",
    ),
    Kind.OWNER_TOLD_ENROLMENT: About(
        "owner told",
        "To an account's address, when somebody enrols its member again with another address; once a day.",
    ),
    Kind.ACCOUNT_ACTIVATED: About(
        "welcome",
        "After activation, to whatever other address the register holds for the member.",
        {"address": "c****e@example.org"},
    ),
    Kind.ONE_TIME_CODE: About(
        "code", "To the account's address, for the second step of a sign-in.", {"code": "204618"}
    ),
    Kind.TRUSTED_DEVICE_ADDED: About(
        "device added",
        "To the account's address, when a device becomes a trusted one.",
        {"until": "2026-06-10T13:05:00+00:00"},
    ),
    Kind.DEVICE_THEFT: About(
        "device theft",
        "To the account's address, when a former secret of a trusted device is presented: the device is revoked.",
    ),
    Kind.NEW_SIGN_IN: About(
        "new sign-in", "To the account's address, after a sign-in in a browser that it did not know."
    ),
    Kind.SECOND_STEP_FROZEN: About(
        "second step frozen", "To the account's address, after twenty wrong codes in a day: an hour's pause."
    ),
    Kind.PASSWORD_ASKED: About(
        "password asked",
        "To the account's address, from « Mot de passe oublié »: the link and the code, for 30 minutes.",
        {"link": "/mot-de-passe/nouveau/SAMPLE", "code": "20461873", "minutes": "30"},
    ),
    Kind.PASSWORD_CHANGED: About(
        "password changed",
        "To the account's address, after its password changed by whatever way: app and passkeys that stay.",
        {"app": "yes", "passkeys": "2"},
    ),
    Kind.ADDRESS_NEW: About(
        "address new",
        "To the address that is to become the account's: the link and the code that validate it.",
        {"link": "/compte/adresse/SAMPLE", "code": "20461873", "hours": "24"},
    ),
    Kind.ADDRESS_OLD: About(
        "address old",
        "To the account's present address, at once: it may refuse the change for 72 hours.",
        {"new_address": "c****e@example.org", "undo_until": "2026-03-15T13:05:00+00:00"},
    ),
    Kind.NO_ACCOUNT: About(
        "no account",
        "To an address typed on « Mot de passe oublié » that no account uses, or on « Je n'ai plus accès à mon email » "
        "by a member without an account.",
        {"enrol_url": "/inscription"},
    ),
    Kind.ACCOUNT_BLOCKED: About(
        "blocked",
        "To the account's address, after « Ce n'était pas moi » or the help desk blocked it.",
        {"recover_url": "/mot-de-passe-oublie"},
    ),
    Kind.ADDRESS_TAKEN: About(
        "address taken",
        "To an address that is to become an account's and is another account's already: nothing changes.",
    ),
    Kind.ADDRESS_CHANGED: About(
        "address changed",
        "To the account's new address, once it has replaced the former one; and to the former one of a lost address.",
        {"new_address": "c****e@example.org", "undo_until": "2026-03-15T13:05:00+00:00"},
    ),
    Kind.ACCOUNT_CLOSING: About(
        "closing",
        "To the account's address, when its owner closes it: until when it can be kept.",
        {"closes_on": "2026-03-26T13:05:00+00:00"},
    ),
    Kind.ACCOUNT_CLOSED: About(
        "closed",
        "To the account's last address, when it is erased: its owner closed it and did not come back.",
        {"enrol_url": "/inscription"},
    ),
    Kind.TERMS_CHANGED: About(
        "terms",
        "To every account of a space, before new terms apply.",
        {"terms_url": "/cgu", "terms_version": "2026-07", "terms_date": "2026-07-01"},
    ),
    Kind.INVITATION: About(
        "invitation",
        "To a professional or a delegate whom the mutual invites to open an account.",
        {"link": "/invitation/SAMPLE", "code": "20461873", "until": "2026-04-11T13:05:00+00:00"},
    ),
    Kind.AUTHENTICATOR_ADDED: About(
        "authenticator added",
        "To the account's address, when an authenticator app or a passkey was added, or recovery codes were made.",
        {"authenticator": "app"},
    ),
    Kind.AUTHENTICATOR_REMOVED: About(
        "authenticator removed",
        "To the account's address, when its authenticator app or a passkey was removed.",
        {"authenticator": "app"},
    ),
    Kind.RECOVERY_CODE_USED: About(
        "recovery code used",
        "To the account's address, after a sign-in with a recovery code.",
        {"left": "9"},
    ),
    Kind.PASSKEY_COPIED: About(
        "passkey copied",
        "To the account's address, when the counter of a passkey went backwards and the sign-in was refused.",
    ),
    Kind.TEST: About("test", "To the address that an operator gives to `parvis mail test`."),
}
VALUES = {
    "link": "What the mail is for: its button leads there. It opens a page; only that page's button acts.",
    "code": "4 to 10 digits, for those whose link fails or who sign in; alone on its line in the text part.",
    "hours": "How many hours link and code are good.",
    "minutes": "How many minutes link and code are good.",
    "time": "When it happened: a day and an hour, in Paris.",
    "until": "The last day of a trusted device or of an invitation.",
    "closes_on": "The day on which a closing account is erased.",
    "undo_until": "Until when the change of address can be undone: a day and an hour, in Paris.",
    "given_name": "The given name of the account's owner, whom it greets: two members may share a mailbox.",
    "device": "The browser from which it was done, such as « Chrome sur Android ».",
    "address": "The address that opens the account, masked.",
    "new_address": "The address that the account is to have, masked.",
    "sign_in_url": "Where signing in begins.",
    "recover_url": "Where recovery begins.",
    "enrol_url": "Where an account is created, in a space where members create theirs.",
    "not_me_url": "« Ce n’était pas moi »: a page whose button ends everything and starts recovery.",
    "terms_url": "The text of the new terms.",
    "terms_version": "Their version.",
    "terms_date": "The day from which they apply.",
    "authenticator": "What was added or removed: `app`, `passkey`, or `codes` for recovery codes.",
    "left": "How many recovery codes are still good.",
    "app": "`yes` where an authenticator app still opens the account.",
    "passkeys": "How many passkeys still open the account.",
    "inviter": "The person or office that invites.",
}
"""What each value means; features give them, templates show them."""
# What most mails have; each mail shows those that it speaks of.
_SHARED = {
    "given_name": "Camille",
    "time": "2026-03-12T13:05:00+00:00",
    "hours": "24",
    "minutes": "10",
    "sign_in_url": "/connexion",
    "recover_url": "/acces-perdus",
    "not_me_url": "/ce-n-est-pas-moi/SAMPLE",
}
_BY_LANGUAGE = {
    "fr": {"device": "Chrome sur Android", "inviter": "le service des adhésions"},
    "en": {"device": "Chrome on Android", "inviter": "the membership office"},
}
# As long as the real ones, so that a preview shows how they break on a narrow screen.
_TOKEN = "Zm9v-Bar_0123456789abcdefghijklmnopqrstuvwx"


def find(name: str) -> Kind:
    """The kind of this name: its own, or the one people use (`welcome`). Raises UnknownMail."""
    names = _names()
    wanted = _plain(name)
    if wanted in names:
        return names[wanted]
    raise UnknownMail(name, difflib.get_close_matches(wanted, names, n=1, cutoff=0.0)[0])


def sample(kind: Kind, *, language: str, issuer: str) -> dict[str, str]:
    """Invented values for one mail, whole: what it may be given, and nothing else."""
    values = {**_SHARED, **_BY_LANGUAGE[language], **ABOUT[kind].sample}
    wanted = {name: value for name, value in values.items() if name in speaks_of(kind)}
    return {
        name: issuer + value.replace("SAMPLE", _TOKEN) if name in LINKS else value
        for name, value in wanted.items()
    }


@cache
def speaks_of(kind: Kind) -> frozenset[str]:
    """The values that a mail of this kind shows when it is given them, read from its template."""
    text = (FOLDER / f"{kind}.fr.jinja").read_text(encoding="utf-8")
    names = meta.find_undeclared_variables(Environment(autoescape=True).parse(text)) - _NOT_GIVEN
    return frozenset(_CALLED.get(name, name) for name in names)


def may_have(kind: Kind) -> frozenset[str]:
    """The values that a mail of this kind does without when they are not given."""
    return speaks_of(kind) - NEEDED.get(kind, frozenset())


def _names() -> dict[str, Kind]:
    return dict(_each_name())


def _each_name() -> Iterator[tuple[str, Kind]]:
    for kind, about in ABOUT.items():
        yield kind.value, kind
        yield _plain(about.name), kind


def _plain(name: str) -> str:
    return _SPLIT.sub("-", name.strip().lower())

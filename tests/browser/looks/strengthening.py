"""Stronger second steps: « Sécurité de ma connexion », and the sign-in of who has an app or must have one."""

from idp.authenticators import authenticator_app, recovery_codes
from idp.authenticators.passkey import Passkey
from idp.core.db import new_id
from idp.sessions.assurance import MULTI_FACTOR
from idp.subjects import accounts
from tests.browser.looks.scenes import Part
from tests.browser.looks.visitor import Visitor
from tests.support.people import Person
from tests.support.second_device import Phone

PART = Part("Stronger second steps")


@PART.scene("application")
def code_of_app(visitor: Visitor) -> None:
    """The second step of who has an authenticator app."""
    _come(visitor, _with_app(visitor))


@PART.scene("application-erreur")
def wrong_code(visitor: Visitor) -> None:
    """A wrong code of the app, with the tries that are left."""
    _come(visitor, _with_app(visitor))
    visitor.send(code="000000")


@PART.scene("application-essais")
def too_many_codes(visitor: Visitor) -> None:
    """Five wrong codes of the app: the sign-in begins again."""
    with visitor.quickly():
        _come(visitor, _with_app(visitor))
        for _ in range(visitor.world.settings.sign_in.code_tries):
            visitor.send(code="000000")
    visitor.stay()
    visitor.send(code="000000")


@PART.scene("application-secours")
def recovery(visitor: Visitor) -> None:
    """In the place of the app: a recovery code."""
    _come(visitor, _with_app(visitor))
    visitor.follow("Utiliser un autre moyen")


@PART.scene("application-secours-erreur")
def wrong_recovery(visitor: Visitor) -> None:
    """A recovery code that is not on the list."""
    recovery(visitor)
    visitor.send(recovery_code="abcd-efgh-jkmn")


@PART.scene("application-cle")
def passkey_wanted(visitor: Visitor) -> None:
    """A service demands a stronger sign-in of who has a passkey, in a browser that cannot use it."""
    person = visitor.world.member()
    _give_key(visitor, person)
    with visitor.quickly():
        visitor.come_from(acr_values=MULTI_FACTOR)
        visitor.send(identifier=person.email, password=person.password)
    visitor.stay()


@PART.scene("renforcer")
def set_up(visitor: Visitor) -> None:
    """A service demands a stronger sign-in of who has neither app nor passkey: one is set up on the way."""
    person = visitor.world.member()
    with visitor.quickly():
        visitor.come_from(acr_values=MULTI_FACTOR)
        visitor.send(identifier=person.email, password=person.password)
        visitor.give_code()
    visitor.stay()


@PART.scene("renforcer-erreur")
def set_up_wrong(visitor: Visitor) -> None:
    """The first code of the app was not the right one."""
    set_up(visitor)
    visitor.send(code="000000")


@PART.scene("securite")
def security(visitor: Visitor) -> None:
    """« Sécurité de ma connexion », with nothing set up, where passkeys are not possible."""
    _sign_in(visitor)
    visitor.open("/compte/securite")


@PART.scene("securite-tout")
def security_full(visitor: Visitor) -> None:
    """« Sécurité de ma connexion », with a passkey, an app and recovery codes."""
    person = _sign_in(visitor)
    _give_key(visitor, person)
    _give_app(visitor, person)
    visitor.open("/compte/securite")


@PART.scene("securite-application")
def app_intro(visitor: Visitor) -> None:
    """What an authenticator app is, before it is set up."""
    _sign_in(visitor)
    visitor.open("/compte/securite/application")


@PART.scene("securite-application-qr")
def app_setup(visitor: Visitor) -> None:
    """The QR code, the secret to type, and the first code."""
    with visitor.quickly():
        app_intro(visitor)
        visitor.press("Commencer")
    visitor.stay()


@PART.scene("securite-application-qr-ouvert")
def app_setup_typed(visitor: Visitor) -> None:
    """The secret, for those who cannot scan it."""
    app_setup(visitor)
    visitor.page.click("summary")


@PART.scene("securite-application-gerer")
def app_manage(visitor: Visitor) -> None:
    """Another app, or none any more."""
    person = _sign_in(visitor)
    _give_app(visitor, person)
    visitor.open("/compte/securite/application")


@PART.scene("securite-codes")
def codes(visitor: Visitor) -> None:
    """The ten recovery codes, shown once, after the app was confirmed."""
    app_setup(visitor)
    secret = "".join((visitor.page.locator("details .example").text_content() or "").split())
    visitor.send(code=Phone(secret, visitor.world.clock).code())


@PART.scene("securite-codes-nouveaux")
def new_codes(visitor: Visitor) -> None:
    """Before new codes are made: how many are left."""
    person = _sign_in(visitor)
    _give_app(visitor, person)
    visitor.open("/compte/securite/codes")


@PART.scene("securite-cle-nouvelle")
def no_key_here(visitor: Visitor) -> None:
    """Where the provider has no domain name: why there are no passkeys."""
    _sign_in(visitor)
    visitor.open("/compte/securite/cle/nouvelle")


@PART.scene("securite-cle")
def key(visitor: Visitor) -> None:
    """One passkey: its name, and taking it off."""
    person = _sign_in(visitor)
    visitor.open(f"/compte/securite/cle/{_give_key(visitor, person)}")


@PART.scene("securite-cle-erreur")
def key_without_name(visitor: Visitor) -> None:
    """A passkey must have a name."""
    key(visitor)
    visitor.send(name=" ")


@PART.scene("erreur-cle-impossible")
def no_key_possible(visitor: Visitor) -> None:
    """A passkey's answer, sent where there can be none."""
    visitor.open("/connexion")
    _send_elsewhere(visitor, "/connexion/cle")


@PART.scene("erreur-ajout-termine")
def set_up_elsewhere(visitor: Visitor) -> None:
    """An app was confirmed in another tab meanwhile."""
    with visitor.quickly():
        person = _sign_in(visitor)
        visitor.open("/compte/securite/application")
        visitor.press("Commencer")
    visitor.stay()
    with visitor.world.rows() as session:
        account = accounts.by_email(session, person.email)
        authenticator_app.remove(session, account.id)
    visitor.send(code="000000")


def _sign_in(visitor: Visitor) -> Person:
    person = visitor.world.member()
    visitor.be_signed_in(person)
    return person


def _come(visitor: Visitor, person: Person) -> None:
    with visitor.quickly():
        visitor.come_from()
        visitor.send(identifier=person.email, password=person.password)
    visitor.stay()


def _with_app(visitor: Visitor) -> Person:
    person = visitor.world.member()
    _give_app(visitor, person)
    return person


def _give_app(visitor: Visitor, person: Person) -> None:
    vault, now = visitor.world.parts.vault, visitor.world.clock.now()
    with visitor.world.rows() as session:
        account = accounts.by_email(session, person.email)
        app = authenticator_app.begin(session, account, vault=vault, holder="looks", now=now)
        first = Phone(authenticator_app.secret_of(app, vault=vault), visitor.world.clock).code()
        authenticator_app.confirm(session, app, first, vault=vault, now=now)
        recovery_codes.make(session, account, vault=vault, now=now)


def _give_key(visitor: Visitor, person: Person) -> str:
    row_id = new_id()
    with visitor.world.rows() as session:
        account = accounts.by_email(session, person.email)
        session.add(
            Passkey(
                id=row_id, account_id=account.id, credential_id=row_id, public_key=b"", sign_count=0,
                transports="internal", name="Mon téléphone", created_at=visitor.world.clock.now(),
            )
        )  # fmt: skip
    return row_id


def _send_elsewhere(visitor: Visitor, path: str) -> None:
    script = """(path) => {
        const form = document.getElementById("main-form");
        form.action = path;
        form.submit();
    }"""
    with visitor.page.expect_navigation():
        visitor.page.evaluate(script, path)

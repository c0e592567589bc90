"""« Connexion à votre compte » and its second step, in every state."""

from datetime import timedelta

from idp.authenticators import password
from idp.authenticators.email_code import NotSent
from idp.core import throttles
from idp.subjects import accounts
from idp.web import browser
from tests.browser.looks.scenes import Part
from tests.browser.looks.visitor import Visitor
from tests.browser.looks.world import busy_gate

PART = Part("Sign-in")
TRIES = 6


@PART.scene("connexion")
def sign_in(visitor: Visitor) -> None:
    """« Connexion à votre compte », for a member whom a service sent."""
    visitor.come_from()


@PART.scene("connexion-vide")
def nothing_typed(visitor: Visitor) -> None:
    """Sent with nothing typed: the summary at the top leads to each field."""
    visitor.come_from()
    visitor.send(captcha="")


@PART.scene("connexion-erreur")
def wrong_password(visitor: Visitor) -> None:
    """A wrong password: one sentence, whoever was meant."""
    visitor.come_from()
    visitor.send(identifier="camille@example.org", password="Ce n'est pas le bon")


@PART.scene("connexion-captcha")
def wrong_captcha(visitor: Visitor) -> None:
    """The characters of the picture were copied wrongly."""
    visitor.open("/connexion")
    visitor.send(identifier="camille@example.org", password="Prairie!Ardoise27", captcha="????")


@PART.scene("connexion-attente")
def delayed(visitor: Visitor) -> None:
    """After several wrong passwords: how long to wait before the next."""
    person = visitor.world.member()
    with visitor.world.rows() as session:
        for _ in range(TRIES):
            password.count_try(
                session,
                password.mailbox_key(visitor.world.parts.vault, person.email),
                network=browser.network(visitor.address),
                now=visitor.world.clock.now(),
            )
    visitor.give_password(person)


@PART.scene("connexion-affluence")
def busy(visitor: Visitor) -> None:
    """Many people sign in at once: what was typed is kept, the password excepted."""
    person = visitor.world.member()
    visitor.open("/connexion")
    with busy_gate(visitor.world):
        visitor.send(identifier=person.email, password=person.password)


@PART.scene("connexion-sans-captcha")
def trusted_device(visitor: Visitor) -> None:
    """On a trusted device: no captcha, and the identifier is there already."""
    with visitor.quickly():
        visitor.open("/connexion")
        visitor.sign_in(visitor.world.member(), remember="y", answer="Oui, se fier à cet appareil")
        visitor.open("/deconnexion")
        visitor.press("Se déconnecter")
    visitor.open("/connexion")


@PART.scene("connexion-professionnel")
def professionals(visitor: Visitor) -> None:
    """The space of health professionals, who are invited."""
    visitor.open("/connexion", espace="professionnel")


@PART.scene("connexion-elu")
def delegates(visitor: Visitor) -> None:
    """The space of elected delegates, who are invited."""
    visitor.open("/connexion", espace="elu")


@PART.scene("connexion-refusee")
def refused_space(visitor: Visitor) -> None:
    """The right password of somebody whom this space does not admit (P-2001)."""
    visitor.give_password(visitor.world.member("elu"))


@PART.scene("connexion-inscription-en-cours")
def activation_pending(visitor: Visitor) -> None:
    """« Inscription en cours »: the right password before the activation."""
    _sign_in_before_activation(visitor)
    visitor.stay()


@PART.scene("connexion-inscription-en-cours-erreur")
def activation_code_wrong(visitor: Visitor) -> None:
    """The same after a wrong activation code, with the tries that are left."""
    _sign_in_before_activation(visitor)
    visitor.stay()
    visitor.send(code="12345678")


@PART.scene("connexion-inscription-en-cours-refusee")
def activation_mail_refused(visitor: Visitor) -> None:
    """The same when the mail could not be delivered."""
    _sign_in_before_activation(visitor)
    visitor.change_mail(state="refused")
    visitor.stay()


def _sign_in_before_activation(visitor: Visitor) -> None:
    person = visitor.world.newcomer()
    with visitor.quickly():
        visitor.enrol(person)
        visitor.forget()
        visitor.give_password(person)


@PART.scene("code")
def code(visitor: Visitor) -> None:
    """The second step: the code by mail."""
    _to_the_code(visitor, is_sent=True)
    visitor.stay()


@PART.scene("code-erreur")
def wrong_code(visitor: Visitor) -> None:
    """A wrong code, with the tries that are left."""
    _to_the_code(visitor, is_sent=True)
    visitor.stay()
    visitor.send(code="000000")


@PART.scene("code-vide")
def no_code(visitor: Visitor) -> None:
    """« Valider » with no code."""
    _to_the_code(visitor)
    visitor.stay()
    visitor.send()


@PART.scene("code-dernier-renvoi")
def last_resend(visitor: Visitor) -> None:
    """One more code may be asked for."""
    _to_the_code(visitor)
    _use_resends(visitor, but=1)


@PART.scene("code-sans-renvoi")
def no_resend(visitor: Visitor) -> None:
    """Every code of this sign-in has been sent."""
    _to_the_code(visitor)
    _use_resends(visitor, but=0)


@PART.scene("code-essais")
def too_many_codes(visitor: Visitor) -> None:
    """Five wrong codes end the sign-in (P-2004)."""
    with visitor.quickly():
        _to_the_code(visitor)
        for _ in range(visitor.world.settings.sign_in.code_tries):
            visitor.send(code="000000")
    visitor.stay()
    visitor.send(code="000000")


@PART.scene("code-journee")
def day_is_full(visitor: Visitor) -> None:
    """Every code of the day has been sent (P-2005)."""
    with visitor.quickly():
        _to_the_code(visitor)
        visitor.change_interaction(code_not_sent=NotSent.DAY_IS_FULL)
    visitor.stay()


@PART.scene("code-pause")
def resting(visitor: Visitor) -> None:
    """Many wrong codes froze the second step for an hour (P-2006)."""
    person = visitor.world.member()
    until = visitor.world.clock.now() + timedelta(minutes=42)
    visitor.change_account(person, second_step_rests_until=until)
    with visitor.quickly():
        visitor.give_password(person)
    visitor.stay()


@PART.scene("appareil")
def device(visitor: Visitor) -> None:
    """The question whether this browser may be trusted."""
    with visitor.quickly():
        _to_the_code(visitor, is_sent=True)
        visitor.give_code()
    visitor.stay()


def _to_the_code(visitor: Visitor, *, is_sent: bool = False) -> None:
    """Who is not sent by a service comes alone."""
    visitor.person = person = visitor.world.member()
    with visitor.quickly():
        if is_sent:
            visitor.come_from()
        else:
            visitor.open("/connexion")
        visitor.send(identifier=person.email, password=person.password)


def _use_resends(visitor: Visitor, *, but: int) -> None:
    """All codes that this sign-in may ask for were asked for, but so many."""
    world = visitor.world
    resends = world.settings.sign_in.code_resends
    with world.rows() as session:
        account = accounts.by_email(session, visitor.person.email)
        for _ in range(resends - but):
            throttles.spend_until(
                session,
                f"resends:{visitor.interaction_id}:{account.id}:{account.epoch}",
                limit=resends,
                ends_at=world.clock.now() + timedelta(days=1),
            )
    visitor.stay()

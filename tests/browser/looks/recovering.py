"""« J'ai perdu mes accès de connexion », in every state."""

from datetime import timedelta

from sqlalchemy import select

from idp.core.outbox import OutboxMessage
from idp.subjects import letters, members
from idp.subjects.address_changes import AddressChange
from idp.subjects.letters import Letter
from idp.subjects.recoveries import Recovery
from tests.browser.looks.scenes import Part
from tests.browser.looks.visitor import Visitor
from tests.support.people import Person

PART = Part("Lost access")
NEW = "Sentier!Boussole84"
ADDRESS = "nouvelle@example.net"


@PART.scene("acces-perdus")
def choices(visitor: Visitor) -> None:
    """« J'ai perdu mes accès de connexion »."""
    visitor.open("/acces-perdus", espace="adherent")


@PART.scene("mot-de-passe-oublie")
def forgotten(visitor: Visitor) -> None:
    """« Mot de passe oublié »."""
    visitor.open("/mot-de-passe-oublie", espace="adherent")


@PART.scene("mot-de-passe-oublie-erreur")
def forgotten_wrongly(visitor: Visitor) -> None:
    """The same with an address that is none."""
    visitor.open("/mot-de-passe-oublie", espace="adherent")
    visitor.send(identifier="camille@")


@PART.scene("mot-de-passe-oublie-code")
def code(visitor: Visitor) -> None:
    """The answer, the same for all: a mail leaves for the address that was typed."""
    _ask(visitor, visitor.world.member().email)


@PART.scene("mot-de-passe-oublie-code-numero")
def code_of_number(visitor: Visitor) -> None:
    """The same after a member number: no address is named."""
    _ask(visitor, visitor.world.member().number)


@PART.scene("mot-de-passe-oublie-code-erreur")
def wrong_code(visitor: Visitor) -> None:
    """A wrong code, with the tries that are left."""
    _ask(visitor, visitor.world.member().email)
    visitor.send(code="00000000")


@PART.scene("mot-de-passe-oublie-code-perime")
def request_over(visitor: Visitor) -> None:
    """The request is too old."""
    person = visitor.world.member()
    with visitor.quickly():
        _ask(visitor, person.email)
    with visitor.world.rows() as session:
        row = session.scalars(select(Recovery).where(Recovery.typed == person.email)).one()
        row.expires_at = visitor.world.clock.now()
    visitor.stay()


@PART.scene("mot-de-passe-nouveau")
def new_password(visitor: Visitor) -> None:
    """The link of the mail: a new password."""
    visitor.open(_link(visitor))


@PART.scene("mot-de-passe-nouveau-erreur")
def new_password_refused(visitor: Visitor) -> None:
    """A password that is too easy, and another one under it."""
    visitor.open(_link(visitor))
    visitor.send(password="soleil", password_confirm="soleil1")


@PART.scene("mot-de-passe-nouveau-code")
def new_password_by_code(visitor: Visitor) -> None:
    """The same page after the code of the mail, in the browser that asked."""
    with visitor.quickly():
        _ask(visitor, visitor.world.member().email)
        visitor.send(code=visitor.newest_mail()["code"])
    visitor.stay()


@PART.scene("mot-de-passe-nouveau-alerte")
def new_password_in_alarm(visitor: Visitor) -> None:
    """While an alarm stands the paper is asked for too."""
    _alarmed(visitor, proof="access-code")


@PART.scene("mot-de-passe-nouveau-bloque")
def no_new_password(visitor: Visitor) -> None:
    """An alarm that only a letter's code ends: no password is set by mail (P-6304)."""
    _alarmed(visitor, proof="letter")


@PART.scene("mot-de-passe-nouveau-perime")
def link_over(visitor: Visitor) -> None:
    """A link that was used or is too old (P-6002)."""
    with visitor.quickly():
        link = _link(visitor)
        visitor.open(link)
        visitor.send(password=NEW, password_confirm=NEW)
    visitor.open(link)


@PART.scene("mot-de-passe-fait")
def password_done(visitor: Visitor) -> None:
    """The password is changed; no session was opened."""
    with visitor.quickly():
        visitor.open(_link(visitor))
        visitor.send(password=NEW, password_confirm=NEW)
    visitor.stay()


@PART.scene("adresse-perdue")
def address_lost(visitor: Visitor) -> None:
    """« Je n'ai plus accès à mon email »."""
    visitor.open("/adresse-perdue", espace="adherent")


@PART.scene("adresse-perdue-erreur")
def address_lost_wrongly(visitor: Visitor) -> None:
    """Number and code that do not belong together."""
    _give_address(visitor, visitor.world.member(), access_code="zyxwvuts")


@PART.scene("adresse-perdue-validation")
def address_waits(visitor: Visitor) -> None:
    """The same page for all: a mail to the new address, then a letter, and 72 hours."""
    with visitor.quickly():
        _give_address(visitor, visitor.world.member())
    visitor.stay()


@PART.scene("adresse-perdue-validation-recue")
def address_mail_came(visitor: Visitor) -> None:
    """The mail server took the mail."""
    with visitor.quickly():
        _give_address(visitor, visitor.world.newcomer())
    _mail_is(visitor, "sent")


@PART.scene("adresse-perdue-validation-refusee")
def address_mail_refused(visitor: Visitor) -> None:
    """The mail server refused the mail."""
    with visitor.quickly():
        _give_address(visitor, visitor.world.newcomer())
    _mail_is(visitor, "refused")


@PART.scene("adresse-perdue-validee")
def address_validated(visitor: Visitor) -> None:
    """The new address is validated: what is left."""
    with visitor.quickly():
        _validate(visitor)
    visitor.open("/adresse-perdue/validation")


@PART.scene("adresse-perdue-code")
def address_code(visitor: Visitor) -> None:
    """The code of the mail, instead of its link."""
    with visitor.quickly():
        _give_address(visitor, visitor.world.member())
    visitor.open("/adresse-perdue/code")


@PART.scene("adresse-perdue-code-erreur")
def address_wrong_code(visitor: Visitor) -> None:
    """A wrong code, with the tries that are left."""
    with visitor.quickly():
        _give_address(visitor, visitor.world.member())
    visitor.open("/adresse-perdue/code")
    visitor.send(code="00000000")


@PART.scene("adresse-perdue-valider")
def address_link(visitor: Visitor) -> None:
    """The link of the mail in the browser that asked: one button."""
    with visitor.quickly():
        _give_address(visitor, visitor.world.member())
    visitor.open(_address_link(visitor))


@PART.scene("adresse-perdue-valider-numero")
def address_link_elsewhere(visitor: Visitor) -> None:
    """The link in another browser: the member number as well."""
    _open_elsewhere(visitor)


@PART.scene("adresse-perdue-valider-erreur")
def address_link_wrong_number(visitor: Visitor) -> None:
    """The same after a wrong number, with the tries that are left."""
    _open_elsewhere(visitor)
    visitor.send(member_number="7654321")


@PART.scene("adresse-perdue-valider-epuise")
def address_link_exhausted(visitor: Visitor) -> None:
    """After five wrong numbers."""
    with visitor.quickly():
        _open_elsewhere(visitor)
        for _ in range(4):
            visitor.send(member_number="7654321")
    visitor.open(_address_link(visitor))
    visitor.send(member_number="7654321")


@PART.scene("adresse-perdue-valider-fait")
def address_link_done(visitor: Visitor) -> None:
    """The link was answered."""
    _validate(visitor)


@PART.scene("adresse-perdue-valider-perime")
def address_link_over(visitor: Visitor) -> None:
    """The old address refused the change (P-6004)."""
    with visitor.quickly():
        _give_address(visitor, visitor.world.member())
    link = _address_link(visitor)
    _change(visitor, refused_at=visitor.world.clock.now())
    visitor.open(link)


@PART.scene("adresse-perdue-lettre")
def letter(visitor: Visitor) -> None:
    """The code of a letter, with number and access code."""
    visitor.open("/adresse-perdue/lettre", espace="adherent")


@PART.scene("adresse-perdue-lettre-erreur")
def letter_wrong(visitor: Visitor) -> None:
    """A code that is none; the sentence is the same for who has no letter."""
    _enter_letter(visitor, visitor.world.member(), "000000000000")


@PART.scene("adresse-perdue-lettre-mot-de-passe")
def letter_password(visitor: Visitor) -> None:
    """A new password by letter, while a new address waits: which address is the reader's."""
    _prove_letter(visitor)


@PART.scene("adresse-perdue-lettre-mot-de-passe-seule")
def letter_password_alone(visitor: Visitor) -> None:
    """The same where no address waits."""
    _prove_letter(visitor, refused_at=visitor.world.clock.now())


@PART.scene("adresse-perdue-lettre-mot-de-passe-erreur")
def letter_password_unanswered(visitor: Visitor) -> None:
    """The same, sent without an answer."""
    _prove_letter(visitor)
    visitor.send(password=NEW, password_confirm=NEW)


@PART.scene("adresse-perdue-lettre-mot-de-passe-autre")
def letter_password_mistyped(visitor: Visitor) -> None:
    """Another address, mistyped."""
    _prove_letter(visitor)
    _choose(visitor, "other", "camille@")


@PART.scene("adresse-perdue-fait")
def letter_done(visitor: Visitor) -> None:
    """The new address waits for the end of the 72 hours, told with day and hour."""
    with visitor.quickly():
        _prove_letter(visitor, validated_at=visitor.world.clock.now())
        _choose(visitor, "asked")
    visitor.stay()


@PART.scene("adresse-perdue-fait-a-valider")
def letter_done_unvalidated(visitor: Visitor) -> None:
    """The new address is still to be validated."""
    with visitor.quickly():
        _prove_letter(visitor)
        _choose(visitor, "other", _other(visitor.person))
    visitor.stay()


@PART.scene("adresse-perdue-fait-en-place")
def letter_done_at_once(visitor: Visitor) -> None:
    """The 72 hours were over: the new address is in place."""
    now = visitor.world.clock.now()
    with visitor.quickly():
        _prove_letter(visitor, validated_at=now, told_at=now - timedelta(days=4))
        _choose(visitor, "asked")
    visitor.stay()


@PART.scene("adresse-perdue-fait-refusee")
def letter_done_refused(visitor: Visitor) -> None:
    """The new address was somebody else's."""
    with visitor.quickly():
        _prove_letter(visitor)
        _choose(visitor, "present")
    visitor.stay()


@PART.scene("adresse-perdue-fait-gardee")
def letter_done_kept(visitor: Visitor) -> None:
    """No address waited, and the account's is its reader's."""
    with visitor.quickly():
        _prove_letter(visitor, refused_at=visitor.world.clock.now())
        _choose(visitor, "present")
    visitor.stay()


@PART.scene("adresse-perdue-fait-sans-adresse")
def letter_done_without(visitor: Visitor) -> None:
    """The old address, which is not the reader's, refused the new one."""
    with visitor.quickly():
        _prove_letter(visitor)
        _choose(visitor, "asked")
    _change(visitor, refused_at=visitor.world.clock.now())
    visitor.stay()


@PART.scene("adresse-perdue-valider-fait-lettre")
def address_link_done_after_letter(visitor: Visitor) -> None:
    """The link was answered after the letter: only the 72 hours are left."""
    with visitor.quickly():
        _prove_letter(visitor)
        _choose(visitor, "other", _other(visitor.person))
        visitor.open(_address_link(visitor))
        visitor.press("Je valide cette adresse")
    visitor.stay()


@PART.scene("adresse-perdue-validee-lettre")
def address_validated_after_letter(visitor: Visitor) -> None:
    """The page that waits, after that."""
    with visitor.quickly():
        address_link_done_after_letter(visitor)
    visitor.open("/adresse-perdue/validation")


@PART.scene("connexion-sans-email")
def no_mailbox(visitor: Visitor) -> None:
    """The account's mailbox is not its owner's, and no other address waits: no code is sent (P-6306)."""
    _disown(visitor, refused_at=visitor.world.clock.now())


@PART.scene("connexion-sans-email-a-valider")
def no_mailbox_unvalidated(visitor: Visitor) -> None:
    """The same while another address is to be validated."""
    _disown(visitor)


@PART.scene("connexion-sans-email-lettre")
def no_mailbox_unproved(visitor: Visitor) -> None:
    """The same while a letter is to prove it."""
    _disown(visitor, verified_at=visitor.world.clock.now())


@PART.scene("connexion-sans-email-attente")
def no_mailbox_waiting(visitor: Visitor) -> None:
    """The same until the end of the 72 hours, told with day and hour."""
    now = visitor.world.clock.now()
    _disown(visitor, verified_at=now, proved_at=now)


@PART.scene("code-perdu")
def lost_code(visitor: Visitor) -> None:
    """« Je n'ai plus mon numéro ou mon code »."""
    visitor.open("/acces-perdus/code", espace="adherent")


@PART.scene("code-perdu-erreur")
def lost_code_wrongly(visitor: Visitor) -> None:
    """A birth date that is none."""
    visitor.open("/acces-perdus/code", espace="adherent")
    visitor.send(family_name="Aubépin", given_name="Camille", birth_date="31/02/1950")


@PART.scene("code-perdu-demande")
def lost_code_noted(visitor: Visitor) -> None:
    """The answer, the same for everybody."""
    visitor.open("/acces-perdus/code/demande", espace="adherent")


@PART.scene("erreur-lien-mot-de-passe")
def unknown_link(visitor: Visitor) -> None:
    """A link for a new password that was copied wrongly (P-6001)."""
    visitor.open("/mot-de-passe/nouveau/mal-recopie")


@PART.scene("erreur-lien-adresse")
def unknown_address_link(visitor: Visitor) -> None:
    """A link for a new address that was copied wrongly (P-6003)."""
    visitor.open("/adresse-perdue/valider/mal-recopie")


def _ask(visitor: Visitor, identifier: str) -> None:
    with visitor.quickly():
        visitor.open("/mot-de-passe-oublie", espace="adherent")
        visitor.send(identifier=identifier)
    visitor.stay()


def _alarmed(visitor: Visitor, *, proof: str) -> None:
    person = visitor.world.member()
    with visitor.quickly():
        _ask(visitor, person.email)
    visitor.change_account(person, alarm_at=visitor.world.clock.now(), alarm_proof=proof)
    visitor.open(visitor.newest_mail()["link"])


def _link(visitor: Visitor) -> str:
    with visitor.quickly():
        _ask(visitor, visitor.world.member().email)
    return visitor.newest_mail()["link"]


def _give_address(visitor: Visitor, person: Person, **changes: str) -> None:
    visitor.person = person
    visitor.open("/adresse-perdue", espace="adherent")
    typed = {"member_number": person.number, "access_code": person.code, "email": _new(person)}
    visitor.send(**{**typed, **changes})


def _new(person: Person) -> str:
    return f"{person.number}.{ADDRESS}"


def _mail_is(visitor: Visitor, state: str) -> None:
    with visitor.world.rows() as session:
        row = session.scalars(select(Recovery).where(Recovery.typed == _new(visitor.person))).one()
        session.get_one(OutboxMessage, row.outbox_id).state = state
    visitor.stay()


def _address_link(visitor: Visitor) -> str:
    return visitor.newest_mail("address-new")["link"]


def _validate(visitor: Visitor) -> None:
    with visitor.quickly():
        _give_address(visitor, visitor.world.member())
        visitor.open(_address_link(visitor))
        visitor.press("Je valide cette adresse")
    visitor.stay()


def _open_elsewhere(visitor: Visitor) -> None:
    with visitor.quickly():
        _give_address(visitor, visitor.world.member())
    link = _address_link(visitor)
    visitor.forget()
    visitor.open(link)


def _change(visitor: Visitor, **values: object) -> None:
    """The change of address is as others left it."""
    with visitor.world.rows() as session:
        wanted = select(AddressChange).where(AddressChange.email == _new(visitor.person))
        row = session.scalars(wanted).one()
        for name, value in values.items():
            setattr(row, name, value)


def _enter_letter(visitor: Visitor, person: Person, code: str) -> None:
    visitor.open("/adresse-perdue/lettre", espace="adherent")
    visitor.send(member_number=person.number, access_code=person.code, code=code)


def _prove_letter(visitor: Visitor, **changed: object) -> None:
    person = visitor.world.member()
    with visitor.quickly():
        _give_address(visitor, person)
    names = {"validated_at": "verified_at"}
    _change(visitor, **{names.get(name, name): value for name, value in changed.items()})
    with visitor.world.rows() as session:
        member = members.by_number(session, person.population, person.number)
        row = session.scalars(select(Letter).where(Letter.member_id == member.id)).one()
        code = visitor.world.parts.vault.unseal(letters.SEAL, row.sealed, bound_to=row.id).decode()
    with visitor.quickly():
        _enter_letter(visitor, person, code)
    visitor.stay()


def _choose(visitor: Visitor, mailbox: str, address: str = "") -> None:
    visitor.send(mailbox=mailbox, email=address, password=NEW, password_confirm=NEW)


def _other(person: Person) -> str:
    return f"{person.number}.autre@example.net"


def _disown(visitor: Visitor, **changed: object) -> None:
    person = visitor.world.member()
    with visitor.quickly():
        _give_address(visitor, person)
        _change(visitor, **changed)
        visitor.change_account(person, email_disowned_at=visitor.world.clock.now())
        visitor.give_password(person)
    visitor.stay()

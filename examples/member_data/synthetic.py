"""Invented rows for a member seen for the first time: the same number always gets the same ones."""

import hashlib
import random
from collections.abc import Iterator
from datetime import date, timedelta

from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.orm import Session

from examples.member_data.iban import synthetic_iban
from examples.member_data.records import (
    BankAccount,
    Card,
    Contract,
    Document,
    Guarantee,
    Member,
    Message,
    Owned,
    Quote,
    Reimbursement,
)

_MONTHS = (
    "janvier",
    "février",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
)
_PRODUCTS = ("Horizon Essentiel", "Horizon Équilibre", "Horizon Sérénité")
_SECTIONS = ("Littoral", "Vallées", "Plateau", "Métropole")
_CARES = (
    ("Consultation", 2650, 3000),
    ("Pharmacie", 640, 4200),
    ("Optique", 9000, 32000),
    ("Dentaire", 4300, 21000),
)
_QUOTES = ("Optique", "Dentaire", "Audition")
_GUARANTEES = (
    ("Consultations", ("100 %", "150 %", "200 %")),
    ("Pharmacie", ("100 %", "100 %", "100 %")),
    ("Optique", ("200 € tous les 2 ans", "300 € tous les 2 ans", "420 € tous les 2 ans")),
    ("Dentaire", ("125 %", "200 %", "300 %")),
    ("Hospitalisation", ("Chambre à 45 € par jour", "Chambre à 60 € par jour", "Chambre à 85 € par jour")),
)
_SERVICES = (
    ("Téléconsultation", "Un médecin au téléphone, jour et nuit, sans avance de frais."),
    ("Aide à domicile", "Jusqu'à 15 heures d'aide après une immobilisation."),
    ("Réseau de soins", "Des tarifs négociés chez les opticiens et les audioprothésistes partenaires."),
    ("Écoute et soutien", "Des psychologues au téléphone, en toute discrétion."),
    ("Conseil juridique", "Des réponses à vos questions de droit, du lundi au vendredi."),
)
# Days before the first visit, subject, text.
_LETTERS = (
    (
        3,
        "Votre relevé est disponible",
        """Votre dernier relevé de remboursements se trouve dans « Mes documents ».
Gardez-le : il vous servira pour vos comptes.""",
    ),
    (
        21,
        "Votre carte de mutuelle",
        """Votre carte de l'année est dans « Ma carte de mutuelle ».
Présentez-la à la pharmacie et chez les professionnels de santé : vous n'aurez pas à avancer les frais.""",
    ),
    (
        75,
        "Le numéro de votre agence",
        """Votre agence a un nouveau numéro : {phone}.
Nous vous répondons du lundi au vendredi, de 9 h à 18 h.""",
    ),
)


def ensure_member(session: Session, member_number: str, today: date) -> None:
    """Write the member's rows if this is the first visit; of two first visits at once, one writes."""
    first = session.execute(
        insert(Member).values(member_number=member_number, first_seen=today).on_conflict_do_nothing()
        .returning(Member.member_number)
    )  # fmt: skip
    if first.scalar_one_or_none() is not None:
        session.add_all(invent(member_number, today))


def invent(member_number: str, today: date) -> list[Owned]:
    """All rows of a member, a pure function of the number and the day of the first visit."""
    # Invented figures need the same numbers each time, not unguessable ones.
    chance = random.Random(f"mutuelle horizon {member_number}")
    names = _ids(member_number)
    level = chance.randrange(len(_PRODUCTS))
    contract = _contract(chance, member_number, names, level, today)
    payments = list(_reimbursements(chance, member_number, names, today))
    return [
        contract,
        *payments,
        *_statements(member_number, payments),
        *_guarantees(member_number, names, level),
        _card(chance, member_number, names, today),
        *_quotes(chance, member_number, names, today),
        *_messages(member_number, names, contract, today),
        *_papers(member_number, names, contract, today),
        BankAccount(
            id=next(names), member_number=member_number, iban=synthetic_iban(chance), changed_on=today
        ),
    ]


def _ids(member_number: str) -> Iterator[str]:
    """Ids in a steady order, which do not show the member number."""
    owner = _digest(member_number)
    rank = 0
    while True:
        rank += 1
        yield f"{owner}-{rank:04d}"


def _digest(*parts: str) -> str:
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:12]


def _statement_id(member_number: str, month: date) -> str:
    return f"{_digest(member_number)}-releve-{month:%Y-%m}"


def _contract(chance: random.Random, number: str, names: Iterator[str], level: int, today: date) -> Contract:
    section = chance.choice(_SECTIONS)
    return Contract(
        id=next(names),
        member_number=number,
        reference=f"HZ-{chance.randrange(10**7, 10**8)}",
        product=_PRODUCTS[level],
        since=date(today.year - chance.randint(1, 20), chance.randint(1, 12), 1),
        renews_on=date(today.year + 1, 1, 1),
        premium_cents=3890 + 2150 * level + chance.randrange(0, 900, 10),
        prevention_cents=(4000, 6000, 10000)[level],
        prevention_used_cents=chance.choice((0, 1500, 2500)),
        section=section,
        agency=f"Agence {section}",
        # A range kept for fiction by the French numbering plan.
        agency_phone=f"01 99 00 {chance.randrange(100):02d} {chance.randrange(100):02d}",
    )


def _reimbursements(
    chance: random.Random, number: str, names: Iterator[str], today: date
) -> Iterator[Reimbursement]:
    paid_on = today - timedelta(days=chance.randint(2, 8))
    for _ in range(12):
        label, lowest, highest = chance.choice(_CARES)
        spent = chance.randrange(lowest, highest, 10)
        yield Reimbursement(
            id=next(names),
            member_number=number,
            category="Frais de santé",
            label=label,
            care_on=paid_on - timedelta(days=chance.randint(2, 12)),
            paid_on=paid_on,
            spent_cents=spent,
            amount_cents=spent * chance.choice((30, 60, 70, 100)) // 100,
            statement_id=_statement_id(number, paid_on),
        )
        paid_on -= timedelta(days=chance.randint(4, 24))


def _statements(number: str, payments: list[Reimbursement]) -> Iterator[Document]:
    months = dict.fromkeys(payment.paid_on.replace(day=1) for payment in payments)
    for month in months:
        paid = [payment for payment in payments if payment.paid_on.replace(day=1) == month]
        lines = [f"{row.paid_on:%d/%m/%Y}   {row.label} : {_euros(row.amount_cents)}" for row in paid]
        total = _euros(sum(payment.amount_cents for payment in paid))
        yield Document(
            id=_statement_id(number, month),
            member_number=number,
            kind="Relevé",
            title=f"Relevé de remboursements, {_MONTHS[month.month - 1]} {month.year}",
            issued_on=paid[0].paid_on,
            body="\n".join([f"Numéro d'adhérent : {number}", "", *lines, "", f"Total remboursé : {total}"]),
        )


def _guarantees(number: str, names: Iterator[str], level: int) -> Iterator[Guarantee]:
    for label, covers in _GUARANTEES:
        cover = covers[level]
        yield Guarantee(id=next(names), member_number=number, kind="garantie", label=label, cover=cover)
    for label, cover in _SERVICES[: 3 + level]:
        yield Guarantee(id=next(names), member_number=number, kind="service", label=label, cover=cover)


def _card(chance: random.Random, number: str, names: Iterator[str], today: date) -> Card:
    return Card(
        id=next(names),
        member_number=number,
        number=f"{chance.randrange(10**9):09d}",
        payment_code=f"HZ{chance.randrange(1000):03d}",
        valid_from=date(today.year, 1, 1),
        valid_until=date(today.year, 12, 31),
    )


def _quotes(chance: random.Random, number: str, names: Iterator[str], today: date) -> Iterator[Quote]:
    for rank, label in enumerate(chance.sample(_QUOTES, 2)):
        total = chance.randrange(20_000, 90_000, 500)
        covered = total * chance.randint(55, 95) // 100
        yield Quote(
            id=next(names),
            member_number=number,
            label=label,
            asked_on=today - timedelta(days=9 + 40 * rank),
            state="Réponse disponible" if rank else "En cours d'étude",
            total_cents=total,
            covered_cents=covered,
            remaining_cents=total - covered,
        )


def _messages(number: str, names: Iterator[str], contract: Contract, today: date) -> Iterator[Message]:
    for days, subject, body in _LETTERS:
        yield Message(
            id=next(names),
            member_number=number,
            sent_on=today - timedelta(days=days),
            subject=subject,
            body=body.format(phone=contract.agency_phone),
        )


def _papers(number: str, names: Iterator[str], contract: Contract, today: date) -> Iterator[Document]:
    holder = f"Numéro d'adhérent : {number}\nContrat : {contract.reference}, {contract.product}\n\n"
    year = today.year
    premium = _euros(contract.premium_cents)
    papers = (
        ("Attestation", f"Attestation de tiers payant {year}", f"Droits ouverts jusqu'au 31/12/{year}."),
        ("Cotisations", f"Échéancier de cotisations {year}", f"{premium} par mois, prélevés le 5 du mois."),
        ("Contrat", "Votre contrat en bref", f"Adhésion depuis le {contract.since:%d/%m/%Y}."),
    )
    for kind, title, line in papers:
        yield Document(
            id=next(names),
            member_number=number,
            kind=kind,
            title=title,
            issued_on=date(year, 1, 1),
            body=holder + line,
        )


def _euros(cents: int) -> str:
    return f"{cents // 100:,}".replace(",", " ") + f",{cents % 100:02d} €"

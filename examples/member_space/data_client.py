"""The member-data service, asked with the member's access token; its answers become typed values."""

import re
import typing
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import date
from typing import TypeVar

from examples.fetching import Answer, Unreachable, fetch, new_client
from examples.member_space.provider import StepUp

_OK, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _UNPROCESSABLE = 200, 401, 403, 404, 422


class DataUnavailable(Exception):
    """The service is away, or says what we do not understand."""


class TokenRefused(Exception):
    """The access token is no longer good: a new one is needed."""


class NotAllowed(Exception):
    """The access token is good, but not for this."""


class StepUpNeeded(Exception):
    """The member must sign in again, more strongly or more lately."""

    def __init__(self, step_up: StepUp) -> None:
        super().__init__("step-up")
        self.step_up = step_up


class NotFound(Exception):
    """There is nothing of this member under that name."""


@dataclass(frozen=True, slots=True)
class Reimbursement:
    """A sum paid back."""

    category: str
    label: str
    care_on: date
    paid_on: date
    spent_cents: int
    amount_cents: int
    statement_id: str


@dataclass(frozen=True, slots=True)
class Contract:
    """What the member is covered for."""

    reference: str
    product: str
    since: date
    renews_on: date
    premium_cents: int
    prevention_cents: int
    prevention_used_cents: int
    section: str
    agency: str
    agency_phone: str


@dataclass(frozen=True, slots=True)
class Guarantee:
    """A line of the contract."""

    kind: str
    label: str
    cover: str


@dataclass(frozen=True, slots=True)
class Card:
    """The member's card."""

    number: str
    payment_code: str
    valid_from: date
    valid_until: date


@dataclass(frozen=True, slots=True)
class Quote:
    """What a planned care would cost."""

    label: str
    asked_on: date
    state: str
    total_cents: int
    covered_cents: int
    remaining_cents: int


@dataclass(frozen=True, slots=True)
class Message:
    """A message from the mutual."""

    sent_on: date
    subject: str
    body: str


@dataclass(frozen=True, slots=True)
class Document:
    """Something to download."""

    id: str
    kind: str
    title: str
    issued_on: date


@dataclass(frozen=True, slots=True)
class BankAccount:
    """Where reimbursements are paid."""

    iban_masked: str
    changed_on: date


Record = TypeVar("Record")


class MemberDataClient:
    """Every method takes the member's access token and may raise the refusals above."""

    def __init__(self, url: str) -> None:
        """The service's address, without a slash at the end."""
        self._url = url
        self._http = new_client()

    def reimbursements(self, token: str) -> list[Reimbursement]:
        """Newest first."""
        return _all(Reimbursement, self._get("/reimbursements", token), "reimbursements")

    def contract(self, token: str) -> tuple[Contract, list[Guarantee]]:
        """The contract and its lines."""
        answer = self._get("/contract", token)
        return _one(Contract, answer.get("contract")), _all(Guarantee, answer, "guarantees")

    def card(self, token: str) -> Card:
        """The card of the year."""
        return _one(Card, self._get("/card", token).get("card"))

    def quotes(self, token: str) -> list[Quote]:
        """The quotes that were asked for."""
        return _all(Quote, self._get("/quotes", token), "quotes")

    def messages(self, token: str) -> list[Message]:
        """Newest first."""
        return _all(Message, self._get("/messages", token), "messages")

    def documents(self, token: str) -> list[Document]:
        """Newest first."""
        return _all(Document, self._get("/documents", token), "documents")

    def document_file(self, token: str, document_id: str) -> bytes:
        """The PDF. Raises NotFound for what is not this member's."""
        if not re.fullmatch(r"[A-Za-z0-9-]{1,80}", document_id):
            raise NotFound
        return self._ask("GET", f"/documents/{document_id}", token).body

    def bank_account(self, token: str) -> BankAccount:
        """Where reimbursements are paid, masked."""
        return _one(BankAccount, self._get("/bank-account", token).get("bank_account"))

    def change_bank_account(self, token: str, iban: str) -> bool:
        """Change it; False when the service does not take this number. Raises StepUpNeeded."""
        answer = self._ask("POST", "/bank-account", token, {"iban": iban}, accepted=(_OK, _UNPROCESSABLE))
        return answer.status == _OK

    def _get(self, path: str, token: str) -> dict[str, object]:
        try:
            return self._ask("GET", path, token).json_object()
        except Unreachable as error:
            raise DataUnavailable(str(error)) from error

    def _ask(
        self,
        method: str,
        path: str,
        token: str,
        body: dict[str, str] | None = None,
        accepted: tuple[int, ...] = (_OK,),
    ) -> Answer:
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json, application/pdf"}
        try:
            answer = fetch(self._http, method, f"{self._url}{path}", headers=headers, json_body=body)
        except Unreachable as error:
            raise DataUnavailable(str(error)) from error
        if answer.status not in accepted:
            raise refusal_of(answer)
        return answer


def refusal_of(answer: Answer) -> Exception:
    """What a refusing answer means, by its status and its challenge (RFC 6750 3, RFC 9470 3)."""
    if answer.status == _UNAUTHORIZED:
        challenge = answer.headers.get("WWW-Authenticate", "")
        fields_ = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
        if fields_.get("error") != "insufficient_user_authentication":
            return TokenRefused()
        max_age = fields_.get("max_age", "")
        seconds = int(max_age) if re.fullmatch(r"\d{1,6}", max_age, re.ASCII) else 0
        return StepUpNeeded(StepUp(fields_.get("acr_values", ""), seconds))
    meanings: dict[int, type[Exception]] = {_FORBIDDEN: NotAllowed, _NOT_FOUND: NotFound}
    return meanings.get(answer.status, DataUnavailable)()


def _all(kind: type[Record], answer: dict[str, object], name: str) -> list[Record]:
    items = answer.get(name)
    if not isinstance(items, list):
        raise DataUnavailable(f"no list of {name}")
    return [_one(kind, item) for item in items]


def _one(kind: type[Record], item: object) -> Record:
    """Build a value from JSON, field by field; what lacks a field or has another type is not understood."""
    if not isinstance(item, dict):
        raise DataUnavailable(f"{kind.__name__} is not an object")
    types = typing.get_type_hints(kind)
    try:
        # `fields` wants to know a dataclass when it sees one; all kinds above are.
        names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
        return kind(**{name: _READERS[types[name]](item[name]) for name in names})
    except (KeyError, TypeError, ValueError) as error:
        raise DataUnavailable(f"{kind.__name__}: {type(error).__name__}") from error


def _read_text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def _read_integer(value: object) -> int:
    if type(value) is not int:
        raise TypeError("not an integer")
    return value


def _read_date(value: object) -> date:
    return date.fromisoformat(_read_text(value))


_READERS: dict[type, Callable[[object], object]] = {str: _read_text, int: _read_integer, date: _read_date}

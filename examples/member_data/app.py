"""The member-data API: every answer belongs to the member that the access token names."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Concatenate, ParamSpec
from urllib.parse import quote

from flask import Flask, Response, jsonify, request
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from werkzeug.exceptions import HTTPException

from examples.clock import Clock, utc_now
from examples.database import Database
from examples.issuer import Issuer, IssuerUnavailable
from examples.member_data import dpop
from examples.member_data.challenges import METADATA_PATH, Challenges, Scheme
from examples.member_data.dpop import BadProof
from examples.member_data.iban import masked, normalised
from examples.member_data.pdf import render
from examples.member_data.records import (
    BankAccount,
    Base,
    Card,
    Contract,
    Document,
    Guarantee,
    Message,
    Quote,
    Reimbursement,
    as_json,
    document_of_member,
    of_member,
)
from examples.member_data.synthetic import ensure_member
from examples.member_data.tokens import Access, InsufficientScope, InvalidToken, verify

LARGEST_BODY = 4_096

_log = logging.getLogger(__name__)
Rest = ParamSpec("Rest")
MemberView = Callable[Concatenate["MemberData", Session, Access, Rest], Response]


def create_app(issuer: str, audience: str, database_path: str | Path, *, clock: Clock = utc_now) -> Flask:
    """Build the service: tokens of `issuer`, for `audience` (its own URL), rows in its own SQLite file."""
    service = MemberData(Issuer(issuer), audience, Database(Path(database_path), Base.metadata), clock)
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
    service.add_routes(app)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(IssuerUnavailable, _later)
    app.register_error_handler(SQLAlchemyError, _later)
    app.after_request(_harden)
    return app


def _for_member(view: MemberView[Rest]) -> Callable[Concatenate["MemberData", Rest], Response]:
    """Let a request through to `view` only with a good token, inside one transaction."""

    def guarded(service: "MemberData", /, *args: Rest.args, **kwargs: Rest.kwargs) -> Response:
        access = service.admit()
        if isinstance(access, Response):
            return access
        with service.database.transaction() as session:
            ensure_member(session, access.member_number, service.clock().date())
            return view(service, session, access, *args, **kwargs)

    return guarded


class MemberData:
    """The endpoints, and what they need."""

    def __init__(self, issuer: Issuer, audience: str, database: Database, clock: Clock) -> None:
        """Keep the parts; nothing is asked of the issuer before the first token arrives."""
        self.issuer = issuer
        self.audience = audience
        self.database = database
        self.clock = clock
        self.challenges = Challenges(audience, issuer.url)

    def add_routes(self, app: Flask) -> None:
        """Name every address of the API."""
        app.add_url_rule("/health", "health", self.health)
        app.add_url_rule(METADATA_PATH, "metadata", self.challenges.metadata)
        app.add_url_rule("/reimbursements", "reimbursements", self.reimbursements)
        app.add_url_rule("/contract", "contract", self.contract)
        app.add_url_rule("/card", "card", self.card)
        app.add_url_rule("/quotes", "quotes", self.quotes)
        app.add_url_rule("/messages", "messages", self.messages)
        app.add_url_rule("/documents", "documents", self.documents)
        app.add_url_rule("/documents/<document_id>", "document", self.document)
        app.add_url_rule("/bank-account", "bank_account", self.bank_account)
        app.add_url_rule("/bank-account", "change_bank_account", self.change_bank_account, methods=["POST"])

    def admit(self) -> Access | Response:
        """Who asks, from the Authorization header alone (never the address or a form), or the refusal."""
        word, _, token = request.headers.get("Authorization", "").partition(" ")
        scheme, token = Scheme.named(word), token.strip(" ")
        if scheme is None:
            return self.challenges.no_token()
        verdict = verify(token, issuer=self.issuer, audience=self.audience)
        match verdict:
            case InvalidToken(reason):
                return self.challenges.invalid_token(scheme, reason)
            case InsufficientScope():
                return self.challenges.insufficient_scope(scheme)
            case Access():
                return self._with_its_proof(verdict, scheme, token)

    def _with_its_proof(self, access: Access, scheme: Scheme, token: str) -> Access | Response:
        """RFC 9449 7.1: a bound token never passes as a bearer token, nor an unbound one as a bound one."""
        if scheme is not Scheme.of(access):
            reason = f"this token must be presented with the scheme {Scheme.of(access).value}"
            return self.challenges.invalid_token(scheme, reason)
        if access.bound_to is None:
            return access
        # Our own address, never the Host that the request claims.
        url = self.audience.rstrip("/") + quote(request.path)
        about = dpop.Request(method=request.method, url=url, token=token, bound_to=access.bound_to)
        proof = dpop.verify(request.headers.get("DPoP", ""), about, now=self.clock())
        if isinstance(proof, BadProof):
            return self.challenges.invalid_proof(proof.reason)
        with self.database.transaction() as session:
            is_fresh = dpop.use(session, proof, now=self.clock())
        return access if is_fresh else self.challenges.invalid_proof("the proof was used before")

    def health(self) -> Response:
        """Alive, and the database answers."""
        with self.database.transaction():
            return jsonify(status="ok")

    @_for_member
    def reimbursements(self, session: Session, access: Access) -> Response:
        """The latest sums paid back, newest first."""
        rows = of_member(session, Reimbursement, access.member_number)
        rows.sort(key=lambda row: row.paid_on, reverse=True)
        return jsonify(reimbursements=[as_json(row) for row in rows])

    @_for_member
    def contract(self, session: Session, access: Access) -> Response:
        """The contract, its guarantees and the services that come with it."""
        [contract] = of_member(session, Contract, access.member_number)
        lines = [as_json(row) for row in of_member(session, Guarantee, access.member_number)]
        return jsonify(contract=as_json(contract), guarantees=lines)

    @_for_member
    def card(self, session: Session, access: Access) -> Response:
        """The card of the year."""
        [card] = of_member(session, Card, access.member_number)
        return jsonify(card=as_json(card))

    @_for_member
    def quotes(self, session: Session, access: Access) -> Response:
        """The quotes that were asked for."""
        return jsonify(quotes=[as_json(row) for row in of_member(session, Quote, access.member_number)])

    @_for_member
    def messages(self, session: Session, access: Access) -> Response:
        """The messages of the mutual, newest first."""
        return jsonify(messages=[as_json(row) for row in of_member(session, Message, access.member_number)])

    @_for_member
    def documents(self, session: Session, access: Access) -> Response:
        """What can be downloaded, newest first."""
        rows = of_member(session, Document, access.member_number)
        rows.sort(key=lambda row: row.issued_on, reverse=True)
        return jsonify(documents=[as_json(row, "body") for row in rows])

    @_for_member
    def document(self, session: Session, access: Access, document_id: str) -> Response:
        """One document as PDF; another member's does not exist."""
        document = document_of_member(session, document_id, access.member_number)
        if document is None:
            return _error(404, "no such document")
        issued = f"Établi le {document.issued_on:%d/%m/%Y}"
        page = render(document.title, [issued, "", *document.body.split("\n")])
        answer = Response(page, mimetype="application/pdf")
        answer.headers["Content-Disposition"] = f'attachment; filename="{document.id}.pdf"'
        return answer

    @_for_member
    def bank_account(self, session: Session, access: Access) -> Response:
        """Where reimbursements are paid, masked."""
        [account] = of_member(session, BankAccount, access.member_number)
        return jsonify(bank_account=_shown(account))

    @_for_member
    def change_bank_account(self, session: Session, access: Access) -> Response:
        """Change where reimbursements are paid: only right after a sign-in in two steps."""
        now = self.clock()
        if not access.is_strong(now):
            return self.challenges.step_up(access)
        iban = _posted_iban()
        if iban is None:
            return _error(422, "a French IBAN is needed")
        [account] = of_member(session, BankAccount, access.member_number)
        account.iban, account.changed_on = iban, now.date()
        return jsonify(bank_account=_shown(account))


def _posted_iban() -> str | None:
    try:
        body = request.get_json(silent=True)
    except RecursionError:  # a few kilobytes of « [ » are enough
        return None
    return normalised(body.get("iban")) if isinstance(body, dict) else None


def _shown(account: BankAccount) -> dict[str, str]:
    return {"iban_masked": masked(account.iban), "changed_on": account.changed_on.isoformat()}


def _error(status: int, message: str) -> Response:
    answer = jsonify(error=message)
    answer.status_code = status
    return answer


def _http_error(error: HTTPException) -> Response:
    answer = _error(error.code or 500, error.name)
    if isinstance(allowed := getattr(error, "valid_methods", None), list | set | tuple):
        answer.headers["Allow"] = ", ".join(sorted(allowed))
    return answer


def _later(error: Exception) -> Response:
    _log.error("the service cannot answer: %s", type(error).__name__)
    answer = _error(503, "temporarily unavailable")
    answer.headers["Retry-After"] = "5"
    return answer


def _harden(answer: Response) -> Response:
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Content-Security-Policy"] = "default-src 'none'; frame-ancestors 'none'"
    answer.headers["Referrer-Policy"] = "no-referrer"
    answer.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    return answer

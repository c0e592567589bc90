"""The two forms that members send: an accident, and a request for a reimbursement."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

from flask import Blueprint, Response, request

from examples.member_space.data_client import NotFound
from examples.member_space.forms import CARES, PLACES, Declared, Errors, read_accident, read_request
from examples.member_space.guards import Pages, for_members
from examples.member_space.signin import HOME
from examples.member_space.site import page, see_other
from examples.member_space.store import Declaration, SpaceSession, declaration_of, declarations_of

# Without letters and digits that are taken for one another: references are read out on the telephone.
_ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True)
class Kind:
    """One sort of declaration: its address, its template and its reader."""

    name: str
    path: str
    template: str
    read: Callable[..., Declared | Errors]
    choices: Mapping[str, str]


KINDS = (
    Kind("accident", f"{HOME}/accident", "accident.html", read_accident, PLACES),
    Kind("request", f"{HOME}/remboursements/demander", "request.html", read_request, CARES),
)


class DeclarationPages(Pages):
    """A form, its confirmation, and the list of what was sent before."""

    def blueprint(self) -> Blueprint:
        """Three routes for each kind."""
        routes = Blueprint("declarations", __name__)
        for kind in KINDS:
            values = {"kind": kind}
            routes.add_url_rule(kind.path, kind.name, self.form, defaults=values)
            routes.add_url_rule(
                kind.path, f"send_{kind.name}", self.send, defaults=values, methods=["POST"]
            )  # fmt: skip
            routes.add_url_rule(f"{kind.path}/<reference>", f"sent_{kind.name}", self.sent, defaults=values)
        return routes

    @for_members
    def form(self, visit: SpaceSession, kind: Kind) -> Response:
        """The empty form."""
        return self._form_page(visit, kind, 200, {})

    @for_members
    def send(self, visit: SpaceSession, kind: Kind) -> Response:
        """Store the declaration, then show it at its own address."""
        today = self.site.clock().date()
        declared = kind.read(request.form, today=today)
        if isinstance(declared, dict):
            return self._form_page(visit, kind, 422, declared)
        reference = self._store(visit, kind, declared, today)
        return see_other(f"{kind.path}/{reference}")

    @for_members
    def sent(self, visit: SpaceSession, kind: Kind, reference: str) -> Response:
        """The confirmation. Raises NotFound for what is not this member's."""
        with self.site.database.transaction() as session:
            declaration = declaration_of(session, visit.sub, kind.name, reference)
        if declaration is None:
            raise NotFound
        return page("declared.html", visit=visit, kind=kind, declaration=declaration)

    def _form_page(self, visit: SpaceSession, kind: Kind, status: int, errors: Errors) -> Response:
        with self.site.database.transaction() as session:
            before = declarations_of(session, visit.sub, kind.name)
        values = {name: text[:2_000] for name, text in request.form.items()}
        return page(
            kind.template,
            status,
            visit=visit,
            kind=kind,
            errors=errors,
            values=values,
            before=before,
            today=self.site.clock().date(),
        )

    def _store(self, visit: SpaceSession, kind: Kind, declared: Declared, today: date) -> str:
        reference = "".join(secrets.choice(_ALPHABET) for _ in range(10))
        with self.site.database.transaction() as session:
            session.add(
                Declaration(
                    reference=reference,
                    sub=visit.sub,
                    kind=kind.name,
                    made_on=today,
                    about_on=declared.about_on,
                    subject=declared.subject,
                    details=declared.details,
                )
            )
        return reference

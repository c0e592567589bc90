"""The pages behind the doors: each shows the signed-in member's own data."""

from itertools import groupby

from flask import Blueprint, Response, abort, request

from examples.member_space.content import NEWS, QUESTIONS, article
from examples.member_space.data_client import DataUnavailable, Reimbursement, StepUpNeeded, TokenRefused
from examples.member_space.forms import read_iban
from examples.member_space.french import month
from examples.member_space.guards import Pages, for_members, for_signed_in, with_fresh_token, with_member_data
from examples.member_space.provider import StepUp
from examples.member_space.signin import HOME
from examples.member_space.site import door_of, page, see_other
from examples.member_space.store import SpaceSession

BANK = f"{HOME}/coordonnees-bancaires"
_LATEST = 5


class MemberPages(Pages):
    """The home pages of the three spaces, and what the members' tiles and menu lead to."""

    def blueprint(self) -> Blueprint:
        """The routes below `/espace`."""
        routes = Blueprint("member", __name__, url_prefix=HOME)
        routes.add_url_rule("", "home", self.home)
        routes.add_url_rule("/remboursements", "reimbursements", self.reimbursements)
        routes.add_url_rule("/contrat", "contract", self.contract)
        routes.add_url_rule("/messagerie", "messages", self.messages)
        routes.add_url_rule("/devis", "quotes", self.quotes)
        routes.add_url_rule("/carte", "card", self.card)
        routes.add_url_rule("/services", "services", self.services)
        routes.add_url_rule("/documents", "documents", self.documents)
        routes.add_url_rule("/documents/<document_id>", "document", self.document)
        routes.add_url_rule("/prevention", "prevention", self.prevention)
        routes.add_url_rule("/questions", "questions", self.questions)
        routes.add_url_rule("/gouvernance", "governance", self.governance)
        routes.add_url_rule("/actualites/<slug>", "news", self.news)
        routes.add_url_rule("/coordonnees-bancaires", "bank", self.bank)
        routes.add_url_rule("/coordonnees-bancaires", "change_bank", self.change_bank, methods=["POST"])
        return routes

    @for_signed_in
    def home(self, visit: SpaceSession) -> Response:
        """The page after the sign-in."""
        if door_of(visit).has_member_data:
            return self._member_home(visit)
        return page(f"home_{visit.space}.html", visit=visit, news=NEWS)

    @with_fresh_token
    def _member_home(self, visit: SpaceSession) -> Response:
        """The guide's home page. Without the data service it still opens, and says what is missing."""
        try:
            latest = self.site.data.reimbursements(visit.access_token)[:_LATEST]
        except DataUnavailable:
            return page("home_adherent.html", visit=visit, news=NEWS, months=None)
        return page("home_adherent.html", visit=visit, news=NEWS, months=_by_month(latest))

    @with_member_data
    def reimbursements(self, visit: SpaceSession) -> Response:
        """« Mes remboursements »."""
        rows = self.site.data.reimbursements(visit.access_token)
        return page("reimbursements.html", visit=visit, months=_by_month(rows))

    @with_member_data
    def contract(self, visit: SpaceSession) -> Response:
        """« Mon contrat »."""
        contract, guarantees = self.site.data.contract(visit.access_token)
        return page("contract.html", visit=visit, contract=contract, guarantees=guarantees)

    @with_member_data
    def messages(self, visit: SpaceSession) -> Response:
        """« Messagerie »."""
        return page("messages.html", visit=visit, messages=self.site.data.messages(visit.access_token))

    @with_member_data
    def quotes(self, visit: SpaceSession) -> Response:
        """« Mes devis »."""
        return page("quotes.html", visit=visit, quotes=self.site.data.quotes(visit.access_token))

    @with_member_data
    def card(self, visit: SpaceSession) -> Response:
        """« Ma carte de mutuelle »."""
        return page("card.html", visit=visit, card=self.site.data.card(visit.access_token))

    @with_member_data
    def services(self, visit: SpaceSession) -> Response:
        """« Services »: those of the member's own contract."""
        contract, guarantees = self.site.data.contract(visit.access_token)
        return page("member_services.html", visit=visit, contract=contract, guarantees=guarantees)

    @with_member_data
    def documents(self, visit: SpaceSession) -> Response:
        """« Mes documents »."""
        return page("documents.html", visit=visit, documents=self.site.data.documents(visit.access_token))

    @with_member_data
    def document(self, visit: SpaceSession, document_id: str) -> Response:
        """One document, passed on as a download."""
        content = self.site.data.document_file(visit.access_token, document_id)
        answer = Response(content, mimetype="application/pdf")
        # The id was checked before it was asked for: letters, digits and hyphens.
        answer.headers["Content-Disposition"] = f'attachment; filename="{document_id}.pdf"'
        return answer

    @with_member_data
    def prevention(self, visit: SpaceSession) -> Response:
        """« Prévention »: what the contract pays, and what of it is left."""
        contract, _ = self.site.data.contract(visit.access_token)
        return page("prevention.html", visit=visit, contract=contract)

    @with_member_data
    def questions(self, visit: SpaceSession) -> Response:
        """« Questions fréquentes », with the member's own agency."""
        contract, _ = self.site.data.contract(visit.access_token)
        return page("questions.html", visit=visit, contract=contract, questions=QUESTIONS)

    @with_member_data
    def governance(self, visit: SpaceSession) -> Response:
        """« Gouvernance »: the section in which the member votes."""
        contract, _ = self.site.data.contract(visit.access_token)
        return page("governance.html", visit=visit, contract=contract)

    @for_signed_in
    def news(self, visit: SpaceSession, slug: str) -> Response:
        """A piece of news, inside the space."""
        return page("news.html", visit=visit, article=article(slug) or abort(404))

    @with_member_data
    def bank(self, visit: SpaceSession) -> Response:
        """Where reimbursements are paid; what was typed before a step-up is still there."""
        account = self.site.data.bank_account(visit.access_token)
        typed = self._take_draft(visit)
        is_changed = "change" in request.args
        return page("bank.html", visit=visit, account=account, typed=typed, errors={}, is_changed=is_changed)

    @for_members
    def change_bank(self, visit: SpaceSession) -> Response:
        """Change it. The data service decides whether the member must confirm who they are (RFC 9470)."""
        iban = read_iban(request.form)
        if isinstance(iban, dict):
            return self._bank_form(visit, request.form.get("iban", "")[:60], iban)
        if self.has_expired(visit):
            return self._later(visit, iban)
        try:
            is_taken = self.site.data.change_bank_account(visit.access_token, iban)
        except StepUpNeeded as needed:
            return self._later(visit, iban, needed.step_up)
        except TokenRefused:
            self._keep_draft(visit, iban)
            return self.renew_once(visit, BANK)
        if not is_taken:
            return self._bank_form(
                visit, iban, {"iban": "Ce numéro n'est pas exact. Vérifiez chaque chiffre."}
            )
        return see_other(f"{BANK}?change=oui")

    def _later(self, visit: SpaceSession, iban: str, step_up: StepUp | None = None) -> Response:
        """First the provider, then this form again, with what was typed."""
        self._keep_draft(visit, iban)
        return self.desk.begin(door_of(visit), BANK, step_up=step_up)

    def _bank_form(self, visit: SpaceSession, typed: str, errors: dict[str, str]) -> Response:
        return page("bank.html", 422, visit=visit, account=None, typed=typed, errors=errors)

    def _keep_draft(self, visit: SpaceSession, iban: str) -> None:
        with self.site.database.transaction() as session:
            session.merge(visit).draft = iban

    def _take_draft(self, visit: SpaceSession) -> str:
        if not visit.draft:
            return ""
        with self.site.database.transaction() as session:
            session.merge(visit).draft = None
        return visit.draft


def _by_month(rows: list[Reimbursement]) -> list[tuple[str, list[Reimbursement]]]:
    return [(name, list(group)) for name, group in groupby(rows, key=lambda row: month(row.paid_on))]

"""« Inscription en cours »: the right password of an enrolment that waits for its activation code."""

from typing import assert_never

from flask import Response

from idp.core import outbox
from idp.core.words import N_
from idp.login import activation
from idp.login.forms import CodeForm
from idp.login.interaction import Interaction
from idp.login.steps.base import Step, cancel_url, hidden
from idp.subjects import emails, enrolments
from idp.subjects.enrolments import Activated, Enrolment, NotActivated
from idp.subjects.one_time import Refusal
from idp.web.kit import Visit

WORDS = {
    Refusal.WRONG: N_("Ce code n’est pas le bon. Vérifiez-le dans le dernier email reçu."),
    Refusal.EXPIRED: N_("Ce code n’est plus valable. Demandez un nouvel email."),
    Refusal.EXHAUSTED: N_(
        "Trop de codes ont été essayés. Demandez un nouvel email : il contiendra un autre code."
    ),
    NotActivated.LAPSED: N_("Ce code n’est plus valable. Demandez un nouvel email."),
    NotActivated.IMPOSSIBLE: N_(
        "Votre inscription ne peut pas être terminée en ligne. Appelez notre service d’aide."
    ),
}


class Activation(Step):
    """The code of the activation mail, for those whose link fails."""

    def show(self, visit: Visit, interaction: Interaction) -> Response:
        """The page with the code field."""
        return self._page(visit, interaction, CodeForm())

    def _page(self, visit: Visit, interaction: Interaction, form: CodeForm) -> Response:
        enrolment = _enrolment(visit, interaction)
        if enrolment is None:
            interaction.forget_proofs()
            return visit.see_other(f"/connexion?i={interaction.id}")
        return code_page(
            visit,
            enrolment,
            form,
            hidden=hidden(interaction),
            resend_url="/connexion/activation/renvoyer",
            cancel_url=cancel_url(interaction),
        )

    def resend(self, visit: Visit, interaction: Interaction) -> None:
        """Send the activation mail again."""
        enrolment = _enrolment(visit, interaction)
        if enrolment is not None:
            activation.send_again(visit, enrolment)

    def submit(self, visit: Visit, interaction: Interaction) -> Response | None:
        """Activate by the code; no automatic sign-in follows."""
        form = CodeForm(visit.request.form)
        enrolment = _enrolment(visit, interaction)
        if enrolment is None or not form.validate():
            return self._page(visit, interaction, form)
        match activation.redeem_code(visit, enrolment, form.digits):
            case Activated() | NotActivated.ALREADY_ACTIVE:
                interaction.forget_proofs()
                return visit.see_other(f"/inscription/bienvenue?i={interaction.id}")
            case (NotActivated.LAPSED | NotActivated.IMPOSSIBLE | Refusal()) as refusal:
                form.code.errors = [WORDS[refusal]]
            case never:
                assert_never(never)
        return self._page(visit, interaction, form)


def code_page(
    visit: Visit,
    enrolment: Enrolment,
    form: CodeForm,
    *,
    hidden: dict[str, str],
    resend_url: str,
    cancel_url: str | None = None,
) -> Response:
    """The page that takes the activation code of an enrolment."""
    tries = activation.tries_left(visit, enrolment)
    clear = activation.is_own(visit, enrolment)
    return visit.page(
        "connexion_activation.html",
        form=form,
        hidden=hidden,
        address=enrolment.email if clear else emails.mask(enrolment.email),
        resend_url=resend_url,
        cancel_url=cancel_url,
        resend_wait=activation.resend_wait(visit, enrolment).total_seconds(),
        tries_left=tries if tries < visit.kit.settings.enrolment.code_tries else None,
        delivery=outbox.status(visit.session, enrolment.outbox_id) if enrolment.outbox_id else "queued",
    )


def _enrolment(visit: Visit, interaction: Interaction) -> Enrolment | None:
    enrolment = enrolments.by_id(visit.session, interaction.enrolment_id or "")
    return enrolment if enrolment is not None and enrolment.is_waiting(visit.now) else None

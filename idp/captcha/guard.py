"""The captcha as forms use it: offer one with a page, say why an answer was refused."""

from idp.captcha import service
from idp.captcha.service import Block, CaptchaPolicy, Place
from idp.captcha.verdict import CaptchaVerdict
from idp.core.spaces import Space
from idp.core.words import N_
from idp.web.kit import Visit

WORDS = {
    CaptchaVerdict.WRONG: N_(
        "Ce ne sont ni les caractères de l’image, ni les chiffres de l’audio. Recopiez les nouveaux."
    ),
    CaptchaVerdict.MISSING: N_("Recopiez les caractères de l’image, ou les chiffres de l’audio."),
    CaptchaVerdict.EXPIRED: N_("La vérification a expiré. Recopiez la nouvelle image, ou le nouvel audio."),
}


class Guard:
    """« Vérification de sécurité » in front of a form."""

    def __init__(self, policy: CaptchaPolicy) -> None:
        """Keep where the captcha is asked."""
        self._policy = policy

    def required_at(
        self, place: Place, *, space: Space, failures: bool = False, trusted: bool = False
    ) -> bool:
        """Whether this form asks for it now."""
        return self._policy.required_at(place, failures=failures, trusted=trusted, space=space)

    def offer(self, visit: Visit, *, back: str) -> Block:
        """A new challenge for the page; « Changer le texte » comes back to the path `back`."""
        return service.block(
            visit.session,
            vault=visit.kit.vault,
            settings=visit.kit.settings.captcha,
            browser=visit.browser,
            now=visit.now,
            back_to=back,
        )

    def refusal(self, visit: Visit) -> str | None:
        """Spend the answer of the posted form; None when it passed, else the sentence for the member."""
        verdict = service.verify(
            visit.session,
            vault=visit.kit.vault,
            settings=visit.kit.settings.captcha,
            form=visit.request.form,
            browser=visit.browser,
            now=visit.now,
        )
        return None if verdict is CaptchaVerdict.PASSED else WORDS[verdict]

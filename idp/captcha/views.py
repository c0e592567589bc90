"""The addresses of the captcha: the picture, the audio, the proof's challenge, and « Changer le texte »."""

from flask import Blueprint, Response, jsonify

from idp.captcha import audio, challenge, service
from idp.core.errors import Problem
from idp.web import security
from idp.web.kit import Call, Kit, Visit


def blueprint(kit: Kit) -> Blueprint:
    """The routes under `/captcha`."""
    routes = Blueprint("captcha", __name__, url_prefix="/captcha")
    limits = kit.settings.limits

    @routes.get("/<challenge_id>.png")
    @kit.visit
    def picture(visit: Visit, challenge_id: str) -> Response:
        """Only for the browser that a page showed it to, as long as it can be answered."""
        png = challenge.picture_of(
            visit.session, challenge_id=challenge_id, browser=visit.browser, now=visit.now
        )
        if png is None:
            raise Problem("P-4004", detail="no such captcha for this browser")
        return Response(png, mimetype="image/png", headers={"Cache-Control": "no-store"})

    @routes.get("/<challenge_id>.wav")
    @kit.limiter.limit(f"{limits.audio_per_minute} per minute")
    @kit.visit
    def recording(visit: Visit, challenge_id: str) -> Response:
        """As the picture; `langue=en` speaks English, `lent=1` speaks slowly."""
        return _spoken(visit, challenge_id)

    @routes.get("/altcha")
    @kit.limiter.limit(f"{limits.proofs_per_minute} per minute")
    @kit.endpoint
    def altcha(call: Call) -> Response:
        response = jsonify(service.new_proof(vault=kit.vault, settings=kit.settings.captcha, now=call.now))
        response.headers["Cache-Control"] = "no-store"
        return response

    @routes.post("/change")
    @kit.visit
    def change(visit: Visit) -> Response:
        suite = security.local_address(visit.request.values.get("suite", ""))
        if suite is None:
            raise Problem("P-4000", detail="suite is not a path of this site")
        shown = visit.request.values.get("captcha_id", "")
        challenge.void(visit.session, challenge_id=shown, browser=visit.browser)
        return visit.see_other(suite)

    kit.limit_pages(routes)
    return routes


def _spoken(visit: Visit, challenge_id: str) -> Response:
    if not challenge.is_open(visit.session, challenge_id=challenge_id, browser=visit.browser, now=visit.now):
        raise Problem("P-4004", detail="no such captcha for this browser")
    wanted = visit.request.args
    wav = audio.speak(
        challenge.digits_of(visit.kit.vault, challenge_id),
        # The page says which language it is written in: a request for a sound does not know it.
        language="en" if wanted.get("langue") == "en" else "fr",
        pace=audio.SLOW if wanted.get("lent") == "1" else audio.NORMAL,
        seed=challenge.seed_of(visit.kit.vault, challenge_id),
    )
    response = Response(wav, mimetype="audio/wav", headers={"Cache-Control": "no-store"})
    # Safari plays nothing from a server that cannot send a part (RFC 9110 section 14).
    response.make_conditional(visit.request, accept_ranges=True, complete_length=len(wav))
    return response

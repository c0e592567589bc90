"""The addresses of the captcha: the picture, the proof's challenge, and « Changer le texte »."""

import re
from urllib.parse import urlsplit

from flask import Blueprint, Response, jsonify

from idp.captcha import challenge, proof
from idp.captcha.service import PROOF_KEY
from idp.core.errors import Problem
from idp.web.kit import Call, Kit, Visit

# A path of this site: one slash first, then printable ASCII without backslash, quotes or angle brackets.
_LOCAL_PATH = re.compile(r"/(?![/\\])[!#-;=?-\[\]^_`a-z{|}~]{0,2000}", re.ASCII)


def blueprint(kit: Kit) -> Blueprint:
    """The routes under `/captcha`."""
    routes = Blueprint("captcha", __name__, url_prefix="/captcha")

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

    @routes.get("/altcha")
    @kit.endpoint
    def altcha(call: Call) -> Response:
        if kit.settings.captcha.provider != "altcha":
            raise Problem("P-4004", detail="the captcha provider is not altcha")
        response = jsonify(
            proof.new_challenge(
                key=kit.vault.key(PROOF_KEY), now=call.now, lifetime=kit.settings.captcha.lifetime
            )
        )
        response.headers["Cache-Control"] = "no-store"
        return response

    @routes.post("/change")
    @kit.visit
    def change(visit: Visit) -> Response:
        suite = visit.request.values.get("suite", "")
        if not is_local_path(suite):
            raise Problem("P-4000", detail="suite is not a path of this site")
        shown = visit.request.values.get("captcha_id", "")
        challenge.void(visit.session, challenge_id=shown, browser=visit.browser)
        return visit.see_other(suite)

    kit.limit_pages(routes)
    return routes


def is_local_path(path: str) -> bool:
    """Whether a redirect to this stays on this site, in every browser's reading of it."""
    if not _LOCAL_PATH.fullmatch(path):
        return False
    try:
        parts = urlsplit(path)
    except ValueError:
        return False
    return not parts.scheme and not parts.netloc

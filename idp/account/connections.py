"""« Mes connexions »: the browsers that are signed in, and their end."""

from flask import Response

from idp.account.desk import Owner
from idp.sessions import service as sessions
from idp.web import browser
from idp.web.kit import Visit

PATH = "/compte/connexions"
END = "/compte/connexions/fermer"
OTHERS = "others"


def page(visit: Visit, owner: Owner) -> Response:
    """The list, the last seen first."""
    rows = sessions.of_account(visit.session, owner.account, now=visit.now)
    return visit.page(
        "compte_connexions.html",
        sessions=[
            {
                "id": row.id,
                "name": browser.name_in(visit.locale, row.browser_name),
                "since": row.created_at,
                "last_seen": row.last_seen_at,
                "current": row.id == owner.live.id,
            }
            for row in rows
        ],
        end_url=END,
        others=OTHERS,
        sign_out_url="/deconnexion",
    )


def end(visit: Visit, owner: Owner) -> Response:
    """End one other session of this account, or all others; this one has « Se déconnecter »."""
    chosen = visit.request.form.get("session", "")
    for row in sessions.of_account(visit.session, owner.account, now=visit.now):
        is_meant = chosen in {row.id, OTHERS} and row.id != owner.live.id
        if is_meant and sessions.end_own(visit.session, row.id, account_id=owner.account.id, now=visit.now):
            visit.audit("session.ended", owner.account.id, by_owner=True)
    return visit.see_other(PATH)

"""The pages of what cannot be answered, each with its number."""

from http import HTTPStatus
from urllib.parse import urlencode

from sqlalchemy import event, text
from sqlalchemy.orm import Session

from tests.browser.looks.scenes import Part
from tests.browser.looks.visitor import Visitor
from tests.browser.looks.world import FORMS_PER_MINUTE, busy_gate

PART = Part("Failures")


@PART.scene("erreur-demande")
def bad_request(visitor: Visitor) -> None:
    """An address that makes no sense (P-4000)."""
    visitor.page.goto(f"{visitor.world.url}/aide?espace=elu&espace=adherent")


@PART.scene("erreur-page-expiree")
def form_protection(visitor: Visitor) -> None:
    """A form of a page that is too old, or another browser's (P-4001)."""
    visitor.open("/connexion")
    visitor.page.context.clear_cookies()
    visitor.page.context.request.get(visitor.world.url)
    visitor.send(captcha="")


@PART.scene("erreur-introuvable")
def not_found(visitor: Visitor) -> None:
    """No such page (P-4004)."""
    visitor.open("/une-page-qui-n-existe-pas")


@PART.scene("erreur-action")
def not_allowed(visitor: Visitor) -> None:
    """An action that the page does not know (P-4005)."""
    visitor.open("/aide")
    visitor.post("/aide")


@PART.scene("erreur-volume")
def too_large(visitor: Visitor) -> None:
    """Too much was sent (P-4013)."""
    visitor.open("/connexion")
    visitor.post("/connexion", "x" * 70_000)


@PART.scene("erreur-trop-de-demandes")
def too_many_requests(visitor: Visitor) -> None:
    """Too many requests from one network, with the wait (P-4029)."""
    visitor.open("/connexion")
    client = visitor.world.app.test_client()
    # The minute may turn while they are sent: until one is refused.
    sent = (
        client.post("/connexion", headers={"X-Forwarded-For": visitor.address})
        for _ in range(3 * FORMS_PER_MINUTE)
    )
    assert any(answer.status_code == HTTPStatus.TOO_MANY_REQUESTS for answer in sent)
    visitor.send(captcha="")


@PART.scene("erreur-cookies")
def cookies_blocked(visitor: Visitor) -> None:
    """The browser refuses cookies (P-2003)."""
    visitor.open("/connexion")
    visitor.page.context.clear_cookies()
    visitor.send(captcha="")


@PART.scene("erreur-connexion-expiree")
def sign_in_expired(visitor: Visitor) -> None:
    """A sign-in that is over (P-2002)."""
    visitor.open("/connexion", i="a-sign-in-of-yesterday")


@PART.scene("erreur-connexion-terminee")
def sign_in_done_elsewhere(visitor: Visitor) -> None:
    """A page of a sign-in that ended meanwhile, in another tab (P-2007)."""
    with visitor.quickly():
        visitor.come_from()
        page_left_open = visitor.url
        visitor.sign_in(visitor.world.member())
    visitor.open(page_left_open)


@PART.scene("erreur-deux-envois")
def two_at_once(visitor: Visitor) -> None:
    """Two requests at once on one sign-in (P-2008)."""
    visitor.come_from()
    handle = visitor.interaction_id

    def overtake(session: Session, *_: object) -> None:
        statement = text("UPDATE interaction SET version = version + 1 WHERE id = :handle")
        session.connection().execute(statement, {"handle": handle})

    # Between what this request read and what it writes, another one has written.
    event.listen(Session, "before_flush", overtake, once=True)
    visitor.press("Annuler")


@PART.scene("erreur-lien")
def unknown_link(visitor: Visitor) -> None:
    """A link of a mail that was cut (P-1001)."""
    visitor.open("/inscription/activer/half-a-link")


@PART.scene("erreur-sur-invitation")
def by_invitation(visitor: Visitor) -> None:
    """A space without enrolment (P-1002)."""
    visitor.open("/inscription", espace="elu")


@PART.scene("erreur-service-inconnu")
def unknown_client(visitor: Visitor) -> None:
    """A service that is not known (P-3001)."""
    visitor.come_from("unknown")


@PART.scene("erreur-adresse-de-retour")
def unknown_address(visitor: Visitor) -> None:
    """An address of return that is not the service's (P-3002)."""
    visitor.come_from(redirect_uri="http://127.0.0.1:9/elsewhere")


@PART.scene("erreur-demande-du-service")
def malformed_request(visitor: Visitor) -> None:
    """A request that cannot be read (P-3003)."""
    asked = urlencode(visitor.world.request_of("espace-adherent"))
    visitor.page.goto(f"{visitor.world.url}/oauth2/authorize?{asked}&client_id=another")


@PART.scene("erreur-demande-poussee")
def pushed_request_over(visitor: Visitor) -> None:
    """A pushed request that is over (P-3004)."""
    visitor.come_from(request_uri="urn:ietf:params:oauth:request_uri:gone")


@PART.scene("erreur-accident")
def accident(visitor: Visitor) -> None:
    """An accident (P-5000)."""
    with visitor.quickly():
        visitor.come_from()
    visitor.change_interaction(demand={"nobody": "wrote this"})
    visitor.stay()


@PART.scene("erreur-indisponible")
def unavailable(visitor: Visitor) -> None:
    """The database does not answer (P-5003)."""
    with visitor.world.rows() as session:
        session.execute(text("ALTER TABLE interaction RENAME TO interaction_out_of_reach"))
    try:
        visitor.open("/connexion")
    finally:
        with visitor.world.rows() as session:
            session.execute(text("ALTER TABLE interaction_out_of_reach RENAME TO interaction"))


@PART.scene("erreur-affluence")
def gate_full(visitor: Visitor) -> None:
    """Many people at once, where no form can be kept (P-5004)."""
    with visitor.quickly():
        visitor.enrol(visitor.world.newcomer())
    link = visitor.newest_mail()["link"]
    visitor.forget()
    visitor.open(link)
    with busy_gate(visitor.world):
        visitor.send(password="Prairie!Ardoise27")

"""Double clicks, reloads and « back » in Chromium: nothing happens twice, and there is always a way on."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from idp.core.outbox import OutboxMessage
from tests.browser.looks.visitor import Visitor
from tests.browser.looks.world import World

pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.xdist_group("demo"),
    pytest.mark.timeout(120),
]


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(locale="fr-FR")
    page = context.new_page()
    yield page
    context.close()


@pytest.fixture
def visitor(page: Page, world: World) -> Visitor:
    return Visitor(page, world, network="10.99.1.9")


def test_a_double_click_on_each_button_goes_the_same_way_as_a_click(visitor: Visitor):
    page, person = visitor.page, visitor.world.member()
    visitor.come_from()
    visitor.fill(identifier=person.email, password=person.password, captcha=visitor.read_captcha())

    page.locator("button", has_text="Se connecter").dblclick()
    expect(page.locator("h1")).to_contain_text("Consultez vos emails")
    assert mails(visitor) == 1
    visitor.fill(code=visitor.newest_mail()["code"])
    page.locator("button", has_text="Valider").dblclick()
    expect(page.locator("h1")).to_contain_text("Souhaitez-vous enregistrer cet appareil")
    page.locator("button", has_text="Non merci").dblclick()

    page.wait_for_url(f"{visitor.world.service.url}/**")
    assert "code=" in page.url


def test_a_double_click_on_creating_an_account_begins_it_once(visitor: Visitor):
    page, person = visitor.page, visitor.world.newcomer()
    visitor.open("/inscription", espace="adherent")
    page.check("[name=terms]")
    visitor.fill(
        member_number=person.number, access_code=person.code, email=person.email,
        password=person.password, password_confirm=person.password, captcha=visitor.read_captcha(),
    )  # fmt: skip

    page.locator("button", has_text="Créer mon compte").dblclick()

    expect(page.locator("h1")).to_contain_text("Consultez vos emails")
    assert mails(visitor) == 1


def test_reload_sends_no_second_code_and_back_leads_to_the_step_that_is_due(visitor: Visitor):
    page, person = visitor.page, visitor.world.member()
    visitor.come_from()
    visitor.send(identifier=person.email, password=person.password)

    page.reload()
    page.reload()
    assert mails(visitor) == 1
    page.go_back()

    expect(page.locator("h1")).to_contain_text("Consultez vos emails")
    visitor.give_code()
    page.go_back()
    expect(page.locator("h1")).to_contain_text("Souhaitez-vous enregistrer cet appareil")
    visitor.press("Non merci")
    assert page.url.startswith(visitor.world.service.url)

    # Back once more: the sign-in is over, and its page leads on to the service.
    page.go_back()
    visitor.page.locator("main a.button").first.click()
    page.wait_for_url(f"{visitor.world.service.url}/**")


@pytest.fixture(autouse=True)
def _counted(world: World) -> None:
    with world.rows() as session:
        session.query(OutboxMessage).delete()


def mails(visitor: Visitor) -> int:
    """How many mails were written since the story began."""
    with visitor.world.rows() as session:
        return session.query(OutboxMessage).count()

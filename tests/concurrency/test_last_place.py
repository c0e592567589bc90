"""Three members race for the two places of one mailbox: two accounts open, and the third is told kindly."""

from functools import partial

import pytest

from idp.sessions import credentials
from idp.subjects import accounts
from tests.support.people import Person
from tests.support.racing import at_once, begin_enrolment
from tests.support.rows import count_rows
from tests.support.spaces import spaces_with

ROUNDS = 4
MATES = frozenset({"adherent"})

pytestmark = [pytest.mark.slow, pytest.mark.settings(captcha={"login": "off"})]


@pytest.fixture
def settings(settings, tmp_path):
    return settings.model_copy(
        update={"spaces_dir": spaces_with(tmp_path, "adherent", shared_mailboxes="true")}
    )


def household(number):
    return [
        Person(f"{3 + nth}{number:06d}", email=f"famille{number}@example.org", given_name=f"Nom {nth}")
        for nth in range(3)
    ]


def test_of_three_who_enrol_with_one_address_two_get_an_account(open_browser, register, parts):
    browsers = [open_browser() for _ in range(3)]
    tokens = [browser.get("/connexion").value("csrf_token") for browser in browsers]
    families = [household(number) for number in range(ROUNDS)]
    register.add(*(person for family in families for person in family))

    for family in families:
        links = [
            begin_enrolment(parts, person, browser)[0]
            for person, browser in zip(family, browsers, strict=True)
        ]
        jobs = [
            partial(browser.post, link, {"csrf_token": token}, follow=False)
            for browser, link, token in zip(browsers, links, tokens, strict=True)
        ]

        pages = at_once(jobs)

        assert sorted(page.status for page in pages) == [200, 303, 303]
        (loser,) = [page for page in pages if page.status == 200]
        assert loser.h1 == "Votre inscription ne peut pas être terminée en ligne"
        with parts.database.reading() as session:
            found = accounts.all_by_email(session, family[0].email)
        assert [account.mailbox_slot for account in found] == [0, 1]

    assert count_rows(parts.database)["account"] == 2 * ROUNDS


def test_of_two_who_move_to_the_last_place_one_does(register, parts, clock):
    for number in range(ROUNDS):
        first, *others = household(number)
        register.open_account(first)
        ids = [
            register.open_account(Person(person.number, email=f"{person.number}@example.org"))
            for person in others
        ]

        def move(account_id, address=first.email):
            with parts.database.transaction() as session:
                account = accounts.by_id(session, account_id)
                return credentials.change_address(session, account, address, now=clock.now(), mates=MATES)

        assert sorted(at_once([partial(move, account_id) for account_id in ids])) == [False, True]

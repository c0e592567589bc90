"""« Créer son compte »: what a member who begins meets, from the form to « Bienvenue »."""

from tests.support.people import enrol, fill_enrolment, sign_in


def test_a_member_creates_an_account_and_signs_in(browser, mailbox, newcomer):
    page = fill_enrolment(browser, newcomer)
    assert page.path == "/inscription/validation"
    assert newcomer.email in page.words

    page = browser.get(mailbox.last(to=newcomer.email).link())
    assert page.h1 == "Validez votre inscription"
    page = browser.submit()

    assert page.h1 == "Bienvenue, votre compte est actif"
    assert sign_in(browser, mailbox, newcomer).h1 == "Mon compte"

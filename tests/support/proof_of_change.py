"""What a changed password or address must stand on: each way asks for its own proofs, and there is no other way."""

from collections.abc import Callable, Iterator
from datetime import timedelta

from tests.support.proof_model import AccountSeen, Mail, Model, Sent, folded

RECOVERY = timedelta(minutes=30)
LETTER = timedelta(days=21)
UNDO = timedelta(hours=72)
NOT_ME = timedelta(days=7)
# A sensitive page is open for so long after the second step that it asked for.
SENSITIVE = timedelta(minutes=20)

Way = Callable[[Model, AccountSeen, AccountSeen, Sent], bool]


def by_mail_to_the_address(model: Model, former: AccountSeen, _now: AccountSeen, sent: Sent) -> bool:
    """« Mot de passe oublié »: the link, in any browser, or its code in the one that asked."""
    if former.id in model.disowned:
        return False
    mails = [mail for mail in model.mails if mail.to == former.address and mail.kind == "password-asked"]
    recent = [mail for mail in mails if sent.at - mail.at <= RECOVERY]
    if any(link.endswith(sent.path) for mail in recent for link in mail.links):
        return True
    return sent.path == "/mot-de-passe/nouveau" and any(
        mail.browser == sent.browser and _entered(model, sent, "/mot-de-passe-oublie/code", mail.code)
        for mail in recent
    )


def by_letter(model: Model, former: AccountSeen, _now: AccountSeen, sent: Sent) -> bool:
    """Number and access code, and the code of a letter that came by post."""
    return sent.path == "/mot-de-passe/nouveau" and bool(list(_letters(model, former, sent)))


def in_the_account(model: Model, former: AccountSeen, _now: AccountSeen, sent: Sent) -> bool:
    """« Mon compte »: signed in, with the current password."""
    held = model.sessions.get(sent.browser)
    is_theirs = held is not None and held[0] == former.id
    return (
        is_theirs
        and sent.path == "/compte/mot-de-passe"
        and sent.fields.get("current_password") == former.password
    )


def with_the_paper_in_a_sign_in(model: Model, former: AccountSeen, _now: AccountSeen, sent: Sent) -> bool:
    """A blocked account: password, code and the access code of the papers, in one sign-in of this browser."""
    gave_paper = any(
        post.path == sent.path == "/connexion/alerte"
        and post.browser == sent.browser
        and post.handle in {sent.handle, ""}
        and folded(post, "access_code") == model.papers[former.number]
        for post in model.history
    )
    return gave_paper and former.id in model.proved(sent.browser, sent.at, sent.handle or None)


def in_the_account_and_at_the_new_address(
    model: Model, former: AccountSeen, now: AccountSeen, sent: Sent
) -> bool:
    """« Mon compte »: asked for while signed in, and validated by the mail to the new address."""
    asked = any(
        post.path == "/compte/adresse"
        and folded(post, "email") == now.address
        and (post.browser, former.id) in model.signed_in_at.get(post.at, ())
        for post in model.history
    )
    return asked and _validates(model, now.address, sent, "/compte/adresse")


def with_the_paper_and_a_letter(model: Model, former: AccountSeen, now: AccountSeen, sent: Sent) -> bool:
    """« Je n'ai plus accès à mon email »: paper, the new mailbox, a letter, and 72 hours.

    Or the letter first, whose page asks for another address.
    """
    asked = [
        post.at
        for post in model.history
        if folded(post, "email") == now.address
        and (
            (post.path == "/adresse-perdue" and _is_paper(model, former, post))
            or (post.fields.get("mailbox") == "other" and by_letter(model, former, now, post))
        )
    ]
    validated = any(_validates(model, now.address, post, "/adresse-perdue") for post in model.history)
    is_over = any(sent.at - at >= UNDO for at in asked)
    return is_over and validated and bool(list(_letters(model, former, sent, within=LETTER + UNDO)))


def back_to_the_former_address(model: Model, former: AccountSeen, now: AccountSeen, sent: Sent) -> bool:
    """The 72 h undo: a link at the former address, and the member number typed."""
    links = [
        link
        for mail in model.mails
        if mail.to == now.address and sent.at - mail.at <= NOT_ME
        for link in mail.links
    ]
    is_named = "".join(sent.fields.get("member_number", "").split()) == former.number
    return (
        is_named
        and now.address in model.former.get(former.id, ())
        and any(link.endswith(sent.path) for link in links)
    )


PASSWORDS: tuple[Way, ...] = (
    by_mail_to_the_address,
    by_letter,
    in_the_account,
    with_the_paper_in_a_sign_in,
)
ADDRESSES: tuple[Way, ...] = (
    in_the_account_and_at_the_new_address,
    with_the_paper_and_a_letter,
    back_to_the_former_address,
)


def hear_whose_mailbox(model: Model, former: AccountSeen, now: AccountSeen, sent: Sent) -> None:
    """Note what a letter's reader said with the new password; before the account is noted as it is now.

    Where a mail's link may have set it instead, nothing was said for sure.
    """
    if now.stored == former.stored or not by_letter(model, former, now, sent):
        return
    if sent.fields.get("mailbox") == "present":
        model.disowned.discard(former.id)
    elif not by_mail_to_the_address(model, former, now, sent):
        model.disowned.add(former.id)


def is_right(model: Model, former: AccountSeen, now: AccountSeen, sent: Sent | None) -> bool:
    """Whether some way gave the proofs that it asks for."""
    if sent is None:
        return False
    ways = []
    if now.stored != former.stored:
        # Whatever the way, the new password is the one that was typed just now.
        ways.append(
            sent.fields.get("password") == now.password
            and any(way(model, former, now, sent) for way in PASSWORDS)
        )
    if now.address != former.address:
        ways.append(any(way(model, former, now, sent) for way in ADDRESSES))
    return all(ways)


def _entered(model: Model, sent: Sent, path: str, code: str) -> bool:
    return any(
        post.browser == sent.browser and post.path == path and folded(post, "code") == code
        for post in model.history
        if sent.at - post.at <= RECOVERY * 2
    )


def _letters(
    model: Model, account: AccountSeen, sent: Sent, within: timedelta = RECOVERY * 2
) -> Iterator[Sent]:
    """The posts of this browser that gave the paper and a letter's code."""
    for post in model.history:
        if (
            post.path == "/adresse-perdue/lettre"
            and sent.at - post.at <= within
            and _is_paper(model, account, post)
        ):
            for letter in model.letters:
                if (
                    letter.number == account.number
                    and letter.code == folded(post, "code")
                    and post.at - letter.at <= LETTER
                ):
                    yield post


def _is_paper(model: Model, account: AccountSeen, post: Sent) -> bool:
    return (
        folded(post, "member_number") == account.number
        and folded(post, "access_code") == model.papers[account.number]
    )


def _validates(model: Model, address: str, post: Sent, path: str) -> bool:
    """Whether a post gives what the mail to the new address held."""
    mails: list[Mail] = [mail for mail in model.mails if mail.to == address and mail.kind == "address-new"]
    return post.path.startswith(path) and any(
        mail.code == folded(post, "code") or any(link.endswith(post.path) for link in mail.links)
        for mail in mails
    )

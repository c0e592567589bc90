"""What follows the right password, or a passkey: the entry rule, and only now the trusted device and theft."""

from collections.abc import Sequence
from datetime import datetime

from flask import Response

from idp.authenticators import password, trusted_device
from idp.authenticators.trusted_device import Refusal, Trusted, TrustedDeviceRow
from idp.core import secrets
from idp.login import proof
from idp.login.interaction import Interaction
from idp.login.steps.base import cancel_url, hidden
from idp.sessions import service as sessions
from idp.subjects.accounts import Account
from idp.subjects.members import Member
from idp.web import owner
from idp.web.kit import Visit


def devices_of(visit: Visit, accounts: Sequence[Account]) -> list[TrustedDeviceRow]:
    """The live trusted devices that this browser is for these accounts; looks, and judges nothing."""
    kit = visit.kit
    found = [
        trusted_device.recognise(
            visit.session,
            visit.cookie(trusted_device.cookie_name(kit.vault, account.id)),
            vault=kit.vault,
            account=account,
            rules=kit.settings.trusted_device,
            now=visit.now,
        )
        for account in accounts
    ]
    return [row for row in found if row is not None]


def let_choose(visit: Visit, interaction: Interaction, accounts: Sequence[Account]) -> None:
    """The password of two accounts was right: nothing of either is looked at before the member says who they are."""
    visit.audit("password.verified")
    interaction.forget_proofs()
    interaction.candidates = [
        {"value": secrets.token(), "account_id": account.id, "epoch": account.epoch} for account in accounts
    ]
    interaction.password_at = visit.now
    proof.bind(visit, interaction)


def accept(
    visit: Visit,
    interaction: Interaction,
    account: Account,
    devices: Sequence[TrustedDeviceRow],
    *,
    proved_at: datetime,
) -> Response | None:
    """Let the sign-in go on for this account, whose password was right at `proved_at`.

    A page when its member may not enter here. `devices` were recognised before: they have their tries back.
    """
    key = password.mailbox_key(visit.kit.vault, account.email)
    password.forget_tries(visit.session, key, network=visit.network)
    visit.audit("password.verified", account.id)
    refused = admit(visit, interaction, account)
    if refused is not None:
        return refused
    interaction.password_at = proved_at
    for device in devices:
        trusted_device.tried_well(visit.session, device.id)
    _use_device(visit, interaction, account)
    return None


def admit(visit: Visit, interaction: Interaction, account: Account) -> Response | None:
    """Make the sign-in this account's, with nothing proved: the caller notes its proof.

    A page when its member may not enter here.
    """
    refused = _entry_refused(visit, interaction, account)
    if refused is not None:
        return refused
    interaction.forget_proofs()
    interaction.belong_to(account)
    proof.bind(visit, interaction)
    return None


def _use_device(visit: Visit, interaction: Interaction, account: Account) -> None:
    kit = visit.kit
    name = trusted_device.cookie_name(kit.vault, account.id)
    rules = kit.settings.trusted_device
    cookie = visit.cookie(name)
    row = trusted_device.named(
        visit.session, cookie, vault=kit.vault, account=account, rules=rules, now=visit.now
    )
    match trusted_device.use(
        visit.session, cookie, vault=kit.vault, account=account, rules=rules, now=visit.now
    ):
        case Trusted(device_id, renewed):
            interaction.device_id = device_id
            ends = row.created_at + rules.lifetime if row is not None else visit.now
            visit.set_cookie(name, renewed, max_age=ends - visit.now)
        case Refusal.THEFT:
            visit.drop_cookie(name)
            _alarm(visit, account, row)
        case Refusal.UNKNOWN:
            if cookie is not None:
                visit.drop_cookie(name)


def _alarm(visit: Visit, account: Account, row: TrustedDeviceRow | None) -> None:
    """A former secret came back: the device lost its trust; its sessions end and the owner is told."""
    if row is None:
        return
    sessions.end_for_device(visit.session, row.id, now=visit.now)
    visit.audit("device.theft", account.id, device=row.id)
    owner.warn(visit, account, "device-theft", cause=f"theft:{row.id}", context={"device": row.name})


def _entry_refused(visit: Visit, interaction: Interaction, account: Account) -> Response | None:
    member = visit.session.get(Member, account.member_id)
    allowed = interaction.asked.populations or tuple(visit.space.populations)
    if member is not None and member.population in allowed:
        return None
    visit.audit("entry.refused", account.id, space=visit.space.name)
    others = [
        space for space in visit.kit.spaces if member is not None and member.population in space.populations
    ]
    return visit.page(
        "connexion_refusee.html",
        status=403,
        number="P-2001",
        hidden=hidden(interaction),
        restart_url="/connexion/recommencer",
        cancel_url=cancel_url(interaction),
        doors=[(space.title, "", visit.kit.door_of(visit.session, space) or "/") for space in others],
    )

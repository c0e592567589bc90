"""« Mon compte »: its addresses, and who may come to each."""

from flask import Blueprint

from idp.account import address, change_password, closing, connections, data_pages, devices, history, overview
from idp.account import services as service_pages
from idp.account.address import Address
from idp.account.change_password import ChangePassword
from idp.account.closing import Closing
from idp.account.data_pages import DataPages
from idp.account.desk import PATH, Desk
from idp.account.history import HistoryPage
from idp.account.services import ServicePages


def blueprint(desk: Desk) -> Blueprint:
    """`/compte` and below."""
    pages = Blueprint("account", __name__)
    _add_lists(pages, desk)
    _add_changes(pages, desk)
    desk.kit.limit_pages(pages)
    return pages


def _add_lists(pages: Blueprint, desk: Desk) -> None:
    """Pages that show, and whose buttons only take something away."""
    add, own = desk.kit.add_page, desk.open_to_owner
    services, past = ServicePages(desk), HistoryPage(desk)
    add(pages, PATH, own(overview.page, back=PATH), post=False)
    add(pages, devices.PATH, own(devices.page, back=devices.PATH), post=False)
    add(pages, devices.REMOVE, own(devices.remove, back=devices.PATH), post=True)
    add(pages, connections.PATH, own(connections.page, back=connections.PATH), post=False)
    add(pages, connections.END, own(connections.end, back=connections.PATH), post=True)
    add(pages, service_pages.PATH, own(services.page, back=service_pages.PATH), post=False)
    add(pages, service_pages.TAKE_BACK, own(services.take_back, back=service_pages.PATH), post=True)
    add(pages, history.PATH, own(past.page, back=history.PATH), post=False)


def _add_changes(pages: Blueprint, desk: Desk) -> None:
    """Pages that change what protects the account, or show all that is held: the second step first."""
    add, own, sensitive = desk.kit.add_page, desk.open_to_owner, desk.sensitive
    change, told, end = Address(desk), DataPages(desk), Closing(desk)
    add(pages, change_password.PATH, sensitive(ChangePassword(desk).page, back=change_password.PATH))
    add(pages, address.PATH, sensitive(change.page, back=address.PATH))
    # The change was begun after a second step; what it waits for proves the new address, not the owner.
    add(pages, address.WAITING, own(change.waiting, back=address.WAITING, touches=False))
    add(pages, address.RESEND, own(change.resend, back=address.WAITING), post=True)
    add(pages, address.GIVE_UP, own(change.give_up, back=address.WAITING), post=True)
    add(pages, f"{address.PATH}/<token>", change.link)
    add(pages, data_pages.PATH, sensitive(told.page, back=data_pages.PATH), post=False)
    add(pages, data_pages.FILE, sensitive(told.download, back=data_pages.PATH), post=False)
    add(pages, closing.PATH, sensitive(end.page, back=closing.PATH))

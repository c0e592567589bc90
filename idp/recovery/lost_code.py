"""« Je n'ai plus mon numéro ou mon code »: asks the mutual to post a new code, and tells nobody whether it will."""

from idp.recovery.parts import spend_of_day
from idp.subjects import accounts, letters, one_time
from idp.subjects.directory import Born, MemberDirectory, RegisteredMember
from idp.subjects.letters import Letter, StartedBy
from idp.subjects.one_time import Purpose
from idp.web.kit import Visit


def may_ask(visit: Visit) -> bool:
    """Use one of the network's requests of the day."""
    limit = visit.kit.settings.recovery.code_requests_per_network
    return spend_of_day(visit, f"code-requests:{visit.network}", limit=limit)


def ask(visit: Visit, directory: MemberDirectory, born: Born) -> None:
    """Start the request when exactly one active member is meant, once a week; the same work for all."""
    member = directory.by_birth(visit.session, visit.space.populations, born)
    account = accounts.by_member(visit.session, member.id if member is not None else "")
    started = _start(visit, member) if member is not None else None
    if member is None:
        one_time.newest(visit.session, purpose=Purpose.NOTHING, binding="")
    if started is None:
        _as_much_work(visit)
    event = "letter.asked" if started is not None else "letter.not_asked"
    visit.audit(event, account.id if account is not None else None, kind=letters.Kind.ACCESS_CODE.value)


def _start(visit: Visit, member: RegisteredMember) -> Letter | None:
    return letters.start(
        visit.session,
        vault=visit.kit.vault,
        kind=letters.Kind.ACCESS_CODE,
        member_id=member.id,
        # By the member alone, since a member without account may ask as well.
        subject=member.id,
        space=visit.space.name,
        started_by=StartedBy.MEMBER,
        now=visit.now,
    )


def _as_much_work(visit: Visit) -> None:
    """What a letter costs, where none is started."""
    one_time.issue_link(
        visit.session,
        vault=visit.kit.vault,
        purpose=Purpose.NOTHING,
        binding="",
        now=visit.now,
        lifetime=letters.LIFETIME,
    )

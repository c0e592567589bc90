"""The facts of one sign-in: what was proved and what is demanded, and nothing about where it stands."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything the journey decides by."""

    password: bool = False
    """The password was right, in this interaction or in a session that still counts."""
    choice_pending: bool = False
    """Two accounts share the mailbox and the password: nobody said yet whose sign-in this is."""
    activation_pending: bool = False
    """The password belongs to an enrolment that is not activated yet."""
    mail_code: bool = False
    """A code by mail was given, in this interaction or in a session that still counts."""
    device_trusted: bool = False
    """This browser presented a live secret of a device that the account trusts."""
    code_demanded: bool = False
    """The relying party wants the code itself: a trusted device is not enough."""
    terms_due: bool = False
    """The space has new terms, which this account has not accepted."""
    trust_answered: bool = False
    """The member said whether this browser may be trusted."""

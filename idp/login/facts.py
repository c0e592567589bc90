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
    alarm: bool = False
    """An alarm kept the account shut when the password was given, and its proof is not given here yet."""
    device_trusted: bool = False
    """This browser presented a live secret of a device that the account trusts."""
    code_demanded: bool = False
    """The relying party wants the code itself: a trusted device is not enough."""
    terms_due: bool = False
    """The space has new terms, which this account has not accepted."""
    app_code: bool = False
    """A code of the authenticator app was given."""
    recovery_code: bool = False
    """A recovery code was given, in the place of the app."""
    passkey: bool = False
    """A passkey answered: it proves the member alone, and is a second step after a password."""
    known_by_passkey: bool = False
    """The session that this builds on was opened by a passkey, which is to answer once more."""
    has_app: bool = False
    """The account has an authenticator app: its codes stand in the place of the mailed ones."""
    has_passkey: bool = False
    """The account has a passkey."""
    strong_demanded: bool = False
    """The relying party or the mutual wants an authenticator app or a passkey."""
    trust_answered: bool = False
    """The member said whether this browser may be trusted."""

    @property
    def is_known(self) -> bool:
        """Whether it was proved who this is: the first step."""
        return self.password or self.passkey or self.known_by_passkey

    @property
    def is_strong(self) -> bool:
        """Whether a device of the member's own proved itself."""
        return self.app_code or self.passkey

    @property
    def has_second_step(self) -> bool:
        """Whether a second step was given."""
        return self.mail_code or self.recovery_code or self.is_strong

    @property
    def asks_own_device(self) -> bool:
        """Whether the second step is the member's own device, and no mailed code."""
        needs_passkey = self.strong_demanded or self.known_by_passkey
        return self.has_app or (self.has_passkey and needs_passkey)

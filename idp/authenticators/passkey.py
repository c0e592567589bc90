"""Passkeys (WebAuthn Level 3): a key on the member's own device, which asks who holds it before it answers."""

import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import webauthn
from sqlalchemy import BigInteger, ForeignKey, LargeBinary, Text, delete, or_, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column
from webauthn.helpers import (
    base64url_to_bytes,
    bytes_to_base64url,
    parse_authentication_credential_json,
    parse_registration_credential_json,
)
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AttestationConveyancePreference,
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    PublicKeyCredentialDescriptor,
    RegistrationCredential,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)
from webauthn.registration.verify_registration_response import VerifiedRegistration

from idp.authenticators import passkey_challenges
from idp.core import secrets
from idp.core.db import Base, UtcDateTime, insert_into, new_id
from idp.subjects.accounts import Account

MOST = 10
LONGEST_NAME = 60
LONGEST_ID = 1400
"""Of a credential's identifier in base64url: WebAuthn allows 1023 bytes."""
ALGORITHMS = [
    COSEAlgorithmIdentifier.ECDSA_SHA_256,
    COSEAlgorithmIdentifier.EDDSA,
    COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256,
]
SIGN_IN = "sign-in"
TIMEOUT = round(passkey_challenges.LIFETIME.total_seconds() * 1000)


class Refusal(StrEnum):
    """Why an answer of a key was not accepted."""

    CHALLENGE = "challenge"
    """The challenge is unknown, over, used, or another browser's."""
    UNKNOWN = "unknown"
    INVALID = "invalid"
    """Another site, no user verification, a wrong signature, or not what the standard describes."""
    COPIED = "copied"
    """Its counter went backwards: somebody may hold a copy of the key (WebAuthn section 6.1.1)."""
    TOO_MANY = "too-many"


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """Who we are to a browser: passkeys are bound to this domain name."""

    id: str
    origin: str
    name: str


@dataclass(frozen=True, slots=True)
class Verified:
    """The key answered; `name` is the one its member gave it."""

    passkey_id: str
    account_id: str
    name: str


@dataclass(frozen=True, slots=True)
class Copied:
    """A refusal of which the owner is told: the key's counter went backwards."""

    passkey_id: str
    account_id: str
    name: str


class Passkey(Base):
    """One passkey of an account: a public key and what its member calls it."""

    __tablename__ = "passkey"

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("account.id"), index=True)
    credential_id: Mapped[str] = mapped_column(Text, unique=True)
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    sign_count: Mapped[int] = mapped_column(BigInteger)
    transports: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class PasskeyHandle(Base):
    """What a member's devices know the account by: random, and no other name of it (WebAuthn section 14.6.1)."""

    __tablename__ = "passkey_handle"

    account_id: Mapped[str] = mapped_column(ForeignKey("account.id"), primary_key=True)
    handle: Mapped[str] = mapped_column(Text, unique=True)


def relying_party(issuer: str, *, name: str = "Parvis") -> RelyingParty | None:
    """Who we are by the configured issuer alone, whatever host a request names; None where there are no passkeys.

    A browser binds a passkey to a domain name, so an address of numbers has none; and it needs HTTPS, but for
    `localhost` (WebAuthn section 5.1.3).
    """
    parts = urlsplit(issuer)
    host = parts.hostname or ""
    if not host or _is_ip(host) or (parts.scheme != "https" and host != "localhost"):
        return None
    return RelyingParty(id=host, origin=f"{parts.scheme}://{parts.netloc}", name=name)


def of(session: Session, account_id: str) -> list[Passkey]:
    """The passkeys of an account, oldest first."""
    rows = select(Passkey).where(Passkey.account_id == account_id).order_by(Passkey.created_at, Passkey.id)
    return list(session.execute(rows).scalars())


def has_any(session: Session, account_id: str) -> bool:
    """Whether the account has a passkey."""
    one = select(Passkey.id).where(Passkey.account_id == account_id).limit(1)
    return session.execute(one).first() is not None


def registering(account_id: str) -> str:
    """The purpose of a challenge that a new passkey of this account answers."""
    return f"register:{account_id}"


def registration_options(
    session: Session, account: Account, *, party: RelyingParty, browser: str, member: str, now: datetime
) -> dict[str, Any]:
    """What the browser needs to make a passkey, as JSON values; `member` is the name that the device shows."""
    known = of(session, account.id)
    options = webauthn.generate_registration_options(
        rp_id=party.id,
        rp_name=party.name,
        user_id=_handle(session, account.id).encode(),
        user_name=member,
        challenge=passkey_challenges.ask(session, browser=browser, purpose=registering(account.id), now=now),
        timeout=TIMEOUT,
        attestation=AttestationConveyancePreference.NONE,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=[_descriptor(row) for row in known],
        supported_pub_key_algs=ALGORITHMS,
    )
    return _as_json(webauthn.options_to_json(options))


def register(
    session: Session,
    account: Account,
    answer: str,
    *,
    party: RelyingParty,
    browser: str,
    name: str,
    now: datetime,
) -> Verified | Refusal:
    """Keep a new passkey, once its answer to our challenge is proven; `name` is what its member calls it."""
    challenge = passkey_challenges.spend(
        session, answer, browser=browser, purpose=registering(account.id), now=now
    )
    if challenge is None:
        return Refusal.CHALLENGE
    try:
        credential = parse_registration_credential_json(answer)
        made = webauthn.verify_registration_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            require_user_verification=True,
            supported_pub_key_algs=ALGORITHMS,
        )
    except _NOT_AN_ANSWER:
        return Refusal.INVALID
    return _keep(session, account, credential, made, name=tidy_name(name), now=now)


def _keep(
    session: Session,
    account: Account,
    credential: RegistrationCredential,
    made: VerifiedRegistration,
    *,
    name: str,
    now: datetime,
) -> Verified | Refusal:
    # Two keys at once: the second one waits here, and counts the first.
    session.execute(select(Account.id).where(Account.id == account.id).with_for_update())
    if len(of(session, account.id)) >= MOST:
        return Refusal.TOO_MANY
    row_id = new_id()
    kept = (
        insert_into(session, Passkey)
        .values(
            id=row_id,
            account_id=account.id,
            credential_id=bytes_to_base64url(made.credential_id),
            public_key=made.credential_public_key,
            sign_count=made.sign_count,
            transports=" ".join(each.value for each in credential.response.transports or ()),
            name=name,
            created_at=now,
        )
        # Registered before, here or for another account: WebAuthn section 7.1 has the ceremony fail.
        .on_conflict_do_nothing()
        .returning(Passkey.id)
    )
    if session.execute(kept).scalar_one_or_none() is None:
        return Refusal.INVALID
    return Verified(row_id, account.id, name)


def sign_in_options(session: Session, *, party: RelyingParty, browser: str, now: datetime) -> dict[str, Any]:
    """What the browser needs to use a passkey: the same for everybody, since it names no account and no key."""
    options = webauthn.generate_authentication_options(
        rp_id=party.id,
        challenge=passkey_challenges.ask(session, browser=browser, purpose=SIGN_IN, now=now),
        timeout=TIMEOUT,
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return _as_json(webauthn.options_to_json(options))


def verify(
    session: Session, answer: str, *, party: RelyingParty, browser: str, now: datetime
) -> Verified | Copied | Refusal:
    """Judge the answer of a passkey: whose it is, that it was asked just now in this browser, and who holds it."""
    challenge = passkey_challenges.spend(session, answer, browser=browser, purpose=SIGN_IN, now=now)
    if challenge is None:
        return Refusal.CHALLENGE
    try:
        credential = parse_authentication_credential_json(answer)
    except _NOT_AN_ANSWER:
        return Refusal.INVALID
    row = _by_credential(session, credential.id)
    if row is None:
        return Refusal.UNKNOWN
    # WebAuthn section 7.2 step 6: without a list of allowed keys, the device must say whose this one is.
    handle = (credential.response.user_handle or b"").decode("ascii", "replace")
    known = _known_handle(session, row.account_id)
    if known is None or not secrets.same(handle, known):
        return Refusal.INVALID
    try:
        proved = webauthn.verify_authentication_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            credential_public_key=row.public_key,
            # The counter is judged below, after the signature: a forged answer must warn nobody.
            credential_current_sign_count=0,
            require_user_verification=True,
        )
    except _NOT_AN_ANSWER:
        return Refusal.INVALID
    if not _count_up(session, row, proved.new_sign_count, now=now):
        return Copied(row.id, row.account_id, row.name)
    return Verified(row.id, row.account_id, row.name)


def rename(session: Session, account_id: str, passkey_id: str, name: str) -> None:
    """Give a passkey of this account another name."""
    session.execute(
        update(Passkey)
        .where(Passkey.id == passkey_id, Passkey.account_id == account_id)
        .values(name=tidy_name(name))
    )


def remove(session: Session, account_id: str, passkey_id: str) -> bool:
    """Remove a passkey of this account; whether it was there."""
    gone = (
        delete(Passkey)
        .where(Passkey.id == passkey_id, Passkey.account_id == account_id)
        .returning(Passkey.id)
        .execution_options(synchronize_session=False)
    )
    return session.execute(gone).scalar_one_or_none() is not None


def remove_all(session: Session, account_id: str) -> int:
    """Remove every passkey of this account, and the handle that devices knew it by; how many there were."""
    session.execute(delete(PasskeyHandle).where(PasskeyHandle.account_id == account_id))
    gone = delete(Passkey).where(Passkey.account_id == account_id).returning(Passkey.id)
    return len(session.execute(gone).all())


def tidy_name(name: str) -> str:
    """A name as it is kept: printable, on one line, of bounded length."""
    printable = "".join(letter if letter.isprintable() else " " for letter in name)
    return " ".join(printable.split())[:LONGEST_NAME].strip()


# What a malformed answer may raise on its way through the library: none of it is an accident of ours.
_NOT_AN_ANSWER = (WebAuthnException, ValueError, TypeError, KeyError, RecursionError)


def _by_credential(session: Session, credential_id: str) -> Passkey | None:
    if len(credential_id) > LONGEST_ID:
        return None
    found = select(Passkey).where(Passkey.credential_id == credential_id)
    return session.execute(found).scalar_one_or_none()


def _count_up(session: Session, row: Passkey, reported: int, *, now: datetime) -> bool:
    """Keep the key's counter, which must rise where the key has one; one UPDATE decides."""
    rises = Passkey.sign_count < reported
    counted = (
        update(Passkey)
        .where(Passkey.id == row.id, or_(rises, Passkey.sign_count == 0) if reported == 0 else rises)
        .values(sign_count=reported, last_used_at=now)
        .returning(Passkey.id)
        .execution_options(synchronize_session=False)
    )
    return session.execute(counted).scalar_one_or_none() is not None


def _handle(session: Session, account_id: str) -> str:
    """The account's handle, made at its first passkey and kept: a device replaces a key of the same handle."""
    session.execute(
        insert_into(session, PasskeyHandle)
        .values(account_id=account_id, handle=secrets.token())
        .on_conflict_do_nothing()
    )
    return _known_handle(session, account_id) or ""


def _known_handle(session: Session, account_id: str) -> str | None:
    found = select(PasskeyHandle.handle).where(PasskeyHandle.account_id == account_id)
    return session.execute(found).scalar_one_or_none()


def _descriptor(row: Passkey) -> PublicKeyCredentialDescriptor:
    transports = [AuthenticatorTransport(word) for word in row.transports.split()]
    return PublicKeyCredentialDescriptor(
        id=base64url_to_bytes(row.credential_id), transports=transports or None
    )


def _as_json(text: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(text)
    return document


def _is_ip(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True

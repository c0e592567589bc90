"""Random values and the vault: keys for one purpose each, seals that open in one place only."""

import re

import pytest

from idp.core import secrets
from idp.core.secrets import BadSeal, Vault


def test_a_token_has_256_random_bits_in_43_url_safe_characters():
    made = {secrets.token() for _ in range(500)}

    assert len(made) == 500
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", token) for token in made)


def test_digits_keep_their_leading_zeros():
    made = [secrets.digits(6) for _ in range(3000)]

    assert all(re.fullmatch(r"[0-9]{6}", code) for code in made)
    assert any(code.startswith("0") for code in made)
    assert {code[0] for code in made} == set("0123456789")


def test_same_compares_any_text():
    assert secrets.same("é\ud800", "é\ud800")
    assert not secrets.same("é", "e")
    assert not secrets.same("", "x")


def test_a_short_root_secret_is_refused():
    with pytest.raises(ValueError, match="32"):
        Vault.from_root("x" * 31)


def test_each_purpose_has_its_own_key(vault):
    assert vault.key("one") != vault.key("two")
    assert len(vault.key("one")) == 32
    assert vault.key("one") == vault.key("one")


def test_another_root_secret_gives_other_keys(vault):
    other = Vault.from_root("another root secret, just as long as it")

    assert vault.key("one") != other.key("one")
    assert vault.mac("one", "x") != other.mac("one", "x")


def test_parts_of_a_mac_cannot_slide(vault):
    assert vault.mac("one", "ab", "c") != vault.mac("one", "a", "bc")
    assert vault.mac("one", "ab") != vault.mac("one", "ab", "")
    assert vault.mac("one", "ab") != vault.mac("two", "ab")


def test_a_seal_opens_for_its_purpose_and_place(vault):
    sealed = vault.seal("mail", b"secret", bound_to="row 1")

    assert b"secret" not in sealed
    assert vault.unseal("mail", sealed, bound_to="row 1") == b"secret"


@pytest.mark.parametrize(("purpose", "place"), [("mail", "row 2"), ("code", "row 1"), ("mail", "")])
def test_a_seal_opens_nowhere_else(vault, purpose, place):
    sealed = vault.seal("mail", b"secret", bound_to="row 1")

    with pytest.raises(BadSeal):
        vault.unseal(purpose, sealed, bound_to=place)


def test_an_altered_or_cut_seal_does_not_open(vault):
    sealed = vault.seal("mail", b"secret")

    for spoilt in (sealed[:-1], b"", b"x", sealed[:12], sealed[:-1] + bytes([sealed[-1] ^ 1]), sealed + b"x"):
        with pytest.raises(BadSeal):
            vault.unseal("mail", spoilt)


def test_the_same_plaintext_is_sealed_differently_each_time(vault):
    assert vault.seal("mail", b"secret") != vault.seal("mail", b"secret")

"""The offline list: what is in it, what it refuses, what it leaves alone."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp.authenticators.blocked_passwords import DEFAULT_LIST, HEADER, BlockedPasswords, entry, packed

BLOCKED = BlockedPasswords()

BAD = (
    "Motdepasse123!", "Azertyuiop123!", "Bonjour12345!", "Soleil2026!!", "P@ssw0rd2024!", "P@$$w0rd1234",
    "M0tdep@sse2024!", "M0tdep4ss3!2024", "Mot-de-passe-2024", "Mot de passe 2024!", "MotDePasse!2026",
    "Azerty123456!", "Qwerty123456!", "Camille12031985!", "Jean-Pierre1975!", "JeanPierre1975!",
    "2024Printemps!", "Printemps2026!", "Automne2025!!", "Septembre2026!", "Marseille13!!", "Marseille13000!",
    "Olympique2024!", "Doudou123456!", "Chouchou2024!", "Loulou1234!!", "Jetaime2024!!", "JeTaime12345!",
    "Monamour2026!", "Mamutuelle2026!", "Remboursement1!", "Bienvenue2026!", "Changezmoi123!",
    "Administrateur1!", "Password1234!", "Welcome2026!!", "Iloveyou1234!", "Superman2024!", "Princesse123!",
    "Soleil1Soleil1", "SoleilSoleil1!", "Liberte1789!!", "France1998!!", "Papillon2024*", "Tournesol12!",
    "Bibliotheque1!", "Vacances2025!", "Été-2026!!Été-2026!!", "Ete2026!!!!!", "Hélène-1985!!",
    "!!Nicolas1234",
    "je t'aime plus que tout au monde", "Un deux trois quatre cinq six sept",
    "lundi mardi mercredi jeudi vendredi samedi dimanche",
)  # fmt: skip

GOOD = (
    "Xk7$mQ2z!LrW9", "Tulipe*Fusee84", "vT9#qLm2&Zp4", "cheval bleu tracteur lune vieux pain rond",
    "Le-train-de-8h12-est-en-retard", "Moulin7&Girafe3", "4Chaises!rouges", "TroisPoules!Sur1Toit",
    "Gr3nouille&Piano", "rJ8-Wq3-Zk5-Tn", "Ma grand-mere cultive 12 tomates", "N'oublie-pas-le-pain-9",
    "Pluie.Velo.42.Ciel", "J'ai mange 3 crepes hier", "kayak-Volcan-1962-brume", "Zebre_Tasse_Nuage_5",
    "&Marmotte9Brioche", "Ecureuil+Tambour27", "wR4!nB8?yC1;", "Sapin8Horloge%", "Trombone!Cactus6",
    "Chat!7$9#2&4?8*", "Bibliotheque!7$9#2&4",
)  # fmt: skip


@pytest.mark.parametrize("password", BAD)
def test_what_everybody_chooses_is_refused(password):
    assert BLOCKED.refuses(password)


@pytest.mark.parametrize("password", GOOD)
def test_what_nobody_else_chooses_is_left_alone(password):
    assert not BLOCKED.refuses(password)


def test_the_list_is_long_and_its_file_is_small():
    assert len(BLOCKED) >= 50_000
    assert DEFAULT_LIST.stat().st_size < 2_000_000


@pytest.mark.parametrize("word", ["123456", "password", "bonjour", "BONJOUR", "hélène", "helene", "dupont"])
def test_passwords_french_words_and_names_are_listed_whatever_their_case_and_accents(word):
    assert BLOCKED.lists(word)


def test_random_passwords_are_never_refused():
    luck = random.Random(20260101)
    alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&*+-=?@_"

    made = ["".join(luck.choices(alphabet, k=12)) for _ in range(3000)]

    assert [password for password in made if BLOCKED.refuses(password)] == []


@given(password=st.text(max_size=300))
def test_any_text_gets_an_answer(password):
    assert BLOCKED.refuses(password) in {True, False}


@given(words=st.sets(st.text(min_size=1, max_size=20).map(str.casefold), min_size=1, max_size=50))
def test_a_list_holds_its_words_and_no_others(words, tmp_path_factory):
    path = tmp_path_factory.mktemp("list") / "blocked.bin"
    path.write_bytes(packed(words))

    listed = BlockedPasswords(path)

    kept = [listed[index] for index in range(len(listed))]
    assert kept == sorted({entry(word) for word in words})
    assert all(listed._holds(word) for word in words)
    assert not listed._holds("not in this list, nor a near one")


def test_the_file_does_not_depend_on_the_order_of_its_words():
    assert packed(["soleil", "bonjour", "soleil"]) == packed(["bonjour", "soleil"])


@pytest.mark.parametrize("content", [b"something else entirely", HEADER + b"12345", HEADER[:8]])
def test_a_damaged_file_stops_the_start(content, tmp_path):
    path = tmp_path / "blocked.bin"
    path.write_bytes(content)

    with pytest.raises(ValueError, match=r"blocked\.bin is not a list"):
        BlockedPasswords(path)

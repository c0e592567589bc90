"""What is accepted as a password, and what is refused with which rule."""

import json
import time
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp.authenticators import password_policy
from idp.authenticators.blocked_passwords import BlockedPasswords
from idp.authenticators.password_policy import SENTENCES, Personal, Profile, Rule, check, describe, strength
from idp.authenticators.password_text import MAXIMUM

BLOCKED = BlockedPasswords()
NOBODY = Personal()
CAMILLE = Personal(
    member_number="0012345",
    access_code="abcdefgh",
    names=("Camille Hélène", "Le Goffic-Martin"),
    email="c.lafleur85@boulangerie-exemple.example.org",
    words=("Mutuelle Horizon",),
)

GOOD = (
    "Xk7$mQ2z!LrW9", "vT9#qLm2&Zp4", "wR4!nB8?yC1;", "rJ8-Wq3-Zk5-Tn", "Tulipe*Fusee84", "Moulin7&Girafe3",
    "4Chaises!rouges", "TroisPoules!Sur1Toit", "Gr3nouille&Piano", "Sapin8Horloge%", "Zebre_Tasse_Nuage_5",
    "&Marmotte9Brioche", "Ecureuil+Tambour27", "Trombone!Cactus6", "Phare49:Miel:Lune", "Pluie.Velo.42.Ciel",
    "kayak-Volcan-1962-brume", "N'oublie-pas-le-pain-9", "J'ai mange 3 crepes hier", "TroisPoules1Toit",
    "Le-train-de-8h12-est-en-retard", "Ma grand-mere cultive 12 tomates",
    "un chat dort sur mon vieux tapis rose",
    "cheval bleu tracteur lune vieux pain rond", "Les 4 moutons de ma voisine !", "Pont€Neige47Rire",
)  # fmt: skip


def broken(password, *, profile=Profile.CNIL_2022, about=NOBODY, accented=False):
    return check(password, profile=profile, about=about, blocked=BLOCKED, accented=accented)


@pytest.mark.parametrize("password", GOOD)
def test_a_good_password_breaks_no_rule(password):
    assert broken(password, about=CAMILLE) == ()


@pytest.mark.parametrize(
    ("password", "rules"),
    [
        ("", (Rule.EMPTY,)),
        ("Xk7$mQ2z!Lr", (Rule.TOO_SHORT,)),  # 11
        ("Xk7$mQ2z!Lrw", ()),  # 12 with four classes
        ("Xk7mQ2zpLrwY8", (Rule.COMPOSITION,)),  # 13 with three
        ("Xk7mQ2zpLrwY8v", ()),  # 14 with three
        ("xk7mq2zplrwy8vb", (Rule.COMPOSITION,)),  # 15 with two
        ("xk7mq", (Rule.TOO_SHORT, Rule.COMPOSITION)),
        ("tasse nuage chaise velo pain lune", (Rule.COMPOSITION,)),  # six words
        ("tasse nuage chaise velo pain lune pont", ()),  # seven
        ("a b c d e f g h i j k l", (Rule.COMPOSITION, Rule.TRIVIAL)),  # letters are not words
        ("Xk7 mQ2 zpLrw", (Rule.COMPOSITION,)),  # a space is no special character
    ],
)
def test_the_cnil_profile_counts_characters_classes_and_words(password, rules):
    assert broken(password) == tuple(rule for rule in Rule if rule in rules)


@pytest.mark.parametrize(
    ("password", "rules"),
    [
        ("xkvmqrzplrwyt", (Rule.TOO_SHORT,)),
        ("xkvmqrzplrwytb", (Rule.TOO_SHORT,)),  # 14
        ("xkvmqrzplrwytbn", ()),  # 15 small letters
        ("tasse nuage velo", ()),
    ],
)
def test_the_length_profile_has_no_rule_of_composition(password, rules):
    assert broken(password, profile=Profile.LENGTH_FIRST) == rules


@pytest.mark.parametrize("profile", Profile)
@pytest.mark.parametrize("password", ["Xk7$mQ2é!LrW9tbn", "Xk7$mQ2e\u0301!LrW9tbn", "Xk7$mQ2ж!LrW9tbn"])
def test_accented_letters_are_refused_unless_configured(profile, password):
    refused = broken(password, profile=profile)
    accepted = broken(password, profile=profile, accented=True)

    assert refused == (Rule.ACCENTED,)
    assert accepted == ()


@pytest.mark.parametrize(
    "hidden", ["\x00", "\t", "\n", "\x7f", "\u200b", "\u202e", "\udcff", "\u2028", "\ue000"]
)
def test_a_character_that_no_one_can_see_is_refused_with_one_rule(hidden):
    assert broken(f"Xk7$mQ2{hidden}z!LrW9") == (Rule.UNREADABLE,)


@pytest.mark.parametrize(
    "password",
    [
        "Xk7$0012345!LrW",  # the number
        "Xk7$12345!LrWqz",  # without its zeros
        "Xk7$ABCDEFGH!rW",  # the code
        "Xk7$ab-cd-ef-gh!rW",  # with signs between
        "Xk7$Camille!LrW9",
        "Xk7$Helene!LrW94",  # of Hélène
        "Xk7$H3l3n3!LrW94",  # with digits for letters
        "Xk7$GOFFIC!LrW94",
        "Xk7$legofficmartin!LrW94",
        "Xk7$Lafleur!LrW9",  # of the address
        "Xk7$Boulangerie!rW9",
        "Xk7$Horizon!LrW9",
    ],
)
def test_what_others_know_of_the_member_is_refused(password):
    assert Rule.PERSONAL in broken(password, about=CAMILLE)
    assert Rule.PERSONAL not in broken(password, about=NOBODY)


def test_short_names_and_the_end_of_the_domain_are_not_searched():
    about = Personal(member_number="1234567", names=("Léa", "Le Roy"), email="lea@exemple.info")

    assert broken("Oleander7$Royaltiinfo", about=about) == ()
    assert broken("Oleander7$Leroybtqz", about=about) == (Rule.PERSONAL,)


@pytest.mark.parametrize(
    "password",
    [
        "aaaaaaaaaaaa", "azertyuiop12", "123456789012", "Aaaaaaaaaa1!", "Aa1!Aa1!Aa1!", "Abcdef123456!",
        "AZERTYuiop123!", "1Qaz2Wsx3Edc!", "98765432101234!", "1-2-3-4-5-6-7-8-A",
        "soleil soleil soleil soleil soleil soleil soleil",
        "bla bla bla bla bla bla bla bla", "tasse pont tasse pont tasse pont tasse", "Xk7$mQXk7$mQXk7$mQ",
    ],
)  # fmt: skip
def test_repetitions_and_walks_on_the_keyboard_are_trivial(password):
    assert Rule.TRIVIAL in broken(password)


@pytest.mark.parametrize("profile", Profile)
def test_128_characters_are_accepted_and_129_are_not(profile):
    longest = ("Xk7$mQ2z!LrW9tasse-nuage&velo" * 5)[:MAXIMUM]
    longest = longest[:60] + "Pain(lune)8" + longest[71:]

    assert broken(longest[:40] + "hZ4?vP" + longest[46:], profile=profile) == ()
    assert broken(longest + "x", profile=profile) == (Rule.TOO_LONG,)


def test_the_bound_is_counted_after_normalisation():
    composed_to_96 = "Xk7$mQ2z!LrWe\u0301" * 8
    expanded_to_many = "\ufdfa" * 40  # one code point, eighteen characters in NFKC

    assert Rule.TOO_LONG not in broken(composed_to_96, accented=True)
    assert broken(expanded_to_many, accented=True) == (Rule.TOO_LONG,)


def test_a_huge_password_is_refused_at_once():
    began = time.perf_counter()

    assert broken("a\u0301\u0327" * 2_000_000) == (Rule.TOO_LONG,)

    assert time.perf_counter() - began < 0.5


@given(password=st.text(max_size=300), profile=st.sampled_from(Profile), accented=st.booleans())
def test_any_text_gets_an_answer(password, profile, accented):
    rules = broken(password, profile=profile, about=CAMILLE, accented=accented)

    assert all(rule in Rule for rule in rules)
    assert rules or len(password) >= 3  # a ligature may stand for many letters, never for nothing


@given(password=st.text(st.characters(categories=["Cs", "Cc", "Lu", "Ll", "Nd", "So", "Mn"]), max_size=600))
def test_surrogates_controls_and_marks_never_crash(password):
    broken(password, about=CAMILLE, accented=True)
    strength(password, CAMILLE)


@given(name=st.text(max_size=40), email=st.text(max_size=60), number=st.text(max_size=12))
def test_any_register_gets_an_answer(name, email, number):
    about = Personal(member_number=number, access_code=name, names=(name,), email=email)

    broken("Xk7$mQ2z!LrW9", about=about)
    strength("Xk7$mQ2z!LrW9", about)


@pytest.mark.parametrize("profile", Profile)
def test_the_rules_are_told_in_french_and_as_json(profile):
    rules = [asdict(rule) for rule in describe(profile)]

    assert json.loads(json.dumps(rules)) == rules
    assert {"no-accents", "personal", "trivial", "common"} <= {rule["id"] for rule in rules}
    assert any(str(password_policy.numbers(profile)["minimum"]) in rule["text"] for rule in rules)
    assert str(MAXIMUM) in rules[0]["text"]


def test_the_rule_of_accents_is_told_only_while_it_holds():
    assert "no-accents" not in {rule.id for rule in describe(Profile.CNIL_2022, accented=True)}


def test_the_listed_numbers_are_the_ones_that_are_checked():
    ids = {rule.id for profile in Profile for rule in describe(profile)}
    cnil = password_policy.numbers(Profile.CNIL_2022)
    first = password_policy.numbers(Profile.LENGTH_FIRST)

    assert {f"length-{cnil['minimum']}", f"length-{cnil['fewer_classes_from']}"} <= ids
    assert {f"words-{cnil['passphrase_words']}", f"length-{first['minimum']}"} <= ids


def test_every_rule_has_a_sentence_that_says_how_to_mend_it():
    assert set(SENTENCES) == set(Rule)
    assert all(sentence.endswith(".") for sentence in SENTENCES.values())


@pytest.mark.parametrize(
    ("password", "least", "most"),
    [
        ("", 0, 0),
        ("azerty", 0, 0),
        ("motdepasse", 0, 1),
        ("M0td3passe", 0, 1),
        ("aaaaaaaaaaaaaaaaaaaaaaaa", 0, 0),
        ("lafleur85", 0, 1),
        ("Soleil2026", 0, 2),
        ("Xk7$mQ2z!LrW9", 4, 4),
        ("cheval bleu tracteur lune vieux pain rond", 4, 4),
    ],
)
def test_strength_knows_french_words_and_the_member(password, least, most):
    assert least <= strength(password, CAMILLE) <= most


@pytest.mark.parametrize(
    "piece",
    [
        "a", "ab", "0112", "4@8({[<36911!|0$5+7%2", "aabbaabbc", "1/1/91-", "abacabadabacaba", "motdepasse",
        "İß", "\ud800",
    ],
)  # fmt: skip
def test_strength_takes_a_bounded_time_on_hostile_input(piece):
    strength("warm", NOBODY)
    hostile = (piece * MAXIMUM)[:MAXIMUM]

    # Some 30 ms on the thread's own clock; zxcvbn alone takes two seconds for the worst. Between the two there is room
    # for a slow machine.
    assert min(_seconds(hostile) for _ in range(5)) < 0.3


def _seconds(password):
    began = time.thread_time()
    strength(password, CAMILLE)
    return time.thread_time() - began


def test_the_longest_password_is_told_as_it_is():
    told = [SENTENCES[Rule.TOO_LONG], *(describe(profile)[0].text for profile in Profile)]

    assert [str(MAXIMUM) in text for text in told] == [True] * len(told)

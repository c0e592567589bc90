"""A mutual's own words: at known places only, as plain text, in the language of the reader."""

import re
import shutil
from pathlib import Path

import pytest

from idp.core.spaces import BadSpace, Space, Spaces
from idp.core.wordings import LONGEST, Wording

ROOT = Path(__file__).parents[3]
SHIPPED = ROOT / "config" / "spaces"
TEMPLATES = [*ROOT.glob("idp/**/templates/**/*.html"), *ROOT.glob("idp/core/mails/*.jinja")]
PLACE = re.compile(r'own_words\("(\w+)", locale\)')


@pytest.fixture
def say(tmp_path):
    """The space with these lines at the end of its file."""

    def read(lines: str) -> Space:
        shutil.rmtree(tmp_path / "spaces", ignore_errors=True)
        shutil.copytree(SHIPPED, tmp_path / "spaces")
        path = tmp_path / "spaces" / "adherent" / "space.toml"
        path.write_text(path.read_text().partition("# What this mutual says")[0] + lines)
        return Spaces.read(tmp_path / "spaces")["adherent"]

    return read


def test_words_are_said_in_their_language_and_only_there(say):
    space = say('[words.fr]\nsign_in_lead = "Bonjour à tous"\n[words.en]\nhelp_intro = "Hello"\n')

    assert space.own_words("sign_in_lead", "fr") == "Bonjour à tous"
    assert space.own_words("sign_in_lead", "fr-CA") == "Bonjour à tous"
    assert space.own_words("sign_in_lead", "en") == ""
    assert space.own_words("help_intro", "en_GB") == "Hello"
    assert space.own_words("help_intro", "fr") == ""
    # A language that we do not speak is answered in French.
    assert space.own_words("sign_in_lead", "de") == "Bonjour à tous"


def test_french_words_never_part_from_their_punctuation(say):
    space = say('[words.fr]\nhelp_intro = "Une question ? Voyez « Aide » : elle répond"\n')

    assert space.own_words("help_intro", "fr") == (
        "Une question\u00a0? Voyez «\u00a0Aide\u00a0»\u00a0: elle répond"
    )


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ('[words.fr]\nsign_in_led = "x"', "the nearest known one is words.fr.sign_in_lead"),
        ('[words.de]\nsign_in_lead = "x"', "unknown key words.de; the nearest known one is words."),
        ('[words.fr]\nhelp_intro = "<b>gras</b>"', "words.fr.help_intro: must be plain text"),
        ('[words.fr]\nhelp_intro = "a&nbsp;b"', "must be plain text"),
        ('[words.fr]\nmail_footer = "Voir https://example.org"', "must not hold a link"),
        ('[words.fr]\nmail_footer = "123456"', "must hold words"),
        ('[words.fr]\nmail_footer = ""', "must hold words"),
        ('[words.fr]\nmail_footer = "un\\ndeux"', "must be one line"),
        ('[words.fr]\nmail_footer = "retourn\\u202eé"', "must be one line"),
        (f'[words.en]\nmail_footer = "{"x" * (LONGEST + 1)}"', "at most 300 characters"),
        ("[words.fr]\nmail_footer = 3", "words.fr.mail_footer"),
    ],
)  # fmt: skip
def test_a_place_that_does_not_exist_or_words_that_do_not_fit_are_refused(say, lines, told):
    with pytest.raises(BadSpace) as refused:
        say(lines)

    assert str(refused.value).startswith("P-9003: ")
    assert "adherent/space.toml" in str(refused.value)
    assert told in str(refused.value)


def test_templates_name_every_place_and_no_other():
    named = {place for path in TEMPLATES for place in PLACE.findall(path.read_text(encoding="utf-8"))}

    assert named == set(Wording.model_fields)


def test_a_place_that_is_misspelt_in_a_template_is_an_error(say):
    with pytest.raises(AttributeError):
        say("").own_words("sign_in_led", "fr")

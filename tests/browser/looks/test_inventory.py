"""The inventory forgets no page: what it shows is compared with what the provider has."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from idp.core.errors import CATALOGUE
from tests.browser.looks.inventory import SCENES
from tests.browser.looks.look import Look
from tests.browser.looks.scenes import Scene
from tests.browser.looks.world import ROOT, World

pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.xdist_group("demo"),
    pytest.mark.timeout(300),
]
LookAt = Callable[[Scene], Look]
FOLDERS = tuple(ROOT / "idp" / name / "templates" for name in ("web", "oidc", "admin"))
# What other templates are made of.
PIECES = {"base.html", "kit.html", "paire.html", "admin/_parts.html"}
# Addresses that answer a browser with something else than a page of their own.
NO_PAGE = (
    r"/captcha/.*|/theme/.*|/static/.*|/\.well-known/.*|/admin/api/.*|/api/.*"
    r"|/compte/donnees\.json|/oauth2/(jwks\.json|userinfo|authorize/suite|end_session)"
)
# What no member reads: the command line says it, or nothing raises it yet; and what needs a domain name to be seen
# (tests/browser/test_passkeys.py) or an account of staff.
NO_PAGE_YET = {"P-4003", "P-6401", "P-6404"}


def test_every_template_is_shown(look: LookAt):
    shown = {name for scene in SCENES for name, _context in look(scene).served.templates}
    there = {path.relative_to(folder).as_posix() for folder in FOLDERS for path in folder.rglob("*.html")}
    assert there - PIECES == shown


@pytest.mark.parametrize(
    ("template", "variable"),
    [
        ("activer.html", "mode"),
        ("invitation.html", "mode"),
        ("deconnexion.html", "mode"),
        ("connexion_bloquee.html", "reason"),
        ("connexion_alerte.html", "mode"),
        ("connexion_sans_email.html", "mode"),
        ("pas_moi.html", "mode"),
        ("connexion_fermeture.html", "mode"),
        ("compte_adresse_lien.html", "mode"),
        ("compte_fermer.html", "mode"),
        ("validation.html", "delivery"),
        ("mot_de_passe_nouveau.html", "mode"),
        ("adresse_valider.html", "mode"),
        ("adresse_validation.html", "delivery"),
        ("adresse_faite.html", "state"),
    ],
)
def test_every_mode_of_a_template_is_shown(look: LookAt, template: str, variable: str):
    shown = {
        str(context.get(variable))
        for scene in SCENES
        for name, context in look(scene).served.templates
        if name == template
    }
    (path,) = [folder / template for folder in FOLDERS if (folder / template).exists()]
    text = path.read_text(encoding="utf-8")
    written = set(re.findall(rf'{variable} == "([^"]+)"', text))
    assert written <= shown


def test_every_address_of_a_page_is_shown(look: LookAt, world: World):
    shown = {look(scene).served.rule for scene in SCENES}
    pages = {
        rule.rule
        for rule in world.app.url_map.iter_rules()
        if "GET" in rule.methods and not re.fullmatch(NO_PAGE, rule.rule)
    }
    assert pages - shown == set()


def test_every_failure_that_a_member_can_read_is_shown(look: LookAt):
    shown = {look(scene).number for scene in SCENES} - {""}
    told = {number for number, entry in CATALOGUE.items() if entry.member}
    assert told - NO_PAGE_YET == shown


def test_names_and_captions_are_unlike(world: World):
    names = [scene.name for scene in SCENES]
    captions = [scene.caption for scene in SCENES]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z0-9-]+", name) for name in names)
    assert all(caption.endswith((".", ").")) for caption in captions)
    assert Path(world.settings.spaces_dir).is_dir()

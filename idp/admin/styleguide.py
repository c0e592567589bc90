"""`/admin/styleguide`: the components of the pages in each of their states, drawn by the pages' own macros."""

from datetime import timedelta

from flask import Blueprint, Response
from wtforms import BooleanField, Form, PasswordField, StringField

from idp.admin import tokens
from idp.authenticators import password_policy
from idp.authenticators.password_policy import Profile, RuleText
from idp.captcha.guard import Guard
from idp.core.errors import CATALOGUE, Problem
from idp.core.themes import theme_css
from idp.web.kit import Kit, Visit
from idp.web.templates import FOLDER

PATH = "/admin/styleguide"
FOUNDATIONS = f"{PATH}/fondations"
A_WAIT = timedelta(seconds=45)
TRUSTED_FOR = timedelta(days=90)
SIZES = ("small", "large", "h2", "h1")
STEPS = ("s1", "s2", "s3", "s4", "s5", "s6", "s7")
ROUNDS = ("round", "round-large")
NO_SUCH_KEY = CATALOGUE["P-6401"].member


class Samples(Form):
    """One field of each kind; the words are those of the pages."""

    email = StringField("Adresse email")
    member_number = StringField("Numéro d'adhérent")
    code = StringField("Entrez le code")
    password = PasswordField("Choisissez votre mot de passe")
    remember = BooleanField("Se souvenir de moi")
    captcha = StringField("Recopiez les caractères de l’image, ou les chiffres de l’audio")


WRONG = {
    "email": "Cette adresse email n’est pas complète. Vérifiez-la, par exemple : bonjour@example.org.",
    "code": "Ce code n’est pas le bon. Vérifiez-le dans le dernier email reçu.",
    "password": "Ce mot de passe est trop court : ajoutez des mots ou des signes.",
    "remember": "Pour créer votre compte, acceptez les conditions générales d’utilisation.",
}


def blueprint(kit: Kit, captcha: Guard) -> Blueprint:
    """The components and their foundations, on installations for development only (P-4004 elsewhere)."""
    pages = Blueprint("styleguide", __name__, template_folder="templates")

    def components(visit: Visit) -> Response:
        _enter(visit)
        if visit.request.method == "POST":
            # The forms are there to be looked at.
            return visit.see_other(PATH)
        return _components(visit, captcha)

    def foundations(visit: Visit) -> Response:
        _enter(visit)
        return _foundations(visit)

    kit.add_page(pages, PATH, components)
    kit.add_page(pages, FOUNDATIONS, foundations, post=False)
    kit.limit_pages(pages)
    return pages


def _enter(visit: Visit) -> None:
    if not visit.kit.settings.is_development:
        raise Problem("P-4004", detail="the style guide is shown in development only")
    visit.space = visit.kit.spaces.get(visit.request.args.get("espace", "")) or visit.space


def _components(visit: Visit, captcha: Guard) -> Response:
    today = visit.now.date()
    device = {
        "id": "one",
        "name": visit.device_name,
        "first_used": today,
        "last_used": today,
        "until": today + TRUSTED_FOR,
    }
    return visit.page(
        "admin/styleguide.html",
        spaces=list(visit.kit.spaces),
        plain=Samples(prefix="plain-"),
        filled=_filled(),
        wrong=_wrong(),
        rules=_rules(visit),
        captcha=captcha.offer(visit, back=PATH),
        wait=A_WAIT.total_seconds(),
        today=today,
        device_name=visit.device_name,
        devices=[device | {"current": True}, device | {"current": False}],
        now=visit.now,
        passkey={"answer_url": PATH, "options_url": PATH, "refused": visit.say(NO_SUCH_KEY)},
        confirming=Samples(prefix="app-"),
        app={"picture": "", "address": PATH, "secret": ["ABCD", "EFGH", "2345"]},
    )


def _foundations(visit: Visit) -> Response:
    sheet = (FOLDER / "static" / "parvis.css").read_text(encoding="utf-8")
    theme = theme_css(visit.space.colours)
    light = tokens.light_of(sheet) | tokens.light_of(theme)
    dark = tokens.dark_of(sheet) | tokens.dark_of(theme)
    return visit.page(
        "admin/fondations.html",
        spaces=list(visit.kit.spaces),
        swatches=tokens.swatches(light, dark),
        sizes=[(name, light[name]) for name in SIZES],
        steps=[(name, light[name]) for name in STEPS],
        rounds=[(name, light[name]) for name in ROUNDS],
    )


def _rules(visit: Visit) -> list[RuleText]:
    rules = password_policy.describe(Profile(visit.kit.settings.password.profile))
    return [RuleText(rule.id, visit.say(rule.text)) for rule in rules]


def _filled() -> Samples:
    typed = {"email": "bonjour@example.org", "member_number": "1234567", "remember": True}
    return Samples(prefix="filled-", data=typed)


def _wrong() -> Samples:
    form = Samples(prefix="wrong-", data={"email": "bonjour@example"})
    for name, sentence in WRONG.items():
        form[name].errors = [sentence]
    return form

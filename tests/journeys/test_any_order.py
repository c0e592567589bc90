"""Every form, in any order, repeated, empty, from other tabs and other browsers: nobody gets in without proofs."""

import os
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from idp.authenticators.email_code import Transaction
from idp.enrolment import activation_views
from idp.login.journey import Rule, StepName
from idp.sessions import assurance
from idp.subjects import accounts
from tests.support.any_order_world import (
    CALLBACK,
    CAMILLE,
    LOU,
    MAILBOXES,
    NEW_PASSWORD,
    NOEL,
    PEOPLE,
    POST,
    SERVICES,
    World,
)
from tests.support.people import Person
from tests.support.proof_model import Mail, Violation
from tests.support.surfing import Form

# `ANY_ORDER_STORIES=5000 pytest tests/journeys/test_any_order.py` runs for longer, with another seed each time.
STORIES = int(os.environ.get("ANY_ORDER_STORIES", "0"))
BUDGET = settings(
    max_examples=STORIES or 8,
    stateful_step_count=20,
    derandomize=not STORIES,
    database=None,
    deadline=None,
    phases=(Phase.generate, Phase.shrink) if STORIES else (Phase.generate,),
    suppress_health_check=list(HealthCheck),
    report_multiple_bugs=False,
)
pytestmark = [pytest.mark.settings(captcha={"login": "off"}), pytest.mark.timeout(3600 if STORIES else 120)]

# What no browser's form leads to, and why it is left to other tests.
OF_MACHINES = {
    "/oauth2/token": "clients redeem with their own proofs (tests/protocol)",
    "/oauth2/userinfo": "clients present tokens (tests/protocol)",
    "/oauth2/revoke": "clients (tests/protocol)",
    "/oauth2/introspect": "clients (tests/protocol)",
    "/oauth2/par": "clients (tests/protocol)",
    "/oauth2/register": "clients (tests/protocol)",
    "/admin/styleguide": "shows the components, knows nobody",
}
ASKED = {
    "response_type": "code",
    "client_id": "carnet",
    "redirect_uri": CALLBACK,
    "scope": "openid",
    "state": "s",
    "nonce": "n",
    "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    "code_challenge_method": "S256",
}
# The fields of each form, as the outer interface names them. A form that is missing here fails the test.
FIELDS = {
    "/langue": ("language", "back"),
    "/captcha/change": ("captcha_id", "suite"),
    "/connexion": ("i", "identifier", "password", "remember"),
    "/connexion/<step>": (
        "i", "identifier", "password", "code", "trust", "access_code", "password_confirm", "keep_password",
    ),
    "/connexion/<step>/renvoyer": ("i",),
    "/connexion/annuler": ("i",),
    "/connexion/recommencer": ("i",),
    "/inscription": (
        "i", "espace", "member_number", "access_code", "email", "password", "password_confirm", "terms",
        "captcha_id", "captcha",
    ),
    "/inscription/renvoyer": ("i",),
    "/inscription/corriger": ("i", "email"),
    "/inscription/activer/<token>": ("password",),
    "/inscription/recommencer/<token>": (),
    "/inscription/code": ("i", "code"),
    "/connexion/cle": ("i", "credential"),
    "/connexion/cle/options": ("i",),
    "/connexion/cle/nouvelle": ("i", "credential", "name"),
    "/connexion/cle/nouvelle/options": ("i",),
    "/connexion/fermeture": ("i",),
    "/acces-perdus/code": (
        "i", "family_name", "given_name", "birth_date", "member_number", "captcha_id", "captcha",
    ),
    "/mot-de-passe-oublie": ("i", "identifier", "captcha_id", "captcha"),
    "/mot-de-passe-oublie/code": ("i", "code"),
    "/mot-de-passe-oublie/renvoyer": ("i",),
    "/mot-de-passe/nouveau": (
        "i", "password", "password_confirm", "access_code", "mailbox", "email", "shown",
    ),
    "/mot-de-passe/nouveau/<token>": ("i", "password", "password_confirm", "access_code"),
    "/adresse-perdue": ("i", "member_number", "access_code", "email", "captcha_id", "captcha"),
    "/adresse-perdue/code": ("i", "code"),
    "/adresse-perdue/renvoyer": ("i",),
    "/adresse-perdue/valider/<token>": ("i", "member_number"),
    "/adresse-perdue/lettre": ("i", "member_number", "access_code", "code", "captcha_id", "captcha"),
    "/ce-n-est-pas-moi/<token>": ("member_number", "access_code"),
    "/invitation": ("code", "member_number", "captcha_id", "captcha"),
    "/invitation/<token>": ("member_number", "email", "password", "password_confirm", "terms", "code"),
    "/compte/alerte": ("access_code", "member_number"),
    "/compte/appareils/supprimer": ("device",),
    "/compte/connexions/fermer": ("session",),
    "/compte/services/retirer": ("service",),
    "/compte/mot-de-passe": ("current_password", "password", "password_confirm"),
    "/compte/adresse": ("email", "current_password"),
    "/compte/adresse/validation": ("code",),
    "/compte/adresse/renvoyer": (),
    "/compte/adresse/annuler": (),
    "/compte/adresse/<token>": ("member_number",),
    "/compte/fermer": ("current_password",),
    "/compte/securite/application": ("code", "current_password"),
    "/compte/securite/application/commencer": (),
    "/compte/securite/application/retirer": (),
    "/compte/securite/codes": (),
    "/compte/securite/cle/nouvelle": ("name", "credential"),
    "/compte/securite/cle/nouvelle/options": (),
    "/compte/securite/cle/<key_id>": ("name",),
    "/compte/securite/cle/<key_id>/retirer": (),
    "/oauth2/authorize": (*ASKED,),
    "/consentement": ("i", "consent", "shown"),
    "/oauth2/end_session": ("client_id", "state"),
    "/deconnexion": (),
}  # fmt: skip
ROUTES = sorted(FIELDS)
STEPS = [step.value for step in StepName]
PLACES = (
    "/",
    "/connexion",
    "/inscription",
    "/inscription/validation",
    "/inscription/code",
    "/compte",
    "/deconnexion",
    "/acces-perdus",
    "/aide",
    "/compte/mot-de-passe",
    "/compte/adresse",
)
LOST = (
    "/mot-de-passe-oublie",
    "/mot-de-passe-oublie",
    "/adresse-perdue",
    "/adresse-perdue/lettre",
    "/acces-perdus/code",
)
PAUSES = [timedelta(**parts) for parts in (
    {"seconds": 61}, {"minutes": 6}, {"minutes": 11}, {"minutes": 31}, {"hours": 25}, {"hours": 73},
    {"days": 22}, {"days": 91},
)]  # fmt: skip
# Where a run of the machine must have been, to have tried anything.
MILESTONES = {"a session by code", "an account by enrolment", "a changed account"}
# What may be wrong with one field of a form.
MESSES = ("absent", "empty", "wrong", "another's", "stale", "foreign")
SIDE_FORMS = ("/langue", "/captcha/change", "/connexion/annuler", "/connexion/recommencer")
FAMILY = (CAMILLE, CAMILLE, LOU, NOEL)

people = st.sampled_from(PEOPLE)
browsers = st.sampled_from(("family", "family", "stranger"))
few = st.integers(0, 4)


class AnyOrder(RuleBasedStateMachine):
    """A family at its computer, a stranger who knows their numbers, passwords and papers, and a mail scanner."""

    world: World

    @initialize(
        family=st.sampled_from(FAMILY), stranger=people, first=st.integers(0, 6), then=st.integers(0, 4)
    )
    def morning(self, family: Person, stranger: Person, first: int, then: int) -> None:
        """Some stories begin with the family signed in, on a device that it trusts."""
        self.world.begin()
        self.person = {"family": family, "stranger": stranger}
        self._goes_on("family", first)
        self._goes_on("stranger", then)

    # What people do.
    @rule(who=browsers, person=people, where=st.sampled_from(PLACES), then=few)
    def another_sits_down(self, who: str, person: Person, where: str, then: int) -> None:
        self.person[who] = person
        self.world.get(who, where)
        self._goes_on(who, then)

    @rule(who=browsers, where=st.sampled_from(PLACES), then=few)
    def opens(self, who: str, where: str, then: int) -> None:
        self.world.get(who, where)
        self._goes_on(who, then)

    @rule(who=browsers, what=st.sampled_from(LOST), then=st.integers(1, 4))
    def has_lost_something(self, who: str, what: str, then: int) -> None:
        if self.world.has(what):
            self.world.get(who, what)
            self._goes_on(who, then)

    @rule(who=browsers, service=st.sampled_from(SERVICES), then=few)
    def comes_from_a_service(self, who: str, service: str, then: int) -> None:
        self.world.get(who, f"/oauth2/authorize?{urlencode({**ASKED, 'client_id': service})}")
        self._goes_on(who, then)

    @rule(who=browsers, number=few, then=few)
    def opens_a_mail(self, who: str, number: int, then: int) -> None:
        links = self._links(who)
        if links:
            self.world.get(who, links[number % len(links)])
            self._goes_on(who, then)

    @rule(who=browsers, tab=few, then=st.integers(1, 5))
    def goes_on(self, who: str, tab: int, then: int) -> None:
        self._goes_on(who, then, tab=tab)

    def _goes_on(self, who: str, times: int, *, tab: int = 0) -> None:
        """What the page asks for, as well as this browser can."""
        for _ in range(times):
            form, page = self._main_form(who, tab), self.world.browsers[who].page
            if page is not None and page.path == "/inscription/validation" and self._links(who):
                self.world.get(who, self._links(who)[0])
            elif form is not None:
                self.world.post(who, form.action, self._filled(who, form))
            else:
                has_account = any(
                    seen.number == self.person[who].number for seen in self.world.model.accounts.values()
                )
                self.world.get(who, "/connexion" if has_account else "/inscription")

    @rule(who=browsers, tab=few, number=few, mess=st.sampled_from(MESSES), which=few)
    def sends_an_odd_form(self, who: str, tab: int, number: int, mess: str, which: int) -> None:
        tabs = self.world.browsers[who].tabs
        forms = tabs[tab % len(tabs)].forms if tabs else []
        if forms:
            form = forms[number % len(forms)]
            fields = self._filled(who, form)
            names = sorted(fields)
            self._spoil(who, fields, names[which % len(names)], mess)
            self.world.post(who, form.action, fields)

    @rule(who=browsers, routes=st.lists(st.sampled_from(ROUTES), min_size=1, max_size=6), number=few)
    def fires(self, who: str, routes: list[str], number: int) -> None:
        """Forms that no page of this browser need hold, with values from wherever."""
        if not self.world.browsers[who].csrf():
            self.world.get(who, "/connexion")
        for route in filter(self.world.has, routes):
            form = Form(self._address(who, route, number), dict.fromkeys(("csrf_token", *FIELDS[route]), ""))
            form.fields["csrf_token"] = self.world.browsers[who].csrf()
            if "i" in form.fields:
                form.fields["i"] = self._handle(who if number else "family", number)
            self.world.post(who, form.action, self._filled(who, form), follow=False)

    @rule(then=st.integers(1, 3))
    def the_stranger_signs_in_as_the_family_does(self, then: int) -> None:
        """They know the password, and hope that the code which the family gets is typed for them."""
        self.person["stranger"] = self.person["family"]
        for who in ("family", "stranger"):
            self.world.get(who, "/connexion")
            self._goes_on(who, 1)
        self._goes_on("family", then)

    @rule(who=browsers)
    def sends_it_again(self, who: str) -> None:
        if self._last and self._last[0] == who:
            self.world.post(*self._last)

    @rule(link=few)
    def the_scanner_comes(self, link: int) -> None:
        """It opens a link of a mail and presses every button, a while before the member does."""
        links = self._links("scanner")
        if links:
            self.world.browsers["scanner"].forget()
            for form in self.world.get("scanner", links[link % len(links)])[-1].forms:
                self.world.post("scanner", form.action, form.fields)

    # What happens to them.
    @rule(pause=st.sampled_from(PAUSES), who=browsers, then=few)
    def time_passes(self, pause: timedelta, who: str, then: int) -> None:
        self.world.pass_time(pause)
        self._goes_on(who, then)

    @rule(who=browsers, then=few)
    def all_is_voided(self, who: str, then: int) -> None:
        """By the help desk, say, in the middle of whatever they are doing."""
        self.world.void(self.person[who])
        self._goes_on(who, then)

    @rule(name=st.sampled_from(("session", "browser", "")), then=few)
    def cookies_are_lost(self, name: str, then: int) -> None:
        self.world.browsers["family"].forget(*filter(None, [name]))
        self._goes_on("family", then)

    @rule()
    def the_stranger_sat_here_before(self) -> None:
        """They know the browser cookie, as of any computer that they could use."""
        secret = self.world.browsers["stranger"].cookie("browser")
        if secret is not None:
            self.world.browsers["family"].set_cookie("browser", secret)

    # How forms are filled in.
    @property
    def _last(self) -> tuple[str, str, dict[str, str]] | None:
        return getattr(self, "_sent", None)

    def _mails(self, who: str) -> list[Mail]:
        """The mails that this browser's people can read, the newest first."""
        return [mail for mail in reversed(self.world.model.mails) if mail.to in MAILBOXES[who]]

    def _main_form(self, who: str, tab: int) -> Form | None:
        tabs = self.world.browsers[who].tabs
        forms = tabs[tab % len(tabs)].forms if tabs else []
        main = [
            form
            for form in forms
            if not form.action.startswith(SIDE_FORMS) and "/renvoyer" not in form.action
        ]
        return main[0] if main else None

    def _links(self, who: str) -> list[str]:
        return [link for mail in self._mails(who) for link in mail.links]

    def _filled(self, who: str, form: Form) -> dict[str, str]:
        fields = dict(form.fields)
        for name in fields:
            fields[name] = self._value(who, name, fields, self.person[who], form.action)
        self._sent = (who, form.action, fields)
        return fields

    def _value(self, who: str, name: str, fields: dict[str, str], person: Person, action: str) -> str:
        """What this person types there, or what the page had put there."""
        current = self._password_of(person)
        # A new one where one is asked for, and back again the next time.
        chosen = NEW_PASSWORD if current == person.password else person.password
        changes = action.startswith(("/mot-de-passe/nouveau", "/compte/mot-de-passe", "/connexion/alerte"))
        # A letter's reader says now one thing, now another.
        mailbox = ("present", "asked", "other")[len(self.world.model.history) % 3]
        second = "ailleurs@example.net" if who == "family" else "intrus@example.com"
        if action.startswith("/mot-de-passe"):
            # Besides the one that waits.
            second = "encore@example.net" if who == "family" else "encore@example.com"
        moves = action.startswith(("/adresse-perdue", "/compte/adresse", "/mot-de-passe"))
        typed = {
            "identifier": person.number,
            "member_number": person.number,
            "access_code": person.code,
            "current_password": current,
            **dict.fromkeys(("password", "password_confirm"), chosen if changes else current),
            "email": second if moves or person.email not in MAILBOXES[who] else person.email,
            "code": self._code(who, person, action),
            "captcha": self.world.captcha_answer(fields.get("captcha_id", "")),
            "family_name": person.family_name,
            "given_name": person.given_name,
            "birth_date": "01/02/1950",
            **dict.fromkeys(("terms", "remember"), "y"),
            **dict.fromkeys(("trust", "consent", "keep"), "yes"),
            "device": "all",
            "mailbox": mailbox,
        }
        offered = {"suite": "/connexion", "back": "/connexion", **ASKED}
        return typed.get(name) or fields[name] or offered.get(name, "")

    def _password_of(self, person: Person) -> str:
        known = [seen.password for seen in self.world.model.accounts.values() if seen.number == person.number]
        return known[0] if known else person.password

    def _code(self, who: str, person: Person, action: str) -> str:
        """The newest code that this browser's people can read, whatever it was sent for; or that of a letter."""
        if action.startswith("/adresse-perdue/lettre"):
            known = [letter.code for letter in self.world.model.letters if letter.number == person.number]
            return known[-1] if known and person.number in POST[who] else "0" * 12
        return next((mail.code for mail in self._mails(who) if mail.code), "000000")

    def _spoil(self, who: str, fields: dict[str, str], name: str, mess: str) -> None:
        former = self.world.browsers[who].tabs
        others = self.world.browsers["stranger" if who == "family" else "family"].tabs
        match mess:
            case "absent":
                del fields[name]
            case "empty":
                fields[name] = ""
            case "wrong":
                fields[name] = "no" if name in {"trust", "consent"} else "0000000"
            case "another's":
                other = PEOPLE[(PEOPLE.index(self.person[who]) + 1) % len(PEOPLE)]
                fields[name] = (
                    other.email if name == "identifier" else self._value(who, name, fields, other, "")
                )
                if name == "code":
                    fields[name] = next((mail.code for mail in self._mails(who)[1:] if mail.code), "")
            case "stale" | "foreign":
                pages = former[1:] if mess == "stale" else others
                values = [form.fields[name] for page in pages for form in page.forms if name in form.fields]
                fields[name] = values[-1] if values else ""

    def _handle(self, who: str, number: int) -> str:
        handles = [tab.handle for tab in self.world.browsers[who].tabs if tab.handle]
        return handles[number % len(handles)] if handles else ""

    def _address(self, who: str, route: str, number: int) -> str:
        tokens = [link.rsplit("/", 1)[-1] for link in self._links(who)]
        token = tokens[number % len(tokens)] if tokens else "recopie-de-travers"
        return (
            route.replace("<step>", STEPS[number % len(STEPS)])
            .replace("<token>", token)
            .replace("<key_id>", token)
        )


@pytest.fixture
def world(app, tmp_path):
    world = World(app, tmp_path)
    yield world
    world.end()


def run(world: World, budget: settings = BUDGET) -> None:
    machine = type("AnyOrder", (AnyOrder,), {"world": world})
    run_state_machine_as_test(machine, settings=budget)


def test_nobody_gets_in_without_proofs(world):
    run(world)

    assert sorted(MILESTONES - set(world.reached)) == []


@pytest.mark.parametrize("steps", [0, 2, 4])
def test_every_form_is_fired(world, steps):
    story = type("AnyOrder", (AnyOrder,), {"world": world})()
    story.morning(family=CAMILLE, stranger=LOU, first=steps, then=steps)

    for who in ("family", "stranger"):
        story.fires(who, ROUTES, number=steps)

    posts = {rule.rule for rule in world.app.url_map.iter_rules() if "POST" in rule.methods}
    assert sorted(posts - world.fired - set(OF_MACHINES)) == []


# Faults planted on purpose: the machine finds each one. (What it names is what the stranger or the family got.)
def without_second_step(monkeypatch):
    needed = Rule.needed
    monkeypatch.setattr(
        Rule, "needed", lambda rule, facts: rule.name is not StepName.MAIL_CODE and needed(rule, facts)
    )
    monkeypatch.setattr(assurance, "acr", lambda methods: assurance.TWO_STEPS)


def with_an_epoch_that_never_rises(monkeypatch):
    monkeypatch.setattr(accounts, "raise_epoch", lambda session, account, now: account.epoch)


def with_codes_that_fit_any_sign_in(monkeypatch):
    monkeypatch.setattr(Transaction, "binding", property(lambda transaction: transaction.account.id))


def with_links_that_need_no_password(monkeypatch):
    monkeypatch.setattr(activation_views, "_is_own_browser", lambda visit, enrolment: True)


# The first one is found in a second; the others may take a minute, and wait for the long run.
LONG = pytest.mark.skipif(not STORIES, reason="ANY_ORDER_STORIES is not set")
FAULTS = (
    without_second_step,
    pytest.param(with_an_epoch_that_never_rises, marks=LONG),
    pytest.param(with_codes_that_fit_any_sign_in, marks=LONG),
    pytest.param(with_links_that_need_no_password, marks=LONG),
)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(world, monkeypatch, fault):
    fault(monkeypatch)

    with pytest.raises(Violation):
        run(world, settings(BUDGET, max_examples=500))


def test_a_code_from_a_disowned_mailbox_would_be_found(world, monkeypatch):
    story = type("AnyOrder", (AnyOrder,), {"world": world})()
    story.morning(family=CAMILLE, stranger=LOU, first=0, then=0)
    for page in ("/adresse-perdue", "/adresse-perdue/lettre"):
        world.get("family", page)
        story._goes_on("family", 1)
    form = story._main_form("family", 0)
    world.post("family", form.action, story._filled("family", form) | {"mailbox": "other"})
    assert len(world.model.disowned) == 1
    world.get("family", "/connexion")
    story._goes_on("family", 3)
    assert world.model.sessions == {}

    world.browsers["family"].forget("browser")
    monkeypatch.setattr(accounts.Account, "is_disowned", False)

    world.get("family", "/connexion")
    with pytest.raises(Violation):
        story._goes_on("family", 3)

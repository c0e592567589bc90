"""`parvis mail` on the command line: previews for designers, a trial for operators, the outbox without its secrets."""

import json
import re
import stat
from datetime import timedelta

import pytest
from click.testing import CliRunner
from sqlalchemy import update

from idp.cli import main
from idp.core import mail_catalogue, mail_templates, outbox
from idp.core.clock import SystemClock
from idp.core.mail_templates import Kind
from idp.core.outbox import Channel, OutboxMessage
from idp.core.secrets import Vault
from tests.architecture.tree import ROOT
from tests.support.smtp import Fault, ScriptedSmtp, free_port, silent_server

SECRET = "a root secret of the tests, long enough"
ISSUER = "https://id.example"


@pytest.fixture
def parvis(monkeypatch, tmp_path):
    """The command in an empty folder, without secrets or a database."""
    monkeypatch.setenv("PARVIS_ISSUER", ISSUER)
    monkeypatch.setenv("PARVIS_SPACES_DIR", str(ROOT / "config" / "spaces"))
    monkeypatch.setenv("PARVIS_MAIL__TIMEOUT", "500ms")
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object):
        return CliRunner().invoke(main, ["mail", *(str(argument) for argument in arguments)])

    return run


@pytest.fixture
def smtp(monkeypatch):
    with ScriptedSmtp() as server:
        monkeypatch.setenv("PARVIS_MAIL__URL", server.url)
        yield server


@pytest.fixture
def queue(sqlite_database, monkeypatch):
    """Put a mail into the outbox of the database that the command looks at; its number."""
    url = sqlite_database.engine.url.render_as_string(hide_password=False)
    monkeypatch.setenv("PARVIS_DATABASE_URL", url)
    monkeypatch.setenv("PARVIS_SECRET_KEY", SECRET)
    monkeypatch.setenv("PARVIS_PEPPER", "another secret of the tests, long enough")
    vault = Vault.from_root(SECRET)

    def put(cause, *, age=timedelta(0), kind="one-time-code", **facts):
        with sqlite_database.transaction() as session:
            number = outbox.enqueue(
                session, vault=vault, now=SystemClock().now() - age, kind=kind, recipient="camille@example.org",
                context={"code": "482913"}, cause=cause, space="adherent", locale="fr",
            )  # fmt: skip
            session.execute(
                update(OutboxMessage).where(OutboxMessage.id == number).values(**(facts or {"lane": ""}))
            )
        return number

    return put


def settle(database, mark, **facts):
    """Let a worker take the one mail that is due, and write down what became of it."""
    now = SystemClock().now()
    with database.transaction() as session:
        (claim,) = outbox.claim_due(session, now=now, limit=1, channel=Channel.MAIL)
        assert mark(session, claim, **facts)


def test_a_preview_needs_a_name_and_nothing_else(parvis):
    run = parvis("preview", "welcome")

    assert run.exit_code == 0, run.output
    assert run.stdout.startswith("Subject: Votre compte est ouvert\n\nBonjour,\n")
    assert f"{ISSUER}/connexion\n" in run.stdout


@pytest.mark.parametrize("kind", Kind)
def test_every_mail_is_found_by_its_kind_and_by_its_everyday_name(kind):
    about = mail_catalogue.ABOUT[kind]

    assert mail_catalogue.find(kind.value) is kind
    assert mail_catalogue.find(about.name) is kind
    assert mail_catalogue.find(f" {about.name.upper().replace(' ', '_')} ") is kind


@pytest.mark.parametrize("kind", Kind)
def test_an_example_has_all_that_a_mail_may_show_but_nothing_that_it_does_not(kind):
    for language in mail_templates.WORDS:
        values = mail_catalogue.sample(kind, language=language, issuer=ISSUER)

        assert set(values) == mail_catalogue.speaks_of(kind)
        assert mail_templates.NEEDED.get(kind, frozenset()) <= set(values)


def test_each_value_of_a_mail_has_its_sentence_in_the_reference():
    assert set(mail_catalogue.VALUES) == {name for kind in Kind for name in mail_catalogue.speaks_of(kind)}


@pytest.mark.parametrize("kind", Kind)
def test_both_languages_of_a_mail_speak_of_the_same(kind):
    texts = [(mail_templates.FOLDER / f"{kind}.{one}.jinja").read_text("utf-8") for one in ("fr", "en")]
    pieces = [
        re.findall(r"\b(say|details|button|quiet_button|code|was_you|not_me|help)\(", text) for text in texts
    ]

    assert pieces[0] == pieces[1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["preview", "welcom"], "the nearest name is 'welcome'"),
        (["preview", "one-time-cod"], "the nearest name is 'one-time-code'"),
        (["preview", "welcome", "--space", "nowhere"], "the spaces are adherent, elu, professionnel, staff"),
        (["preview", "welcome", "--language", "de"], "'fr', 'en'"),
        (["preview", "welcome", "--all", "mails"], "not both"),
        (["test"], "ADDRESS"),
        (["test", "nobody"], "the address is not fit"),
        (["test", "a@example.org\r\nBcc: b@example.org"], "the address is not fit"),
        (["outbox", "--state", "lost"], "'queued'"),
    ],
)
def test_a_wrong_use_ends_with_2_and_says_what_is_known(parvis, tmp_path, arguments, said):
    run = parvis(*arguments)

    assert run.exit_code == 2
    assert said in run.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_preview_is_written_in_the_look_and_language_asked_for(parvis, tmp_path):
    run = parvis("preview", "code", "--html", "--space", "elu", "--language", "en", "--output", "code.html")

    assert (run.exit_code, run.stdout) == (0, "")
    page = (tmp_path / "code.html").read_text("utf-8")
    assert "Your sign-in code" in page
    assert "Espace Élu" in page
    assert 'src="data:image/png;base64,' in page
    assert "cid:" not in page


def test_without_a_name_the_mails_are_listed(parvis):
    listed = parvis("preview").stdout

    assert [line.split()[0] for line in listed.splitlines()] == ["KIND", *(kind.value for kind in Kind)]


def test_all_previews_are_one_folder_with_a_page_to_leaf_through(parvis, tmp_path):
    run = parvis("preview", "--all", "mails")

    assert run.exit_code == 0, run.output
    index = (tmp_path / "mails" / "index.html").read_text("utf-8")
    linked = re.findall(r'href="([^"]+)"', index)
    assert len(linked) == len(Kind) * 2 * 4 * 2
    assert [path for path in linked if not (tmp_path / "mails" / path).stat().st_size] == []
    assert "<script" not in index


def test_a_trial_sends_a_mail_and_tells_what_the_server_said(parvis, smtp):
    smtp.script("KEPT", "250 kept as number 7")

    run = parvis("test", "ops@example.org", "--language", "en", "--space", "elu")

    assert run.exit_code == 0, run.output
    assert [line.split("  ", 1)[0].strip() for line in run.stdout.splitlines() if line[0] != " "] == [
        "ok"
    ] * 5
    assert f"connected to 127.0.0.1:{smtp.port}" in run.stdout
    assert "not protected by TLS: the server is on this host" in run.stdout
    assert "the server took the mail: 250 kept as number 7" in run.stdout
    (received,) = smtp.received
    assert received.to == ("ops@example.org",)
    assert received.message["Subject"] == "Test message"
    assert "Espace Élu" in received.message["From"]
    assert "sending email works" in received.text
    assert "image/png" in [part.get_content_type() for part in received.message.walk()]


@pytest.mark.parametrize(
    ("fault", "said", "advice"),
    [
        (("MAIL", "550 not from you"), "sender ne-pas-repondre@example.org was refused: 550", "mail.sender"),
        (
            ("RCPT", "550 who is that"),
            "recipient ops@example.org was refused: 550 who is that",
            "check the address",
        ),
        (("RCPT", "451 later"), "recipient ops@example.org was refused: 451 later", "try again later"),
        (("KEPT", "554 no thanks"), "refused by the server: 554 no thanks", "its answer says why"),
        (("MAIL", Fault.CUT), "the server closed the connection", "check that the port speaks SMTP"),
        (("RCPT", Fault.HANG), "no answer in time", "mail.timeout"),
    ],
)
def test_a_trial_says_where_it_stopped_and_what_to_do(parvis, smtp, fault, said, advice):
    smtp.script(*fault)

    run = parvis("test", "ops@example.org")

    assert run.exit_code == 1
    failed, todo = run.stdout.splitlines()[-2:]
    assert failed.startswith("failed  ")
    assert said in failed
    assert advice in todo


def test_a_trial_says_what_is_wrong_with_the_address_of_the_server(parvis, smtp, monkeypatch):
    def last(url):
        monkeypatch.setenv("PARVIS_MAIL__URL", url)
        run = parvis("test", "ops@example.org")
        assert run.exit_code == 1, run.output
        return run.output

    assert "nothing listens there" in last(f"smtp://127.0.0.1:{free_port()}")
    assert "no agreement with the server" in last(f"smtps://127.0.0.1:{smtp.port}")
    assert "does not offer what mail.url asks for" in last(f"smtp+starttls://127.0.0.1:{smtp.port}")
    assert "does not offer what mail.url asks for" in last(f"smtp://ops:hunter2@127.0.0.1:{smtp.port}")
    assert "hunter2" not in last(f"smtp://ops:hunter2@127.0.0.1:{smtp.port}")
    assert "P-9001" in last("http://127.0.0.1")
    with silent_server() as url:
        assert "no answer in time" in last(url)


def test_a_trial_leaves_a_file_when_mails_go_to_a_folder(parvis, tmp_path, monkeypatch):
    monkeypatch.setenv("PARVIS_MAIL__URL", f"file://{tmp_path}/out")

    run = parvis("test", "ops@example.org")

    assert (run.exit_code, f"written to the folder {tmp_path}/out" in run.stdout) == (0, True)
    (written,) = (tmp_path / "out").iterdir()
    assert stat.S_IMODE(written.stat().st_mode) == 0o600

    monkeypatch.setenv("PARVIS_MAIL__URL", f"file://{written}/out")
    assert parvis("test", "ops@example.org").exit_code == 1


def test_the_outbox_shows_what_waits_first_and_never_what_it_says(parvis, queue, sqlite_database):
    sent = queue("1", age=timedelta(hours=3))
    settle(sqlite_database, outbox.mark_sent, now=SystemClock().now())
    refused = queue("2", age=timedelta(hours=2))
    settle(sqlite_database, outbox.mark_refused, reason="recipient-550")
    retried = queue("3", age=timedelta(minutes=12))
    settle(sqlite_database, outbox.postpone, reason="timeout", now=SystemClock().now())
    fresh = queue("4")

    listing = parvis("outbox")
    document = json.loads(parvis("outbox", "--json").stdout)

    facts = {mail["id"]: mail for mail in document["mails"]}
    assert list(facts) == [retried, fresh, refused, sent]
    assert facts[retried]["address"] == facts[fresh]["address"] == "c****e@example.org"
    assert facts[sent]["address"] is facts[refused]["address"] is None
    assert (facts[retried]["tries"], facts[retried]["last_error"]) == (1, "timeout")
    assert facts[sent]["next_try"] is None
    assert document["totals"] | {"oldest_queued_age": 0} == {
        "queued": 2, "sent": 1, "refused": 1, "expired": 0, "oldest_queued_age": 0,
    }  # fmt: skip
    assert 720 <= document["totals"]["oldest_queued_age"] < 780
    lines = listing.stdout.splitlines()
    assert re.search(r"one-time-code +queued +c\*{4}e@example.org +12 min +1 +in \d+ s +timeout$", lines[1])
    assert lines[-1] == "queued 2 (the oldest for 12 min), sent 1, refused 1, expired 0"
    for output in (listing.output, json.dumps(document)):
        assert "482913" not in output
        assert "camille@" not in output


def test_the_outbox_can_be_narrowed_and_is_quiet_when_empty(parvis, queue):
    numbers = [queue(str(cause), age=timedelta(minutes=9 - cause)) for cause in range(3)]

    queued = json.loads(parvis("outbox", "--state", "queued", "--limit", "2", "--json").stdout)

    assert [mail["id"] for mail in queued["mails"]] == numbers[:2]
    assert queued["totals"]["queued"] == 3
    assert parvis("outbox", "--state", "refused").stdout == (
        "queued 3 (the oldest for 9 min), sent 0, refused 0, expired 0\n"
    )


def test_the_outbox_is_shown_even_when_it_was_sealed_under_another_secret(parvis, queue, monkeypatch):
    queue("1")
    monkeypatch.setenv("PARVIS_SECRET_KEY", "quite another root secret, long enough")

    run = parvis("outbox", "--json")

    assert run.exit_code == 0, run.output
    assert json.loads(run.stdout)["mails"][0]["address"] is None


def test_a_database_without_an_outbox_ends_with_1(parvis, queue, tmp_path, monkeypatch):
    monkeypatch.setenv("PARVIS_DATABASE_URL", f"sqlite:///{tmp_path}/empty.db")

    run = parvis("outbox")

    assert run.exit_code == 1
    assert "P-9021: the database: no such table" in run.stderr

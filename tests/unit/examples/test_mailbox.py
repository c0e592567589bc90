"""The dev mailbox: keeps every mail over a restart, shows it without running it, and answers scripts."""

import os
import re
import signal
import smtplib
import subprocess
import sys
import time
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import httpx
import pytest
from bs4 import BeautifulSoup

from examples.mailbox.page import create_app, linked
from examples.mailbox.server import mail_server
from examples.mailbox.store import Store
from tests.support.smtp import HOST, free_port

ROOT = Path(__file__).parents[3]
NOW = datetime(2026, 3, 12, 13, 5, 9, tzinfo=UTC)
PATIENCE = 20
LINK = "http://127.0.0.1:8000/inscription/activer/abc_DEF-123"


def mail(
    subject="Validez votre inscription", text=f"Bonjour,\n\n{LINK}\n\n12345678\n", html="<p>Bonjour</p>"
):
    message = EmailMessage(policy=SMTP)
    message["From"] = "Mutuelle Horizon <ne-pas-repondre@example.org>"
    message["To"] = "camille@example.org"
    message["Subject"] = subject
    message.set_content(text)
    if html:
        message.add_alternative(html, subtype="html")
    return message


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "mails")


@pytest.fixture
def add(store):
    def keep(message=None, *, to="camille@example.org", received_at=NOW):
        return store.add((message or mail()).as_bytes(), to=to, received_at=received_at)

    return keep


@pytest.fixture
def client(store):
    return create_app(store).test_client()


def page(client, path):
    answer = client.get(path, base_url="http://127.0.0.1")
    assert answer.status_code == 200
    return BeautifulSoup(answer.text, "html.parser")


def test_mails_are_still_there_after_a_restart(store, add, tmp_path):
    first, second = add(mail("Un")), add(mail("Deux"), to="dominique@example.org")

    again = Store(tmp_path / "mails")

    assert again.all() == [second, first]
    assert again.add(mail().as_bytes(), to="x@example.org", received_at=NOW).id > second.id


def test_a_file_that_was_not_finished_is_not_a_mail(add, tmp_path):
    kept = add()
    (tmp_path / "mails/00000002.part").write_bytes(b"Subject: half")

    assert Store(tmp_path / "mails").all() == [kept]


def test_a_mail_cannot_forge_who_it_was_for(add):
    message = mail()
    message["X-Mailbox-To"] = "dominique@example.org"

    assert add(message).to == "camille@example.org"
    assert add(to="a@example.org\r\nX-Mailbox-Received: never").received_at == NOW


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\xff\xfe",
        b"no header at all",
        b"Subject: =?utf-8?q?=ff=fe?=\r\nFrom: <<>>, ;\r\nTo: @\r\n\r\nx",
        b"Content-Type: text/plain; charset=unheard-of\r\n\r\nx",
        b"Content-Type: multipart/alternative; boundary=\r\n\r\nx",
        b"Content-Transfer-Encoding: base64\r\n\r\n%%%",
        b"Date: never\r\nMessage-ID: <\r\nContent-Disposition: ;;\r\n\r\nx",
    ],
)
def test_a_broken_mail_is_kept_and_shown(content, store, client):
    broken = store.add(content, to="camille@example.org", received_at=NOW)

    assert page(client, f"/messages/{broken.id}").h1
    assert page(client, f"/messages/{broken.id}/html")
    assert len(page(client, "/").select(".mail")) == 1


def test_the_list_is_newest_first_and_reloads_without_javascript(add, client):
    add(mail("Premier"))
    add(mail("Second"))

    shown = page(client, "/")

    assert [subject.get_text() for subject in shown.select(".subject")] == ["Second", "Premier"]
    assert shown.find("meta", attrs={"http-equiv": "refresh"})
    assert shown.html["lang"] == "fr"
    assert shown.find("script") is None


def test_the_list_can_be_narrowed_to_one_address(add, client):
    add()
    add(to="Dominique@example.org")

    assert len(page(client, "/?to=dominique@example.org").select(".mail")) == 1


def test_a_mail_shows_its_text_with_links_to_click(add, client):
    shown = page(client, f"/messages/{add().id}")

    assert shown.h1.get_text() == "Validez votre inscription"
    assert shown.find("a", href=LINK).get_text() == LINK
    assert "12345678" in shown.select_one(".text").get_text().splitlines()
    assert shown.iframe["sandbox"] == ["allow-popups", "allow-popups-to-escape-sandbox"]


def test_the_html_part_is_shut_in_and_its_links_open_elsewhere(add, client):
    html = f'<script>alert(1)</script><a class="b" href="{LINK}">ici</a>'
    number = add(mail(html=html)).id

    answer = client.get(f"/messages/{number}/html", base_url="http://127.0.0.1")

    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "sandbox" in policy
    assert "allow-scripts" not in policy
    assert "allow-same-origin" not in policy
    assert BeautifulSoup(answer.text, "html.parser").a["target"] == "_blank"


def test_a_picture_that_came_with_the_mail_is_shown_and_no_other(add, client):
    message = mail(html='<img src="cid:logo@parvis.invalid"><img src="cid:other"><img src="cid:drawing">')
    html = message.get_body(("html",))
    html.add_related(b"\x89PNG", "image", "png", cid="<logo@parvis.invalid>")
    html.add_related(b"<svg/>", "image", "svg+xml", cid="<drawing>")
    number = add(message).id

    shown = BeautifulSoup(
        client.get(f"/messages/{number}/html", base_url="http://127.0.0.1").text, "html.parser"
    )

    assert [image["src"] for image in shown.find_all("img")] == [
        "data:image/png;base64,iVBORw==",
        "cid:other",
        "cid:drawing",
    ]


def test_what_strangers_write_is_shown_as_text(add, client):
    number = add(
        mail("<script>alert(1)</script>", text="<b>gras</b> https://x.example/?a=<b>"), to="<i>@example.org"
    ).id

    for path in ("/", f"/messages/{number}"):
        assert page(client, path).find(["script", "b", "i"]) is None


@pytest.mark.parametrize("path", ["/", "/messages/1", "/messages/9", "/static/mailbox.css"])
def test_every_page_has_a_strict_policy(path, add, client):
    add()

    with client.get(path, base_url="http://127.0.0.1") as answer:
        headers = answer.headers

    assert headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self'")
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"


def test_scripts_read_the_mails_as_json(add, client):
    add()
    number = add(to="dominique@example.org").id

    mails = client.get("/api/messages?to=Dominique@example.org", base_url="http://127.0.0.1").json

    (only,) = mails
    assert only["id"] == number
    assert only["subject"] == "Validez votre inscription"
    assert LINK in only["text"].splitlines()
    assert only["received_at"] == "2026-03-12T13:05:09+00:00"
    assert len(client.get("/api/messages", base_url="http://127.0.0.1").json) == 2


def test_scripts_can_empty_the_mailbox(add, client, tmp_path):
    add()

    assert client.delete("/api/messages", base_url="http://127.0.0.1").status_code == 204

    assert client.get("/api/messages", base_url="http://127.0.0.1").json == []
    assert Store(tmp_path / "mails").all() == []


@pytest.mark.parametrize("host", ["mailbox.evil.example", "127.0.0.1.evil.example", "0.0.0.0"])
def test_another_name_that_points_here_is_not_answered(host, add, client):
    add()

    assert client.get("/api/messages", base_url=f"http://{host}").status_code == 400


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("Voir https://a.example/x?y=1&z=2.", ["https://a.example/x?y=1&z=2"]),
        ("(https://a.example/)", ["https://a.example/"]),
        ("javascript:alert(1)", []),
        ('https://a.example/"onclick="x', ["https://a.example/"]),
        ("https://a.example/\nhttps://b.example/", ["https://a.example/", "https://b.example/"]),
    ],
)
def test_links_are_made_of_web_addresses_only(text, links):
    html = BeautifulSoup(linked(text), "html.parser")

    assert [anchor["href"] for anchor in html.find_all("a")] == links
    assert html.get_text() == text
    assert not [anchor for anchor in html.find_all("a") if set(anchor.attrs) != {"href"}]


def test_only_so_many_mails_are_kept(store, add, monkeypatch, tmp_path):
    monkeypatch.setattr("examples.mailbox.store.KEPT", 3)

    kept = [add(mail(str(number))) for number in range(5)][-3:]

    assert store.all() == kept[::-1]
    assert len(list((tmp_path / "mails").iterdir())) == 3


def test_one_mail_to_two_people_is_in_both_mailboxes(store):
    server = mail_server(store, port=free_port())
    server.start()
    try:
        with smtplib.SMTP(HOST, server.port, local_hostname="test") as smtp:
            smtp.send_message(mail(), to_addrs=["camille@example.org", "dominique@example.org"])
    finally:
        server.stop()

    assert {kept.to for kept in store.all()} == {"camille@example.org", "dominique@example.org"}


class Mailbox:
    """`python -m examples.mailbox` as the demo runs it."""

    def __init__(self, folder):
        self.smtp_port, self.http_port = free_port(), free_port()
        ports = ["--smtp-port", str(self.smtp_port), "--http-port", str(self.http_port)]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "examples.mailbox", *ports, "--directory", str(folder)], cwd=ROOT
        )

    def __enter__(self):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and self.process.poll() is None:
            try:
                httpx.get(self.api).raise_for_status()
                return self
            except httpx.TransportError:
                time.sleep(0.05)
        pytest.fail("the mailbox did not start")

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(PATIENCE) == 0

    @property
    def api(self):
        return f"http://{HOST}:{self.http_port}/api/messages"

    def send(self):
        with smtplib.SMTP(HOST, self.smtp_port, local_hostname="test") as smtp:
            smtp.send_message(mail())


@pytest.mark.slow
def test_the_command_receives_mails_keeps_them_and_stops_when_told(tmp_path):
    with Mailbox(tmp_path) as mailbox:
        mailbox.send()
        before = httpx.get(mailbox.api).json()

    with Mailbox(tmp_path) as mailbox:
        after = httpx.get(mailbox.api).json()

    assert len(before) == 1
    assert before == after


@pytest.mark.slow
def test_the_command_listens_on_loopback_only(tmp_path):
    with Mailbox(tmp_path) as mailbox:
        listening = Path("/proc/net/tcp").read_text() + Path("/proc/net/tcp6").read_text()

    for port in (mailbox.smtp_port, mailbox.http_port):
        assert re.findall(rf"\s(\w+):{port:04X} \w+:\w+ 0A", listening) == ["0100007F"]


@pytest.mark.slow
def test_a_port_that_is_taken_is_said_in_a_line(tmp_path):
    with Mailbox(tmp_path / "one") as mailbox:
        port = str(mailbox.smtp_port)
        command = [
            sys.executable,
            "-m",
            "examples.mailbox",
            "--smtp-port",
            port,
            "--http-port",
            str(free_port()),
        ]
        second = subprocess.run(
            [*command, "--directory", str(tmp_path / "two")],
            cwd=ROOT,
            env=os.environ | {"PYTHONUTF8": "1"},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    assert second.returncode == 1
    assert "cannot listen" in second.stderr
    assert "Traceback" not in second.stderr

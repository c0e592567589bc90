"""How a mail leaves: what is built, what is refused, and what each answer of a server means."""

import ssl
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from idp.core import mailer
from idp.core.logos import CONTENT_ID
from idp.core.mail_templates import Rendered
from idp.core.mailer import (
    Accepted,
    BadMailUrl,
    Postponed,
    Refused,
    UnfitMail,
    build_message,
    mailer_from_url,
)
from tests.support.smtp import Fault, ScriptedSmtp, free_port, silent_server

SENDER = "ne-pas-repondre@example.org"
MEMBER = "camille@example.org"
WRITTEN = datetime(2026, 3, 12, 13, 5, tzinfo=UTC)
QUICK = timedelta(seconds=0.4)


def message(subject="Votre code de connexion", recipient=MEMBER, sender_name="Mutuelle Horizon"):
    words = Rendered(subject, "Bonjour,\n\n123456\n", "<p>Bonjour, <b>123456</b></p>")
    return build_message(
        words,
        sender=SENDER,
        sender_name=sender_name,
        recipient=recipient,
        message_id="<abc@example.org>",
        written_at=WRITTEN,
    )


def test_the_logo_travels_with_the_html_and_the_text_stays_first():
    words = Rendered("Bienvenue", "Bonjour\n", f'<img src="cid:{CONTENT_ID}" alt="">')
    built = build_message(
        words, sender=SENDER, sender_name="Mutuelle Horizon", recipient=MEMBER,
        message_id="<abc@example.org>", written_at=WRITTEN, logo=b"\x89PNG picture",
    )  # fmt: skip

    mail = message_from_bytes(built.as_bytes(), policy=default)

    text, beside = mail.iter_parts()
    html, picture = beside.iter_parts()
    assert mail.get_content_type() == "multipart/alternative"
    assert (text.get_content_type(), beside.get_content_type()) == ("text/plain", "multipart/related")
    assert html.get_content_type() == "text/html"
    assert picture.get_content() == b"\x89PNG picture"
    assert picture["Content-ID"] == f"<{CONTENT_ID}>"
    assert picture.get_content_disposition() == "inline"
    assert mail["Auto-Submitted"] == "auto-generated"


def send(url, recipient=MEMBER, **options):
    return mailer_from_url(url, **options).send(
        message(recipient=recipient), sender=SENDER, recipient=recipient
    )


def test_a_mail_has_two_parts_and_says_that_a_machine_wrote_it():
    mail = message_from_bytes(message().as_bytes(), policy=default)

    assert mail["From"] == "Mutuelle Horizon <ne-pas-repondre@example.org>"
    assert mail["To"] == MEMBER
    assert mail["Message-ID"] == "<abc@example.org>"
    assert mail["Date"].datetime == WRITTEN
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["X-Auto-Response-Suppress"] == "All"
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    assert mail.get_body(("plain",)).get_content().splitlines() == ["Bonjour,", "", "123456"]
    assert not [name for name in mail if name.startswith("List-")]


def test_a_mail_is_plain_ascii_with_short_lines_on_the_wire():
    content = message(subject="Été : l’adresse", sender_name="Mutuelle Forêt").as_bytes()

    assert content.isascii()
    assert b"\n" not in content.replace(b"\r\n", b"")
    assert max(len(line) for line in content.split(b"\r\n")) <= 78


@pytest.mark.parametrize(
    "address",
    [
        "a@b.fr\r\nBcc: c@d.fr",
        "a@b.fr\n",
        "a@b.fr\x00",
        "a@b.fr, c@d.fr",
        "a@b.fr;c@d.fr",
        "<a@b.fr>",
        "Camille <a@b.fr>",
        "a@b.fr> NOTIFY=SUCCESS",
        '"a b"@b.fr',
        "a(c)@b.fr",
        "a@[127.0.0.1]",
        "a@b@c.fr",
        "a b@c.fr",
        "@b.fr",
        "a@",
        "a",
        "",
        "a..b@c.fr",
        ".a@c.fr",
        "a@-c.fr",
        "a@c..fr",
        "x" * 65 + "@c.fr",
        "a@" + "c." * 130 + "fr",
        "a@b.fr\u2028",
        "é\ud800@b.fr",
    ],
)
def test_a_hostile_address_is_refused(address):
    with pytest.raises(UnfitMail) as refusal:
        message(recipient=address)

    assert refusal.value.part == "address"
    assert len(address) < 3 or address not in str(refusal.value)


@pytest.mark.parametrize("subject", ["a\r\nBcc: c@d.fr", "a\nb", "a\x00b", "a\x85b", "a\u2028b"])
def test_a_subject_with_control_characters_is_refused(subject):
    with pytest.raises(UnfitMail):
        message(subject=subject)
    with pytest.raises(UnfitMail):
        message(sender_name=subject)


@pytest.mark.parametrize(
    ("address", "proper"),
    [
        ("camille@example.org", "camille@example.org"),
        ("a.b+c@mail.example.co.uk", "a.b+c@mail.example.co.uk"),
        ("o'neil@example.org", "o'neil@example.org"),
        ("camille@forêt.example.org", "camille@xn--fort-ipa.example.org"),
        ("rené@example.org", "rené@example.org"),
    ],
)
def test_a_real_address_is_kept_and_its_domain_written_in_ascii(address, proper):
    assert mailer.proper_address(address) == proper


def test_a_mail_reaches_the_server():
    with ScriptedSmtp() as server:
        assert send(server.url) == Accepted()

    (received,) = server.received
    assert received.to == (MEMBER,)
    assert received.message["Subject"] == "Votre code de connexion"
    assert server.senders == [SENDER]


@pytest.mark.parametrize(
    ("step", "answer", "outcome"),
    [
        ("RCPT", "451 4.7.1 greylisted", Postponed("recipient-451")),
        ("RCPT", "452 4.2.2 mailbox full", Postponed("recipient-452")),
        ("RCPT", "550 5.1.1 unknown", Refused("recipient-550")),
        ("RCPT", "421 4.3.2 closing", Postponed("recipient-421", outage=True)),
        ("RCPT", "530 5.7.0 authenticate first", Postponed("recipient-530", outage=True)),
        ("MAIL", "550 5.7.1 sender not allowed", Postponed("server-550", outage=True)),
        ("MAIL", "451 4.3.0 later", Postponed("server-451", outage=True)),
        ("DATA", "452 4.3.1 no room", Postponed("data-452")),
        ("DATA", "554 5.7.1 not wanted", Refused("data-554")),
        ("RCPT", Fault.CUT, Postponed("disconnected", outage=True)),
        ("KEPT", Fault.CUT, Postponed("disconnected", outage=True)),
        ("RCPT", Fault.HANG, Postponed("timeout", outage=True)),
        ("KEPT", Fault.HANG, Postponed("timeout", outage=True)),
    ],
)
def test_each_answer_of_a_server_has_its_meaning(step, answer, outcome):
    with ScriptedSmtp() as server:
        server.script(step, answer)

        assert send(server.url, exchange=QUICK) == outcome


def test_a_reason_never_holds_the_address():
    with ScriptedSmtp() as server:
        server.script("RCPT", f"550 5.1.1 <{MEMBER}> is unknown")

        assert send(server.url) == Refused("recipient-550")


def test_a_server_that_never_speaks_is_left_in_time():
    with silent_server() as url:
        assert send(url, exchange=QUICK) == Postponed("timeout", outage=True)


def test_a_server_that_is_not_there_is_an_outage():
    assert send(f"smtp://127.0.0.1:{free_port()}") == Postponed("connection", outage=True)


def test_a_delivery_that_lasts_too_long_is_cut(monkeypatch):
    monkeypatch.setattr(mailer, "LONGEST", timedelta(seconds=0.3))
    with ScriptedSmtp() as server:
        server.script("DATA", Fault.HANG)

        assert send(server.url) == Postponed("disconnected", outage=True)


def test_an_address_with_accents_needs_a_server_that_takes_it():
    with ScriptedSmtp(enable_SMTPUTF8=True) as able, ScriptedSmtp(enable_SMTPUTF8=False) as unable:
        assert send(able.url, recipient="rené@example.org") == Accepted()
        assert send(unable.url, recipient="rené@example.org") == Refused("smtputf8")

    assert able.received[0].to == ("rené@example.org",)


def certificate(folder):
    """A certificate for 127.0.0.1: what a server loads, and a client that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail")])
    now = datetime.now(UTC)
    cert = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "mail-server"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(cert.public_bytes(serialization.Encoding.PEM) + secret)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    client = ssl.create_default_context(cadata=cert.public_bytes(serialization.Encoding.PEM).decode())
    return server, client


@pytest.mark.parametrize(("scheme", "option"), [("smtps", "ssl_context"), ("smtp+starttls", "tls_context")])
def test_tls_is_used_and_the_certificate_verified(scheme, option, tmp_path):
    server_side, client_side = certificate(tmp_path)

    with ScriptedSmtp(**{option: server_side}) as server:
        url = f"{scheme}://127.0.0.1:{server.port}"
        assert send(url, tls=client_side) == Accepted()
        assert send(url) == Postponed("tls", outage=True)

    assert len(server.received) == 1


def test_without_starttls_on_the_server_nothing_is_said_in_clear():
    with ScriptedSmtp() as server:
        outcome = send(f"smtp+starttls://user:secret@127.0.0.1:{server.port}")

    assert outcome == Postponed("protocol", outage=True)
    assert server.senders == []


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
def test_user_and_password_come_from_the_url():
    seen = []

    def authenticator(server, session, envelope, mechanism, data):
        from aiosmtpd.smtp import AuthResult

        seen.append((data.login, data.password))
        return AuthResult(success=data.password == b"p@ss/word", handled=False)

    with ScriptedSmtp(authenticator=authenticator, auth_require_tls=False, auth_required=True) as server:
        assert send(f"smtp://us%65r:p%40ss%2Fword@127.0.0.1:{server.port}") == Accepted()
        wrong = send(f"smtp://user:wrong@127.0.0.1:{server.port}")

    assert seen[0] == (b"user", b"p@ss/word")
    assert wrong == Postponed("auth-535", outage=True)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://127.0.0.1",
        "smtp://",
        "smtp://host:port",
        "smtp://host:99999",
        "smtp://host/path",
        "file://folder/x",
        "file:///",
        "127.0.0.1:25",
        "smtp://[::1",
    ],
)
def test_a_bad_mail_url_is_refused(url):
    with pytest.raises(BadMailUrl):
        mailer_from_url(url)


def test_the_password_of_a_mail_url_is_never_told():
    with pytest.raises(BadMailUrl) as refusal:
        mailer_from_url("smtp://user:hunter2@host:port")

    assert "hunter2" not in str(refusal.value)
    assert "hunter2" not in repr(mailer.Server("host", 25, mailer.Security.NONE, "user", "hunter2"))


def test_the_folder_holds_one_whole_file_for_one_mail(tmp_path):
    folder = tmp_path / "mails"

    assert send(folder.as_uri()) == Accepted()
    assert send(folder.as_uri()) == Accepted()

    (file,) = folder.iterdir()
    assert file.suffix == ".eml"
    assert file.stat().st_mode & 0o077 == 0
    assert message_from_bytes(file.read_bytes(), policy=default)["To"] == MEMBER


def test_a_folder_that_cannot_be_written_is_an_outage(tmp_path):
    (tmp_path / "file").write_text("not a folder")

    assert send((tmp_path / "file").as_uri()) == Postponed("folder-EEXIST", outage=True)

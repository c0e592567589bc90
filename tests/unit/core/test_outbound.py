"""Requests to addresses that others chose: never inside, never longer or later than allowed (SSRF, R30)."""

import ipaddress
import socket
import ssl
import time
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from idp.core import outbound
from idp.core.outbound import Reach, Unreachable, get_json, post_form
from idp.core.settings import Settings
from tests.support.http import Fault, ScriptedHttp

PUBLIC = Reach()
HERE = Reach(loopback=True)
INSIDE = Reach(private=True)
SOON = timedelta(seconds=0.3)


@pytest.fixture
def server():
    with ScriptedHttp() as running:
        yield running


def reason(call, *args, **more):
    with pytest.raises(Unreachable) as refused:
        call(*args, **more)
    return refused.value.reason


def test_a_form_arrives_whole_and_its_status_comes_back(server):
    server.script(204)

    assert post_form(server.url + "/told?a=b", {"logout_token": "x.y.z&é"}, reach=HERE) == 204

    (received,) = server.received
    assert (received.method, received.path) == ("POST", "/told?a=b")
    assert received.form == {"logout_token": ["x.y.z&é"]}
    assert received.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert received.headers["Host"] == f"127.0.0.1:{server.port}"


def test_a_document_is_read(server):
    server.script((200, {"Content-Type": "application/json"}, b'{"keys": []}'))

    assert get_json(server.url + "/jwks", reach=HERE) == {"keys": []}


@pytest.mark.parametrize(
    "name",
    [
        "127.0.0.1", "127.8.8.8", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254",
        "0.0.0.0", "0.1.2.3", "192.0.0.8", "192.0.2.1", "192.88.99.1", "198.18.0.1", "203.0.113.1",
        "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "::1", "::7f00:1", "::ffff:127.0.0.1",
        "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::a01:203", "64:ff9b:1::1",
        "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::1", "3fff::1", "fc00::1", "fd12::1", "fe80::1",
        "fec0::1", "ff02::1",
    ],
)  # fmt: skip
def test_no_address_inside_is_ever_asked(name):
    address = ipaddress.ip_address(name)

    assert not PUBLIC.includes(address)


@pytest.mark.parametrize(
    "name", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]
)
def test_public_addresses_are_asked(name):
    assert PUBLIC.includes(ipaddress.ip_address(name))


@pytest.mark.parametrize(
    ("name", "inside", "here"),
    [
        ("10.1.2.3", True, False),
        ("192.168.1.1", True, False),
        ("100.64.0.1", True, False),
        ("fd12::1", True, False),
        ("::ffff:10.0.0.1", True, False),
        ("127.0.0.1", True, True),
        ("::1", True, True),
        ("169.254.169.254", False, False),
        ("fe80::1", False, False),
        ("224.0.0.1", False, False),
        ("0.0.0.0", False, False),
        ("240.0.0.1", False, False),
    ],
)
def test_what_may_be_asked_beyond_them_is_what_the_settings_say(name, inside, here):
    address = ipaddress.ip_address(name)

    assert (INSIDE.includes(address), HERE.includes(address)) == (inside, here)


@pytest.mark.parametrize(
    ("issuer", "private", "reach"),
    [
        ("https://id.example.org", False, Reach()),
        ("https://id.example.org", True, Reach(private=True)),
        ("http://127.0.0.1:8000", False, Reach(loopback=True)),
    ],
)
def test_loopback_is_for_development_and_the_inside_for_those_who_say_so(issuer, private, reach):
    settings = Settings(
        issuer=issuer, secret_key="k" * 32, pepper="p" * 32, oidc={"private_addresses": private}
    )

    assert Reach.of(settings) == reach


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "[::ffff:127.0.0.1]"]
)
def test_no_spelling_of_an_address_inside_gets_through(server, host):
    assert reason(post_form, f"https://{host}:{server.port}/", {}, reach=PUBLIC) == "address"
    assert server.received == []


@pytest.mark.parametrize("reach", [PUBLIC, INSIDE])
def test_plain_http_is_for_loopback_in_development(server, reach):
    assert reason(get_json, server.url, reach=reach) == "address"
    assert reason(get_json, "http://10.1.2.3/", reach=Reach(private=True, loopback=True)) == "address"
    assert server.received == []


@pytest.mark.parametrize(
    "url",
    [
        "ftp://127.0.0.1/", "file:///etc/passwd", "https://", "https:///path", "//127.0.0.1/", "", "https://[::1",
        "https://user:word@127.0.0.1/", "http://127.0.0.1:0/", "http://127.0.0.1:99999/",
        "http://127.0.0.1/a b", "http://127.0.0.1/\r\nX: y", "http://127.0.0.1/é",
    ],
)  # fmt: skip
def test_what_is_no_plain_address_is_never_asked(url):
    assert reason(get_json, url, reach=HERE) == "address"


def test_a_name_is_looked_up_once_and_the_address_that_was_judged_is_the_one_that_is_asked(
    server, monkeypatch
):
    asked = []
    real = socket.getaddrinfo

    def rebinding(host, *args, **more):
        # The second look would lead elsewhere, as a rebinding name server has it.
        asked.append(host)
        assert len(asked) == 1
        return real("127.0.0.1", *args, **more)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)

    assert post_form(f"http://rp.example:{server.port}/", {}, reach=HERE) == 200
    assert asked == ["rp.example"]
    assert server.received[0].headers["Host"] == f"rp.example:{server.port}"


def test_of_the_addresses_of_a_name_only_the_allowed_ones_are_asked(server, monkeypatch):
    def several(_host, port, **_more):
        kinds = [(socket.AF_INET, ("169.254.169.254", port)), (socket.AF_INET6, ("::1", 1, 0, 0))]
        kinds.append((socket.AF_INET, ("127.0.0.1", port)))
        return [(family, socket.SOCK_STREAM, 6, "", address) for family, address in kinds]

    monkeypatch.setattr(socket, "getaddrinfo", several)

    assert post_form(f"http://rp.example:{server.port}/", {}, reach=HERE) == 200


def test_an_unknown_name_and_a_silent_name_server_are_told_apart(server, monkeypatch):
    def unknown(*_args, **_more):
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    def silent(*_args, **_more):
        server.let_go.wait()
        return []

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert reason(get_json, "https://rp.example/", reach=HERE) == "name"

    monkeypatch.setattr(socket, "getaddrinfo", silent)
    assert reason(get_json, "https://rp.example/", reach=HERE, deadline=timedelta(seconds=0.05)) == "timeout"


def test_a_redirect_is_not_followed(server):
    with ScriptedHttp() as elsewhere:
        server.script(*[(302, {"Location": elsewhere.url}, b"")] * 2)

        assert post_form(server.url, {"logout_token": "x"}, reach=HERE) == 302
        assert reason(get_json, server.url, reach=HERE) == "status-302"

        assert elsewhere.received == []


def test_no_proxy_of_the_environment_is_used(server, monkeypatch):
    with ScriptedHttp() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)

        assert post_form(server.url, {}, reach=HERE) == 200

        assert (len(server.received), len(proxy.received)) == (1, 0)


@pytest.mark.parametrize("fault", [Fault.HANG, Fault.DRIP_HEAD, Fault.DRIP_BODY])
def test_a_server_that_hangs_or_drips_is_cut_at_the_deadline(server, fault):
    server.script(fault)
    started = time.monotonic()

    assert reason(get_json, server.url, reach=HERE, deadline=SOON) == "timeout"

    assert time.monotonic() - started < 3


def test_a_form_s_answer_is_its_status_whatever_the_body_does(server):
    server.script(Fault.DRIP_BODY)

    assert post_form(server.url, {}, reach=HERE) == 200


def test_a_server_that_takes_no_connection_is_cut_at_the_deadline():
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        crowd = [socket.socket() for _ in range(4)]
        for each in crowd:
            each.setblocking(False)
            each.connect_ex(("127.0.0.1", port))

        assert reason(get_json, f"http://127.0.0.1:{port}/", reach=HERE, deadline=SOON) == "timeout"

        for each in crowd:
            each.close()


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (Fault.CUT, "connection"),
        ((200, {}, b"[" + b" " * outbound.LARGEST_ANSWER + b"]"), "too-long"),
        ((200, {"Content-Length": "9" * 40}, b"[" + b" " * outbound.LARGEST_ANSWER), "too-long"),
        ((200, {}, b"not json"), "not-json"),
        ((200, {}, b"\xff\xfe"), "not-json"),
        ((200, {}, b"[" * 60_000), "not-json"),
        ((200, {"Transfer-Encoding": "chunked"}, b"zz\r\n"), "protocol"),
        ((200, {f"X-{number}": "y" for number in range(200)}, b"{}"), "protocol"),
        ((200, {"X": "y" * 70_000}, b"{}"), "protocol"),
        ((404, {}, b"{}"), "status-404"),
        ((500, {}, b"{}"), "status-500"),
    ],
)
def test_whatever_a_server_answers_is_a_document_or_a_clear_reason(server, answer, why):
    server.script(answer)

    assert reason(get_json, server.url, reach=HERE) == why


def test_what_does_not_speak_http_is_a_clear_reason():
    with ScriptedHttp(tls=certificate_of("localhost")[0]) as speaks_tls:
        plain = speaks_tls.url.replace("https", "http")

        assert reason(get_json, plain, reach=HERE) in {"protocol", "connection"}


def test_nobody_there_is_a_clear_reason(server):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    assert reason(post_form, f"http://127.0.0.1:{port}/", {}, reach=HERE) == "connection"


def certificate_of(name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context with a certificate for that name, and a client's context that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    day = timedelta(days=1)
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - day)
        .not_valid_after(now + day)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _load(server, pem, key)
    return server, ssl.create_default_context(cadata=pem.decode())


def _load(context: ssl.SSLContext, certificate: bytes, key: ec.EllipticCurvePrivateKey) -> None:
    import tempfile

    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with tempfile.NamedTemporaryFile(suffix=".pem") as file:
        file.write(certificate + private)
        file.flush()
        context.load_cert_chain(file.name)


def test_over_tls_the_certificate_must_be_trusted_and_for_the_very_name():
    for_server, trusting = certificate_of("localhost")
    with ScriptedHttp(tls=for_server) as server:
        url = f"https://localhost:{server.port}/"
        other_name = f"https://127.0.0.1:{server.port}/"

        assert post_form(url, {"a": "b"}, reach=HERE, tls=trusting) == 200
        assert reason(post_form, url, {}, reach=HERE) == "tls"
        assert reason(post_form, other_name, {}, reach=HERE, tls=trusting) == "tls"

        assert len(server.received) == 1


def test_old_tls_is_refused():
    for_server, trusting = certificate_of("localhost")
    for_server.minimum_version = ssl.TLSVersion.TLSv1_2
    for_server.maximum_version = ssl.TLSVersion.TLSv1_2
    with ScriptedHttp(tls=for_server) as server:
        url = f"https://localhost:{server.port}/"
        assert post_form(url, {}, reach=HERE, tls=trusting) == 200

    assert outbound._trusted().minimum_version == ssl.TLSVersion.TLSv1_2
    assert outbound._trusted().check_hostname
    assert outbound._trusted().verify_mode == ssl.CERT_REQUIRED


def test_what_is_open_for_the_mutuals_own_services_is_closed_for_third_parties():
    own = Reach(private=True, loopback=True)

    assert own.includes(ipaddress.ip_address("10.1.2.3"))
    assert not own.for_strangers().includes(ipaddress.ip_address("10.1.2.3"))
    # Development stays development: third parties are tried on loopback too.
    assert own.for_strangers().includes(ipaddress.ip_address("127.0.0.1"))
    assert own.for_strangers().includes(ipaddress.ip_address("93.184.215.14"))

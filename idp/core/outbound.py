"""Requests that we send to addresses others chose: to public addresses only, bounded in time and size, no redirects."""

import io
import json
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from http.client import HTTPConnection, HTTPException, HTTPResponse
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Self, TypeAlias
from urllib.parse import SplitResult, urlencode, urlsplit

from idp.core.settings import Settings

DEADLINE = timedelta(seconds=5)
LARGEST_ANSWER = 64 * 1024
PORTS = {"https": 443, "http": 80}
OK = 200
HEADERS = {"User-Agent": "parvis", "Accept-Encoding": "identity", "Connection": "close"}

Address: TypeAlias = IPv4Address | IPv6Address
SocketAddress: TypeAlias = tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]

# Visible ASCII: nothing in an address can begin another line of the request.
_PLAIN = re.compile(r"[!-~]+")
_ORDINARY_IPV6 = ip_network("2000::/3")
# Tunnels lead to IPv4 addresses that nobody judged; documentation and relays lead nowhere good. Listed here,
# because Python's own `is_global` differs from one patch version to the next.
_STRANGE = tuple(
    ip_network(name)
    for name in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "192.0.0.0/24", "192.88.99.0/24")
)
_NAT64 = ip_network("64:ff9b::/96")
# What `oidc.private_addresses` opens. Link-local addresses stay closed: clouds give secrets away there.
_PRIVATE = tuple(
    ip_network(name)
    for name in (
        "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8", "fc00::/7", "::1/128",
    )
)  # fmt: skip


class Unreachable(Exception):
    """No usable answer. `reason` is a class of error for logs and rows; it never holds an address or a secret."""

    def __init__(self, reason: str) -> None:
        """Remember the class of error."""
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Reach:
    """Which addresses may be asked beyond the public ones."""

    private: bool = False
    loopback: bool = False
    """Loopback addresses, and http there: in development only."""

    @classmethod
    def of(cls, settings: Settings) -> "Reach":
        """As this installation allows."""
        return cls(private=settings.oidc.private_addresses, loopback=settings.is_development)

    def for_strangers(self) -> "Reach":
        """What third parties may have us ask: what is open for the mutual's own services is not open for them."""
        return replace(self, private=False)

    def includes(self, address: Address) -> bool:
        """Whether a request may go to this very address."""
        address = _inner(address)
        if address.is_loopback and self.loopback:
            return True
        if any(address in network for network in _PRIVATE):
            return self.private
        return _is_public(address)


def get_json(
    url: str, *, reach: Reach, deadline: timedelta = DEADLINE, tls: ssl.SSLContext | None = None
) -> object:
    """The JSON document at an address. Raises Unreachable, also for any status but 200."""
    with _Exchange(url, reach=reach, deadline=deadline, tls=tls) as exchange:
        answer = exchange.ask("GET", headers={"Accept": "application/json"})
        if answer.status != OK:
            raise Unreachable(f"status-{answer.status}")
        body = exchange.whole_body(answer)
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise Unreachable("not-json") from None


def post_form(
    url: str,
    fields: Mapping[str, str],
    *,
    reach: Reach,
    deadline: timedelta = DEADLINE,
    tls: ssl.SSLContext | None = None,
) -> int:
    """Post a form; the status of the answer, whose body is not read. Raises Unreachable."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    with _Exchange(url, reach=reach, deadline=deadline, tls=tls) as exchange:
        return exchange.ask("POST", headers=headers, body=urlencode(fields).encode("ascii")).status


class _Exchange:
    """One request and its answer, on a connection of its own, before one deadline."""

    def __init__(self, url: str, *, reach: Reach, deadline: timedelta, tls: ssl.SSLContext | None) -> None:
        self._parts = _parts_of(url, reach)
        self._is_encrypted = self._parts.scheme == "https"
        self._host = self._parts.hostname or ""
        self._port = self._parts.port or PORTS[self._parts.scheme]
        self._reach = reach
        self._until = time.monotonic() + deadline.total_seconds()
        self._tls = tls
        self._connection: socket.socket | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._connection is not None:
            self._connection.close()

    def ask(self, method: str, *, headers: Mapping[str, str], body: bytes | None = None) -> HTTPResponse:
        """Send the request and read the head of the answer."""
        with _clear_reasons():
            return self._ask(method, {**HEADERS, "Host": self._parts.netloc, **headers}, body)

    def _ask(self, method: str, headers: Mapping[str, str], body: bytes | None) -> HTTPResponse:
        self._connection = self._connect()
        client = HTTPConnection(self._host, self._port)
        # The connection is open already, to the address that was judged; http.client must open no other.
        client.auto_open = 0
        client.sock = _Wire(self._connection, until=self._until)
        target = (self._parts.path or "/") + (f"?{self._parts.query}" if self._parts.query else "")
        client.request(method, target, body=body, headers=headers)
        return client.getresponse()

    def whole_body(self, answer: HTTPResponse) -> bytes:
        """The body, when it is not too long and comes in time."""
        with _clear_reasons():
            body = answer.read(LARGEST_ANSWER + 1)
        if len(body) > LARGEST_ANSWER:
            raise Unreachable("too-long")
        return body

    def _connect(self) -> socket.socket:
        plain = self._first_that_listens(_resolve(self._host, self._port, self._left()))
        if not self._is_encrypted:
            return plain
        try:
            plain.settimeout(self._left())
            # The certificate must be the host name's own, whatever address the name led to.
            return (self._tls or _trusted()).wrap_socket(plain, server_hostname=self._host)
        except BaseException:
            plain.close()
            raise

    def _first_that_listens(self, found: list[SocketAddress]) -> socket.socket:
        allowed = [address for address in found if self._may_ask(ip_address(address[0]))]
        if not allowed:
            raise Unreachable("address")
        refusal: OSError = TimeoutError()
        for address in allowed:
            try:
                return self._open(address)
            except OSError as problem:
                refusal = problem
        raise refusal

    def _may_ask(self, address: Address) -> bool:
        # Without TLS nobody proves who answers: that is for services on this very host.
        return self._reach.includes(address) and (self._is_encrypted or address.is_loopback)

    def _open(self, address: SocketAddress) -> socket.socket:
        family = socket.AF_INET6 if len(address) > 2 else socket.AF_INET  # noqa: PLR2004 (flow and scope)
        opened = socket.socket(family, socket.SOCK_STREAM)
        try:
            opened.settimeout(self._left())
            opened.connect(address)
        except BaseException:
            opened.close()
            raise
        return opened

    def _left(self) -> float:
        return _left_until(self._until)


class _Wire:
    """A socket as http.client uses one, whose every read and write ends before the deadline."""

    def __init__(self, connected: socket.socket, *, until: float) -> None:
        self._socket = connected
        self._until = until

    def sendall(self, data: bytes) -> None:
        """Send it whole."""
        self._socket.settimeout(_left_until(self._until))
        self._socket.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        """The reading side."""
        return io.BufferedReader(_Reading(self._socket, until=self._until))

    def close(self) -> None:
        """Nothing yet: http.client closes before the body is read, the exchange closes after it."""


class _Reading(io.RawIOBase):
    def __init__(self, connected: socket.socket, *, until: float) -> None:
        self._socket = connected
        self._until = until

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # what BufferedReader passes
        # A server that drips is asked again and again, each time with less patience.
        self._socket.settimeout(_left_until(self._until))
        return self._socket.recv_into(buffer)


@contextmanager
def _clear_reasons() -> Iterator[None]:
    """Turn all that may go wrong on the way into Unreachable."""
    try:
        yield
    except TimeoutError:
        raise Unreachable("timeout") from None
    except ssl.SSLError:
        raise Unreachable("tls") from None
    except OSError:
        raise Unreachable("connection") from None
    except (HTTPException, ValueError):
        raise Unreachable("protocol") from None


def _parts_of(url: str, reach: Reach) -> SplitResult:
    try:
        parts = urlsplit(url)
        is_good = bool(parts.hostname) and "@" not in parts.netloc and parts.port != 0
    except ValueError:
        raise Unreachable("address") from None
    schemes = {"https", "http"} if reach.loopback else {"https"}
    if not is_good or parts.scheme not in schemes or not _PLAIN.fullmatch(url):
        raise Unreachable("address")
    return parts


def _resolve(host: str, port: int, patience: float) -> list[SocketAddress]:
    """Every address of a name, asked once: what is judged is what is connected to, so no name changes between."""
    found: list[SocketAddress] = []

    def look_up() -> None:
        try:
            found.extend(entry[4] for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError):
            return

    # A name server that is silent may keep `getaddrinfo` for a minute: it may do so alone.
    asking = threading.Thread(target=look_up, name="look-up", daemon=True)
    asking.start()
    asking.join(patience)
    if asking.is_alive():
        raise TimeoutError
    if not found:
        raise Unreachable("name")
    return found


def _left_until(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


@cache
def _trusted() -> ssl.SSLContext:
    # Reading the list of certification authorities takes a tenth of a second: once is enough.
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _inner(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address


def _is_public(address: Address) -> bool:
    if address.is_multicast or any(address in network for network in _STRANGE):
        return False
    return address.is_global and (address.version == 4 or address in _ORDINARY_IPV6)  # noqa: PLR2004

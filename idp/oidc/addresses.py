"""Which addresses a client may have, and when a request names one of them."""

import re
from ipaddress import ip_address
from urllib.parse import SplitResult, unquote, urlsplit

from idp.core.settings import is_loopback

LONGEST_ADDRESS = 2000
LAST_PORT = 65535
# Visible ASCII without what a browser, a proxy and a parser may read differently.
_PLAIN = re.compile(r"""[!#-;=?-Z\[\]_a-z~|%$&'()+,]+""")
# RFC 3986 section 4.3: a scheme, and something that it names.
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(//[^/?]|[^/?])")
# A host as browsers read it too: no encoded, empty or last dot, and no number that they take for an address.
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?")
_ENDS_IN_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)")
_LOOPBACK_LITERALS = frozenset({"127.0.0.1", "::1"})


def why_refused(address: str, *, loopback_http: bool, own_scheme: bool = False) -> str | None:
    """What is wrong with an address of a client, or None (RFC 6749 section 3.1.2, RFC 9700 2.1).

    `loopback_http`: http will do on this very host; `own_scheme`: so will a scheme of an application.
    """
    if len(address) > LONGEST_ADDRESS or not _PLAIN.fullmatch(address):
        return "must be plain ASCII, without spaces, quotes or backslashes"
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "is not an address"
    if "#" in address:
        return "must have no fragment"
    if "*" in address:
        return "must have no wildcard: it is compared character by character"
    if parts.scheme in {"http", "https"}:
        return _why_web_refused(parts, host, port, loopback_http=loopback_http)
    return _why_scheme_refused(parts, own_scheme=own_scheme)


def _why_web_refused(parts: SplitResult, host: str, port: int | None, *, loopback_http: bool) -> str | None:
    if not host or parts.netloc != parts.netloc.lower() or port == 0:
        return "must name a host, in small letters"
    if "@" in parts.netloc:
        return "must have no user before the host"
    if parts.netloc != _netloc(host, port) or not _is_plain_host(host):
        return "must name a host and port in their plain form"
    if ".." in unquote(parts.path) or ";" in parts.path:
        return "must have no dot segments nor path parameters"
    if parts.scheme == "https" or (loopback_http and is_loopback(host)):
        return None
    return "must be https (http is for loopback addresses, in development or for native clients)"


def _netloc(host: str, port: int | None) -> str:
    name = f"[{host}]" if ":" in host else host
    return name if port is None else f"{name}:{port}"


def _is_plain_host(host: str) -> bool:
    """Whether browsers read the host as it stands (WHATWG URL, host parsing): `127.1` is no name to them."""
    try:
        return str(ip_address(host)) == host
    except ValueError:
        return ".." not in host and bool(_NAME.fullmatch(host)) and not _ENDS_IN_NUMBER.fullmatch(host)


def _why_scheme_refused(parts: SplitResult, *, own_scheme: bool) -> str | None:
    # RFC 8252 section 7.1: a scheme of its own is a domain name turned round, so it has a dot.
    if own_scheme and "." in parts.scheme:
        return None
    return "must be an https address (a native client may be led back to a private scheme with a dot)"


def why_no_resource(identifier: str) -> str | None:
    """What is wrong with the name of a service that tokens are for, or None (RFC 8707 section 2)."""
    if "#" in identifier:
        return "must have no fragment"
    if len(identifier) > LONGEST_ADDRESS or not _PLAIN.fullmatch(identifier):
        return "must be plain ASCII, without spaces, quotes or backslashes"
    return None if _ABSOLUTE.match(identifier) else "must be an absolute URI, such as https://api.example.org"


def is_registered(address: str, registered: tuple[str, ...], *, native: bool) -> bool:
    """Whether a requested address is one of the registered ones, character by character.

    RFC 8252 section 7.3: of a native client's loopback address the port alone may differ.
    """
    if address in registered:
        return True
    return native and any(_differs_by_port(address, known) for known in registered)


def _differs_by_port(address: str, known: str) -> bool:
    template = urlsplit(known)
    if template.scheme != "http" or template.hostname not in _LOOPBACK_LITERALS:
        return False
    host = f"[{template.hostname}]" if ":" in (template.hostname or "") else template.hostname
    rest = known.removeprefix(f"http://{template.netloc}")
    pattern = rf"http://{re.escape(str(host))}:([1-9]\d{{0,4}}){re.escape(rest)}"
    found = re.fullmatch(pattern, address, re.ASCII)
    return found is not None and int(found[1]) <= LAST_PORT


def origin(address: str) -> str | None:
    """The web origin of an address; None for a private scheme."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in {"http", "https"} else None

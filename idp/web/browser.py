"""What a request tells of its browser: a name for people, a network for throttles."""

from functools import lru_cache
from ipaddress import ip_address, ip_network

from flask import request
from ua_parser import parse

LONGEST_AGENT = 400
IPV4_PREFIX = 24
IPV6_PREFIX = 48
EDGE_IPV6_PREFIX = 64


@lru_cache(maxsize=2048)
def name(user_agent: str) -> str:
    """The browser and system in words, such as « Chrome sur Android »."""
    found = parse(user_agent[:LONGEST_AGENT])
    family = found.user_agent.family if found.user_agent else "Navigateur"
    system = found.os.family if found.os else "appareil inconnu"
    return f"{family} sur {system}"


def edge_key() -> str:
    """Whom a limit at the edge counts: one IPv4 address, or the /64 that an IPv6 customer has for itself."""
    address = request.remote_addr or ""
    return address if ":" not in address else _prefix(address, EDGE_IPV6_PREFIX)


def network(address: str) -> str:
    """The network that a throttle counts by: /24 for IPv4, /48 for IPv6."""
    return _prefix(address, IPV4_PREFIX if ":" not in address else IPV6_PREFIX)


def _prefix(address: str, length: int) -> str:
    try:
        return str(ip_network((ip_address(address), length), strict=False))
    except ValueError:
        return "unknown"

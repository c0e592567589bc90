"""What a request tells of its browser: a name for people, a network for throttles."""

from functools import lru_cache
from ipaddress import IPv4Address, ip_address, ip_network

from ua_parser import parse

LONGEST_AGENT = 400
IPV4_PREFIX = 24
IPV6_PREFIX = 48


@lru_cache(maxsize=2048)
def name(user_agent: str) -> str:
    """The browser and system in words, such as « Chrome sur Android »."""
    found = parse(user_agent[:LONGEST_AGENT])
    family = found.user_agent.family if found.user_agent else "Navigateur"
    system = found.os.family if found.os else "appareil inconnu"
    return f"{family} sur {system}"


def network(address: str) -> str:
    """The network that a throttle counts by: /24 for IPv4, /48 for IPv6."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return "unknown"
    prefix = IPV4_PREFIX if isinstance(parsed, IPv4Address) else IPV6_PREFIX
    return str(ip_network((parsed, prefix), strict=False))

"""What a request tells of its browser: a name for people, a network for throttles."""

from functools import lru_cache
from ipaddress import ip_address, ip_network

from flask import request
from ua_parser import parse

from idp.core.words import N_
from idp.web.words import say

LONGEST_AGENT = 400
IPV4_PREFIX = 24
IPV6_PREFIX = 48
EDGE_IPV6_PREFIX = 64
NAME = N_("%(browser)s sur %(system)s")
NO_BROWSER = N_("Navigateur")
NO_SYSTEM = N_("appareil inconnu")
# Names stand in our mails: a visitor chooses among these, and cannot write one (the header holds any text).
BROWSERS = frozenset({
    "Amazon Silk", "Android", "Chrome", "Chrome Mobile", "Chrome Mobile WebView", "Chrome Mobile iOS", "Chromium",
    "DuckDuckGo Mobile", "Ecosia Android", "Ecosia iOS", "Edge", "Edge Mobile", "Epiphany", "Facebook", "Firefox",
    "Firefox Mobile", "Firefox iOS", "Google", "HeadlessChrome", "HuaweiBrowser", "IE", "Instagram", "Konqueror",
    "MiuiBrowser", "Mobile Safari", "Mobile Safari UI/WKWebView", "Opera", "Opera Mini", "Opera Mobile",
    "QQ Browser", "Safari", "Samsung Internet", "UC Browser", "Vivaldi", "Yandex Browser",
})  # fmt: skip
SYSTEMS = frozenset({
    "Android", "Chrome OS", "Debian", "Fedora", "FreeBSD", "HarmonyOS", "KaiOS", "Linux", "Mac OS X", "Tizen",
    "Ubuntu", "Windows", "Windows Phone", "iOS",
})  # fmt: skip


@lru_cache(maxsize=2048)
def name(user_agent: str) -> str:
    """The browser and system, such as « Chrome sur Android »: the form that is kept, whoever reads it later."""
    found = parse(user_agent[:LONGEST_AGENT])
    family = found.user_agent.family if found.user_agent else ""
    system = found.os.family if found.os else ""
    return NAME % {
        "browser": family if family in BROWSERS else NO_BROWSER,
        "system": system if system in SYSTEMS else NO_SYSTEM,
    }


def name_in(language: str, name: str) -> str:
    """A kept name in the words of this reader, such as "Chrome on Android"."""
    family, joined, system = name.rpartition(" sur ")
    if not joined:
        return name
    return say(NAME, language, browser=say(family, language), system=say(system, language))


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

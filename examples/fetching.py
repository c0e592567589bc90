"""One careful way to ask another service: bounded in time and size, without redirects."""

import json
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import httpx

# The whole answer must be there within this many seconds, so that no page waits for a service that drips.
DEADLINE_SECONDS = 4.0
LARGEST_ANSWER = 1_000_000
_CHUNK = 16_384


class Unreachable(Exception):
    """The other service was silent, too slow, too long or not understandable."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whole."""

    status: int
    headers: httpx.Headers
    body: bytes

    def json_object(self) -> dict[str, object]:
        """The body as a JSON object. Raises Unreachable when it is anything else."""
        try:
            content = json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise Unreachable("the answer is not JSON") from error
        if not isinstance(content, dict):
            raise Unreachable("the answer is not a JSON object")
        return content

    def json_list(self) -> list[object]:
        """The body as a JSON array. Raises Unreachable when it is anything else."""
        try:
            content = json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise Unreachable("the answer is not JSON") from error
        if not isinstance(content, list):
            raise Unreachable("the answer is not a JSON array")
        return content


def new_client() -> httpx.Client:
    """For all threads. Addresses come from settings: redirects and proxies would be surprises."""
    timeout = httpx.Timeout(3.0, connect=2.0)
    return httpx.Client(verify=_tls(), timeout=timeout, follow_redirects=False, trust_env=False)


@cache
def _tls() -> ssl.SSLContext:
    # Reading the list of certification authorities takes a tenth of a second: once is enough.
    return httpx.create_ssl_context(trust_env=False)


def fetch(
    client: httpx.Client,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    form: Mapping[str, str] | None = None,
    json_body: Mapping[str, str] | None = None,
) -> Answer:
    """Send one request and read the whole answer. Raises Unreachable."""
    started = time.monotonic()
    try:
        with client.stream(method, url, headers=headers, data=form, json=json_body) as response:
            body = _read(response, started)
            return Answer(response.status_code, response.headers, body)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        # The class alone: the message may repeat an address with its query.
        raise Unreachable(type(error).__name__) from error


def _read(response: httpx.Response, started: float) -> bytes:
    body = bytearray()
    for chunk in response.iter_bytes(_CHUNK):
        body += chunk
        if len(body) > LARGEST_ANSWER:
            raise Unreachable("the answer is too long")
        if time.monotonic() - started > DEADLINE_SECONDS:
            raise Unreachable("the answer is too slow")
    return bytes(body)

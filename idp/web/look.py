"""How a space looks in a browser: its colours and its logos, at addresses that change with what they hold."""

import hashlib
from functools import lru_cache

from flask import Response

from idp.core.spaces import Space
from idp.core.themes import theme_css
from idp.web.assets import FOR_GOOD

# A logo drawn by strangers to this code: opened by itself it may run, load and be framed by nothing.
LOGO_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox"


def theme_url(space: Space) -> str:
    """The address of a space's colours."""
    return f"/theme/{space.name}.css?v={_mark(theme_css(space.colours))}"


def logo_url(space: Space, *, dark: bool = False) -> str:
    """The address of a space's logo; that of the dark mode is the same one where a space has a single logo."""
    if dark and space.logo_dark_svg:
        return f"/theme/{space.name}-dark.svg?v={_mark(space.logo_dark_svg)}"
    return f"/theme/{space.name}.svg?v={_mark(space.logo_svg)}"


def serve_theme(space: Space, mark: str) -> Response:
    """The style sheet; `mark` is what the address asked for."""
    return _serve(theme_css(space.colours), "text/css", mark)


def serve_logo(space: Space, mark: str, *, dark: bool = False) -> Response:
    """The logo of one mode, as a picture that does nothing else."""
    svg = (dark and space.logo_dark_svg) or space.logo_svg
    response = _serve(svg, "image/svg+xml", mark)
    response.headers["Content-Security-Policy"] = LOGO_POLICY
    return response


def _serve(content: str, kind: str, mark: str) -> Response:
    # An address without the present mark: an older page, or another worker during an update.
    lasting = FOR_GOOD if mark == _mark(content) else "no-cache"
    return Response(content, mimetype=kind, headers={"Cache-Control": lasting})


@lru_cache(maxsize=256)
def _mark(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()[:12]

"""Logos: an SVG that may be served from the issuer's origin, and a PNG that travels inside mails."""

import base64
import re
from collections.abc import Iterator
from xml.parsers import expat

LARGEST_SVG = 16 * 1024
LARGEST_PNG = 16 * 1024
SMALLEST_SIDE = 48
LARGEST_SIDE = 256
# RFC 2392: how the HTML of a mail names the picture beside it.
CONTENT_ID = "logo@parvis.invalid"

_NAMESPACE = "http://www.w3.org/2000/svg"
_SHAPES = {"path", "rect", "circle", "ellipse", "line", "polyline", "polygon", "text", "tspan"}
_GROUPS = {"svg", "g", "defs", "symbol", "use", "clipPath", "mask"}
_PAINTS = {"linearGradient", "radialGradient", "stop", "style"}
_ELEMENTS = _SHAPES | _GROUPS | _PAINTS | {"title", "desc"}
# Whatever else a style sheet could load is loaded through one of these.
_LOADING = re.compile(r"url\s*\((?!\s*['\"]?#)|@import|image-set|\\|javascript:|data:", re.IGNORECASE)
_PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"


class BadLogo(ValueError):
    """A picture that must not be served or sent; the text says why."""


def check_svg(svg: str) -> None:
    """Raise BadLogo unless the SVG only draws: no script, no event handler, nothing from elsewhere."""
    if len(svg.encode()) > LARGEST_SVG:
        message = f"is larger than {LARGEST_SVG // 1024} kB"
        raise BadLogo(message)
    reader = _Reader()
    try:
        reader.read(svg)
    except expat.ExpatError as problem:
        message = f"is not XML: {problem}"
        raise BadLogo(message) from problem


def check_png(png: bytes) -> None:
    """Raise BadLogo unless it is a small square PNG."""
    if not png.startswith(_PNG):
        message = "is not a PNG"
        raise BadLogo(message)
    width, height = (int.from_bytes(png[start : start + 4], "big") for start in (16, 20))
    if width != height or not SMALLEST_SIDE <= width <= LARGEST_SIDE:
        message = f"must be a square of {SMALLEST_SIDE} to {LARGEST_SIDE} pixels (it is shown at 48)"
        raise BadLogo(message)
    if len(png) > LARGEST_PNG:
        message = f"is larger than {LARGEST_PNG // 1024} kB, and goes with every mail"
        raise BadLogo(message)


def with_logo_inside(html: str, png: bytes) -> str:
    """A mail's HTML with its logo written into it, to be looked at without the mail around it."""
    return html.replace(f"cid:{CONTENT_ID}", "data:image/png;base64," + base64.b64encode(png).decode("ascii"))


class _Reader:
    """Goes through the drawing once; the first thing that has no place in a logo ends it."""

    def __init__(self) -> None:
        self._depth = 0
        # The text of the <style> that is open: in pieces, since a comment or CDATA may part it.
        self._style: list[str] | None = None
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.StartDoctypeDeclHandler = self._refuse_doctype
        self._parser.ProcessingInstructionHandler = self._refuse_instruction
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text

    def read(self, svg: str) -> None:
        self._parser.Parse(svg, True)  # noqa: FBT003 (expat's own signature)

    def _refuse_doctype(self, *_: object) -> None:
        message = "must not have a DOCTYPE"
        raise BadLogo(message)

    def _refuse_instruction(self, target: str, _data: str) -> None:
        message = f"must not have the instruction <?{target}"
        raise BadLogo(message)

    def _start(self, qualified: str, attributes: dict[str, str]) -> None:
        namespace, _, name = qualified.rpartition(" ")
        self._refuse_element(namespace, name)
        if self._style is not None:
            message = "<style> must hold text only"
            raise BadLogo(message)
        if self._depth == 0 and "viewBox" not in attributes:
            message = "lacks the attribute viewBox: it could not be shown at 48 pixels"
            raise BadLogo(message)
        self._depth += 1
        self._style = [] if name == "style" else None
        for fault in _attribute_faults(attributes):
            raise BadLogo(f"<{name}> {fault}")

    def _refuse_element(self, namespace: str, name: str) -> None:
        if namespace != _NAMESPACE or name not in _ELEMENTS:
            message = f"must not hold <{name}>: a logo is made of shapes, gradients and text"
            raise BadLogo(message)
        if (self._depth == 0) != (name == "svg"):
            message = "must be one <svg>"
            raise BadLogo(message)

    def _end(self, _qualified: str) -> None:
        self._depth -= 1
        if self._style is not None and _LOADING.search("".join(self._style)):
            message = "<style> must load nothing"
            raise BadLogo(message)
        self._style = None

    def _text(self, text: str) -> None:
        if self._style is not None:
            self._style.append(text)


def _attribute_faults(attributes: dict[str, str]) -> Iterator[str]:
    for qualified, value in attributes.items():
        name = qualified.rpartition(" ")[2].lower()
        if name.startswith("on"):
            yield f"must not have the event handler {name}"
        elif name in {"href", "src"} and not value.startswith("#"):
            yield f"must not refer to {value!r}: only to its own parts (#name)"
        elif _LOADING.search(value):
            yield f"must load nothing: {name}={value!r}"

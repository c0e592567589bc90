"""`docs/reference/spaces.md`: the prose of `tools/prose`, with tables made from the model of a space."""

from pathlib import Path

from idp.core.contrast import TEXT
from idp.core.spaces import OF_FILES, Legal, Space
from idp.core.themes import MAIL_GROUNDS, PAGE_GROUNDS, Colours, Palette, contrast_faults
from idp.core.wordings import LONGEST, Wording
from tools.client_reference import table

PROSE = Path(__file__).parent / "prose" / "spaces.txt"


def spaces_page() -> str:
    """The whole page. Raises NoSentence."""
    filled = {
        "keys": table(Space, (name for name in Space.model_fields if name not in OF_FILES)),
        "legal": table(Legal, Legal.model_fields),
        "palette": table(Palette, Palette.model_fields),
        "words": table(Wording, Wording.model_fields),
        "grounds": _grounds(),
        "refusal": _refusal(),
        "text": f"{TEXT:g}:1",
        "longest": str(LONGEST),
    }
    text = PROSE.read_text(encoding="utf-8")
    for name, value in filled.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def _grounds() -> str:
    lines = ["| Ground | Light | Dark |", "| --- | --- | --- |"]
    lines += [
        f"| {ground.name} | `{ground.light}` | `{ground.dark}` |" for ground in (*PAGE_GROUNDS, *MAIL_GROUNDS)
    ]
    return "\n".join(lines)


def _refusal() -> str:
    """What `parvis config check` says of a theme whose light and dark colours were mixed up."""
    dark = Palette(primary="#9cc7f2", on_primary="#0b1f33", accent="#f0a35a")
    faults = contrast_faults(Colours(**dark.model_dump(), dark=dark))
    return "\n".join(f"P-9007: config/spaces/adherent/space.toml: {fault}" for fault in faults)

"""The pages that anybody may read."""

from functools import partial

from tests.browser.looks.scenes import Part
from tests.browser.looks.visitor import Visitor

PART = Part("Pages that anybody may read")
SPACES = ("adherent", "professionnel", "elu")
TEXTS = {
    "aide": "Help",
    "cgu": "The terms of use",
    "mentions-legales": "The legal notice",
    "confidentialite": "The privacy notice",
    "accessibilite": "The accessibility statement",
}


@PART.scene("espaces")
def choice_of_space(visitor: Visitor) -> None:
    """The choice of space."""
    visitor.open("/")


def _text(name: str, space: str, visitor: Visitor) -> None:
    visitor.open(f"/{name}", espace=space)


for text, caption in TEXTS.items():
    for space in SPACES:
        is_first = space == SPACES[0]
        PART.add(
            text if is_first else f"{text}-{space}",
            f"{caption}, in the space `{space}`.",
            partial(_text, text, space),
            is_pictured=is_first,
        )


# Not pictured: it shows itself in every demo.
STYLE_GUIDE = Part("Style guide", is_pictured=False)


@STYLE_GUIDE.scene("composants")
def components(visitor: Visitor) -> None:
    """The components of the pages, each in its states; in development only."""
    visitor.open("/admin/styleguide")


@STYLE_GUIDE.scene("fondations")
def foundations(visitor: Visitor) -> None:
    """Colours, sizes and spaces."""
    visitor.open("/admin/styleguide/fondations")

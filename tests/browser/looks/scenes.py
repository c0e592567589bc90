"""A scene is one hosted page in one state: its name, what is to be seen, and the way there."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.browser.looks.visitor import Visitor

Way = Callable[[Visitor], None]


@dataclass(frozen=True, slots=True)
class Scene:
    """`name` is also the name of its picture; `caption` is the sentence under it."""

    name: str
    part: str
    caption: str
    go: Way
    is_pictured: bool = True


class Part:
    """The scenes of one part of the journey, in the order of their definition."""

    def __init__(self, title: str, *, is_pictured: bool = True) -> None:
        self.title = title
        self.is_pictured = is_pictured
        self.scenes: list[Scene] = []

    def scene(self, name: str) -> Callable[[Way], Way]:
        """The function under this is the way to a page; its docstring is the caption."""

        def add(way: Way) -> Way:
            self.add(name, (way.__doc__ or "").strip(), way)
            return way

        return add

    def add(self, name: str, caption: str, way: Way, *, is_pictured: bool = True) -> None:
        """A scene whose way is made elsewhere."""
        self.scenes.append(
            Scene(name, self.title, caption, way, is_pictured=is_pictured and self.is_pictured)
        )

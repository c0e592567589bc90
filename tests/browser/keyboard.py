"""Somebody who has a keyboard and nothing else: every stop of the focus is looked at."""

from collections.abc import Callable

from playwright.sync_api import Page

MOST_STOPS = 60
OPERABLE = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]"
# How each element looks while the focus is elsewhere.
REMEMBER = """(operable) => {
    const look = (element) => {
        const { outline, boxShadow, borderColor, backgroundColor } = getComputedStyle(element);
        return [outline, boxShadow, borderColor, backgroundColor].join("|");
    };
    window.lookOf = look;
    window.unfocused = new Map();
    window.lastStop = null;
    for (const element of document.querySelectorAll(operable))
        if (element !== document.activeElement) unfocused.set(element, look(element));
}"""
# What is wrong with the stop that the focus has reached; an empty text is good news.
JUDGE = """(forwards) => {
    const element = document.activeElement;
    if (!element || element === document.body) return "";
    const name = `${element.localName}#${element.id} « ${(element.innerText || element.value || "").slice(0, 40)} »`;
    const box = element.getBoundingClientRect();
    const last = window.lastStop;
    window.lastStop = element;
    if (unfocused.get(element) === lookOf(element)) return `the focus does not show on ${name}`;
    if (box.width < 2 || box.bottom <= 0 || box.top >= innerHeight) return `the focus is out of sight on ${name}`;
    if (last && last.isConnected) {
        const follows = last.compareDocumentPosition(element) & Node.DOCUMENT_POSITION_FOLLOWING;
        if (Boolean(follows) !== forwards) return `${name} is out of turn`;
        const before = last.getBoundingClientRect();
        if (forwards ? box.bottom <= before.top : box.top >= before.bottom) return `${name} stands elsewhere`;
    }
    return "";
}"""


class Keyboard:
    """Tab, Shift-Tab, Enter, Space and letters."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._keys = page.keyboard

    def arrive(self) -> None:
        """A page has opened: remember how it looks without the focus."""
        self._page.evaluate(REMEMBER, OPERABLE)

    def stop(self, *, backwards: bool = False) -> None:
        """Go to the next stop, and look at it."""
        self._keys.press("Shift+Tab" if backwards else "Tab")
        wrong = self._page.evaluate(JUDGE, not backwards)
        assert not wrong, f"{self._page.url}: {wrong}"

    def is_on(self, selector: str) -> bool:
        """Whether the focus is there."""
        return self._page.evaluate("(selector) => document.activeElement.matches(selector)", selector)

    def go_to(self, selector: str, *, backwards: bool = False) -> None:
        """Stop by stop to this element."""
        for _ in range(MOST_STOPS):
            self.stop(backwards=backwards)
            if self.is_on(selector):
                return
        raise AssertionError(f"the keyboard never reaches {selector} on {self._page.url}")

    def write(self, selector: str, text: str, *, backwards: bool = False) -> None:
        """Go to a field and type."""
        self.go_to(selector, backwards=backwards)
        self._keys.type(text)

    def press(self, key: str) -> None:
        """Press a key that leads to another page."""
        self._follow(lambda: self._keys.press(key))

    def touch(self, key: str) -> None:
        """Press a key that stays on the page."""
        self._keys.press(key)
        self._page.evaluate("() => { window.lastStop = null }")

    def _follow(self, act: Callable[[], None]) -> None:
        with self._page.expect_navigation():
            act()
        self.arrive()

"""Every hosted page in every state that a member can meet."""

from tests.browser.looks import (
    account,
    alarming,
    choosing,
    enrolling,
    failing,
    in_english,
    inviting,
    open_pages,
    recovering,
    signing_in,
    staying,
    strengthening,
)
from tests.browser.looks.scenes import Scene

PARTS = (
    open_pages.PART,
    signing_in.PART,
    choosing.PART,
    strengthening.PART,
    enrolling.PART,
    inviting.PART,
    recovering.PART,
    staying.PART,
    account.PART,
    alarming.PART,
    failing.PART,
    in_english.PART,
    open_pages.STYLE_GUIDE,
)
SCENES: list[Scene] = [scene for part in PARTS for scene in part.scenes]

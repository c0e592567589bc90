"""What became of an answer to a captcha."""

from enum import StrEnum


class CaptchaVerdict(StrEnum):
    """Only PASSED lets the form go on; the others tell the page what to say."""

    PASSED = "passed"
    WRONG = "wrong"
    MISSING = "missing"
    EXPIRED = "expired"

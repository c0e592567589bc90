"""The effective configuration: settings as they hold, the policies that follow from them, and a hash to compare."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from idp.authenticators import password_policy
from idp.authenticators.password_policy import Profile
from idp.core.durations import write_duration
from idp.core.settings import Settings, shown
from idp.core.spaces import Space, Spaces
from idp.sessions import assurance


def document(settings: Settings, spaces: Spaces) -> dict[str, Any]:
    """What is in force, secrets masked. Two instances that show one hash are set alike but for their secrets."""
    content = {
        "issuer": settings.issuer,
        "settings": shown(settings),
        "policies": _policies(settings),
        "spaces": {space.name: _space(space, settings) for space in spaces},
    }
    return {"hash": hash_of(content), **content}


def hash_of(content: Mapping[str, Any]) -> str:
    """SHA-256, in hexadecimal, over the document as JSON with its members in order."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _policies(settings: Settings) -> dict[str, Any]:
    profile = Profile(settings.password.profile)
    rules = password_policy.describe(profile, accented=settings.password.accented_letters)
    return {
        "password": {
            "profile": profile.value,
            "numbers": dict(password_policy.numbers(profile)),
            "rules": [asdict(rule) for rule in rules],
            "storage": f"bcrypt, cost {settings.password.bcrypt_cost}, over HMAC-SHA-256 under a pepper",
        },
        "second_step": {
            "method": "code by mail",
            "lifetime": write_duration(settings.sign_in.code_lifetime),
            "tries": settings.sign_in.code_tries,
            "spared_by": "trusted device",
            "trusted_for": write_duration(settings.trusted_device.lifetime),
        },
        "acr_values": list(assurance.LEVELS),
    }


def _space(space: Space, settings: Settings) -> dict[str, Any]:
    return {
        "title": space.title,
        "populations": sorted(space.populations),
        "enrolment": space.enrolment,
        "captcha_login": space.captcha_login or settings.captcha.login,
        "session_idle": write_duration(space.session_idle),
        "session_absolute": write_duration(space.session_absolute),
        "terms_version": space.terms_version,
    }

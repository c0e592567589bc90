"""Measure what each part of the captcha costs, for docs/explanation/captcha.md: python -m tools.measure_captcha.

CPU time, as a ratio to drawing one picture: ratios hold from machine to machine, milliseconds do not.
"""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import altcha

from idp import schema
from idp.captcha import audio, challenge, picture, proof, service
from idp.core.db import Database
from idp.core.secrets import Vault
from idp.core.settings import Captcha

NOW = datetime.now(UTC)
ROUNDS = 40
BROWSER = "b" * 64
SETTINGS = Captcha()


def cost(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Milliseconds of CPU for one run, in this process."""
    work()
    begun = time.process_time()
    for _ in range(rounds):
        work()
    return (time.process_time() - begun) * 1_000 / rounds


@contextmanager
def empty_database() -> Iterator[Database]:
    """A database file that goes away."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{Path(folder) / 'captcha.db'}")
        schema.upgrade(database)
        yield database
        database.dispose()


def rows(database: Database) -> Iterator[tuple[str, float]]:
    """What is measured, and its cost."""
    vault = Vault.from_root("a root secret that is only for measuring")
    key = vault.key("measure")
    drawn = picture.make()

    class Ready:
        """A pool that is never empty."""

        def take(self) -> picture.Picture:
            return drawn

    def show() -> challenge.Challenge:
        with database.transaction() as session:
            return challenge.issue(
                session, vault=vault, browser=BROWSER, now=NOW, settings=SETTINGS, pictures=Ready()
            )

    def answer() -> None:
        shown = show()
        with database.transaction() as session:
            form = {"captcha": drawn.text, "captcha_id": shown.id}
            service.verify(session, vault=vault, settings=SETTINGS, form=form, browser=BROWSER, now=NOW)

    def speak(pace: audio.Pace) -> bytes:
        return audio.speak("390718", language="fr", pace=pace, seed="any")

    def new_proof() -> altcha.Challenge:
        made = proof.new_challenge(key=key, now=NOW, lifetime=SETTINGS.lifetime, steps=1)
        return altcha.Challenge.from_dict(made)

    puzzle = new_proof()
    payload = altcha.Payload(puzzle, altcha.solve_challenge(puzzle)).to_base64()

    def verify_proof() -> None:
        with database.transaction() as session:
            proof.verify(session, key=key, payload=payload, now=NOW)

    shown = cost(show)
    yield (
        "a picture drawn (by the pool's niced thread; by the request when the pool is empty)",
        cost(picture.make),
    )
    yield "an audio mixed", cost(lambda: speak(audio.NORMAL))
    yield "an audio mixed, slow", cost(lambda: speak(audio.SLOW))
    yield "a challenge stored with a page", shown
    yield "an answer verified (picture or audio)", cost(answer) - shown
    yield "a proof's challenge made", cost(new_proof)
    yield "a proof verified", cost(verify_proof)
    step = cost(new_proof)
    for name, (_, steps) in service.PROOFS.items():
        yield f"a proof solved with `{name}`, on average, by the member's device", step * steps / 2


def main() -> None:
    """Print the table of docs/explanation/captcha.md."""
    with empty_database() as database:
        measured = list(rows(database))
    unit = measured[0][1]
    print("| part | pictures | ms here |\n| --- | --- | --- |")
    for name, spent in measured:
        print(f"| {name} | {spent / unit:.2f} | {spent:.1f} |")


if __name__ == "__main__":
    main()

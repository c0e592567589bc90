"""`make screenshots`: a picture of every hosted page and mail, and the page of the documentation that shows them."""

import argparse
import io
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from idp.core import mail_previews
from idp.core.mail_templates import Kind
from tests.browser.conftest import ARGUMENTS, CHROMIUM
from tests.browser.looks.inventory import SCENES
from tests.browser.looks.look import DESKTOP, Onlooker
from tests.browser.looks.world import World
from tools.pictures_page import IN_SHORT, PICTURES, ROOT, View, pictures_page, views_of

DOCUMENT = ROOT / "docs" / "explanation" / "pages.md"
# Enough for flat colours and smooth letters, and a third of the bytes; a desktop at half its size is read as well.
COLOURS = 16
WIDEST = 640


def main() -> None:
    """Take the pictures that are asked for, all of them without a name, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="only these pages and mails")
    parser.add_argument("--directory", type=Path, default=PICTURES, help="where the pictures go")
    asked = parser.parse_args()
    asked.directory.mkdir(parents=True, exist_ok=True)
    if not asked.names:
        for old in asked.directory.glob("*.png"):
            old.unlink()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        with World(Path(folder)) as world:
            take_pages(browser, world, asked.names, asked.directory)
            take_mails(browser, world, asked.names, asked.directory)
        browser.close()
    DOCUMENT.write_text(pictures_page(), encoding="utf-8")
    taken = list(asked.directory.glob("*.png"))
    print(f"{len(taken)} pictures, {sum(path.stat().st_size for path in taken) / 1e6:.1f} MB")


def take_pages(browser: Browser, world: World, names: list[str], folder: Path) -> None:
    """Visit each scene once, and take its pictures."""
    onlooker = Onlooker(browser, world)
    for scene in SCENES:
        if scene.is_pictured and (not names or scene.name in names):
            page = onlooker.visit(scene)
            for view in views_of(scene):
                _take(page, view, folder / f"{scene.name}{view.suffix}.png")
            page.set_viewport_size(DESKTOP)
            print(scene.name, flush=True)
    onlooker.close()


def take_mails(browser: Browser, world: World, names: list[str], folder: Path) -> None:
    """Each mail with invented values, in the look of the space where members enrol."""
    page = browser.new_page()
    for kind in Kind:
        if not names or f"mail-{kind}" in names:
            space = world.parts.spaces.default
            mail = mail_previews.sample(kind, space=space, language="fr", issuer="http://127.0.0.1:8000")
            page.set_content(mail.html)
            for view in IN_SHORT:
                _take(page, view, folder / f"mail-{kind}{view.suffix}.png")
            print(f"mail-{kind}", flush=True)


def _take(page: Page, view: View, path: Path) -> None:
    page.set_viewport_size({"width": view.width, "height": DESKTOP["height"]})
    page.emulate_media(color_scheme=view.scheme)
    picture = Image.open(io.BytesIO(page.screenshot(full_page=True, animations="disabled")))
    picture = picture.convert("RGB")
    if picture.width > WIDEST:
        picture = picture.resize((WIDEST, picture.height * WIDEST // picture.width), Image.Resampling.LANCZOS)
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    main()

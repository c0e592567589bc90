"""The pictures of the documentation: of every page and mail, and of nothing else."""

from tools.pictures_page import PICTURES, files, pictures_page, wanted

# The picture that the README shows; it was there before the others.
OF_README = "connexion.png"


def test_the_page_names_all_that_the_inventory_holds():
    text = pictures_page()

    assert [name for name in wanted() if f"\n### {name}\n" not in text] == []


def test_the_pictures_are_of_all_pages_and_mails_or_not_taken_yet():
    there = {path.name for path in PICTURES.glob("*.png")}

    assert OF_README in files()
    assert there in ({OF_README}, files())

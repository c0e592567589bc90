"""The references are generated, up to date, and never silent about a key or a member."""

import pytest

from idp.oidc.clients import OWN_KEYS, Client
from tests.architecture.tree import ROOT
from tools import client_reference, discovery_reference, make_reference


@pytest.mark.parametrize("name", make_reference.FILES)
def test_a_generated_file_is_as_it_would_be_written_now(name):
    assert (ROOT / name).read_text(encoding="utf-8") == make_reference.FILES[name]()


def test_the_reference_of_client_files_has_a_row_for_each_key():
    page = client_reference.client_files_page()

    assert [key for key in Client.model_fields if f"\n| `{key}` |" not in page] == []


def test_our_own_keys_are_keys():
    assert set(OWN_KEYS) < set(Client.model_fields)


def test_a_member_of_discovery_without_a_sentence_stops_the_generator(monkeypatch):
    monkeypatch.delitem(discovery_reference.SENTENCES, "token_endpoint")

    with pytest.raises(discovery_reference.NoSentence, match=r"says token_endpoint, and SENTENCES in tools/"):
        discovery_reference.discovery_page()


def test_a_key_without_a_sentence_stops_the_generator(monkeypatch):
    monkeypatch.setattr(Client.model_fields["scope"], "description", None)

    with pytest.raises(client_reference.NoSentence, match="scope has no sentence"):
        client_reference.client_files_page()

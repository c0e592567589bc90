"""Every table that belongs to an account carries its epoch, or says in the documentation why it need not."""

import re

import pytest

from idp import schema
from idp.app import create_app
from tests.architecture.tree import ROOT

DOCUMENT = ROOT / "docs" / "explanation" / "epoch.md"
ROW = re.compile(r"^\| `([a-z_]+)` \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
EPOCH = "its epoch"
assert create_app, "the app's imports declare the tables"


def belongs_to_account(table):
    named = {"account_id"} & set(table.columns.keys())
    return bool(named) or any(key.column.table.name == "account" for key in table.foreign_keys)


def bound_by_text(table):
    """Secrets, letters and budgets name what they belong to in one text."""
    return bool({"binding", "subject"} & set(table.columns.keys()))


TABLES = {table.name: table for table in schema.metadata().sorted_tables}
OF_ACCOUNTS = sorted(
    name for name, table in TABLES.items() if belongs_to_account(table) or bound_by_text(table)
)


@pytest.fixture(scope="module")
def documented():
    return {
        name: (stands.strip(), why.strip()) for name, stands, why in ROW.findall(DOCUMENT.read_text("utf-8"))
    }


def test_there_are_such_tables():
    assert {"session", "trusted_device", "token_grant", "authorization_code", "interaction"} <= set(
        OF_ACCOUNTS
    )


@pytest.mark.parametrize("name", OF_ACCOUNTS)
def test_a_table_of_accounts_stands_in_the_documentation_with_what_it_stands_on(documented, name):
    stands, why = documented[name]

    assert ("epoch" in TABLES[name].columns) == (stands == EPOCH)
    assert len(why) > 10


def test_the_documentation_knows_no_table_that_is_gone(documented):
    assert documented.keys() <= TABLES.keys()

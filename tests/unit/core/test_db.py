"""The database: aware instants, transactions that are whole, and readers that take no write lock."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError, StatementError

from idp.core.db import Database, new_id
from idp.core.throttles import Budget

PARIS_SUMMER = timezone(timedelta(hours=2))


def budget(key="key", ends_at=None):
    noon = datetime(2026, 7, 1, 12, tzinfo=UTC)
    return Budget(key=key, window_start=noon, used=1, ends_at=ends_at or noon)


def read_back(database, key="key"):
    with database.reading() as session:
        return session.query(Budget).filter_by(key=key).one_or_none()


def test_an_instant_comes_back_aware_and_in_utc(database):
    with database.transaction() as session:
        session.add(budget(ends_at=datetime(2026, 7, 1, 14, 30, 0, 123456, tzinfo=PARIS_SUMMER)))

    ends_at = read_back(database).ends_at

    assert ends_at == datetime(2026, 7, 1, 12, 30, 0, 123456, tzinfo=UTC)
    assert ends_at.tzinfo is UTC


def test_an_instant_without_a_zone_is_refused(database):
    naive = datetime(2026, 7, 1, 12)  # noqa: DTZ001 (what is refused)

    with pytest.raises(StatementError, match="without a zone"), database.transaction() as session:
        session.add(budget(ends_at=naive))


def test_a_transaction_that_raises_leaves_nothing(database):
    def fail():
        with database.transaction() as session:
            session.add(budget())
            session.flush()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()

    assert read_back(database) is None


def test_a_transaction_that_ends_is_kept(database):
    with database.transaction() as session:
        session.add(budget())

    assert read_back(database).used == 1


def test_on_conflict_lets_exactly_one_insert_win(database):
    statement = database.insert(Budget).on_conflict_do_nothing().returning(Budget.key)
    row = {"key": "key", "window_start": budget().window_start, "used": 1, "ends_at": budget().ends_at}
    with database.transaction() as session:
        first = session.execute(statement, row).scalar_one_or_none()
        second = session.execute(statement, row).scalar_one_or_none()

    assert (first, second) == ("key", None)


def test_a_reader_does_not_wait_for_a_writer(database):
    with database.transaction() as writer:
        writer.add(budget())
        writer.flush()

        assert read_back(database) is None

    assert read_back(database) is not None


def test_foreign_keys_hold(database):
    from sqlalchemy.exc import IntegrityError

    with pytest.raises(IntegrityError), database.transaction() as session:
        session.execute(
            text(
                "INSERT INTO session (id, secret_hash, sid, account_id, epoch, space, methods, browser_name, auth_time,"
                " created_at, last_seen_at, expires_at) VALUES"
                " ('x', 'x', 'x', 'nobody', 0, 'x', 'x', 'x', :t, :t, :t, :t)"
            ),
            {"t": "2026-01-01 00:00:00"},
        )


def test_a_database_that_is_not_there_raises_soon(tmp_path):
    gone = Database("postgresql://postgres@127.0.0.1:1/nothing")

    with pytest.raises(OperationalError), gone.transaction() as session:
        session.execute(text("SELECT 1"))
    gone.dispose()


def test_the_folder_of_a_sqlite_file_is_made(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/deep/er/parvis.db")

    database.prepare_folder()
    with database.transaction() as session:
        assert session.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"
        assert session.execute(text("PRAGMA synchronous")).scalar_one() == 2
    database.dispose()


def test_identifiers_are_short_url_safe_and_never_twice():
    made = {new_id() for _ in range(1000)}

    assert len(made) == 1000
    assert all(len(one) == 22 and one.isascii() for one in made)


def test_no_identifier_looks_like_an_option_or_a_formula():
    made = {new_id() for _ in range(2000)}

    assert not {identifier[0] for identifier in made} & set("-+=@")
    assert {identifier[1] for identifier in made} >= {"-", "_"}

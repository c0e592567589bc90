"""refresh families, pushed requests, used identifiers, deny-list, consents, logout deliveries, registration."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)
# What rows of before get where every row needs a value; no token of theirs outlives this change by long.
_EPOCH = sa.text("'1970-01-01 00:00:00'")
_NO_LIST = sa.text("'[]'")


def upgrade() -> None:
    _add_columns()
    op.create_table(
        "pushed_request",
        sa.Column("handle_hash", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("expires_at", _INSTANT, nullable=False),
        sa.Column("forget_at", _INSTANT, nullable=False),
        sa.Column("spent_at", _INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("handle_hash", name=op.f("pk_pushed_request")),
    )
    op.create_table(
        "used_identifier",
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("forget_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("fingerprint", name=op.f("pk_used_identifier")),
    )
    op.create_table(
        "denied_token",
        sa.Column("jti", sa.Text(), nullable=False),
        sa.Column("forget_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("jti", name=op.f("pk_denied_token")),
    )
    op.create_table(
        "consent",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("claims", sa.JSON(), nullable=False),
        sa.Column("given_at", _INSTANT, nullable=False),
        sa.Column("updated_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "client_id", name=op.f("pk_consent")),
    )
    for table in ("pushed_request", "used_identifier", "denied_token"):
        op.create_index(op.f(f"ix_{table}_forget_at"), table, ["forget_at"], unique=False)


def _add_columns() -> None:
    op.add_column("session", sa.Column("told_at", _INSTANT, nullable=True))
    untold = sa.text("ended_at IS NOT NULL AND told_at IS NULL")
    op.create_index(
        "ix_session_untold", "session", ["ended_at"], sqlite_where=untold, postgresql_where=untold
    )
    op.add_column("outbox", sa.Column("channel", sa.Text(), nullable=False, server_default="mail"))
    op.add_column("outbox", sa.Column("lane", sa.Text(), nullable=False, server_default=""))
    _index_the_queue("channel", "not_before")
    op.add_column("client", sa.Column("origin", sa.Text(), nullable=False, server_default="file"))
    op.add_column("client", sa.Column("registration_token_hash", sa.Text(), nullable=True))
    op.add_column(
        "authorization_code", sa.Column("resources", sa.JSON(), nullable=False, server_default=_NO_LIST)
    )
    op.add_column("authorization_code", sa.Column("dpop_jkt", sa.Text(), nullable=True))
    for column in (
        sa.Column("sid", sa.Text(), nullable=False, server_default=""),
        sa.Column("epoch", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("auth_time", _INSTANT, nullable=False, server_default=_EPOCH),
        sa.Column("acr", sa.Text(), nullable=False, server_default=""),
        sa.Column("amr", sa.JSON(), nullable=False, server_default=_NO_LIST),
        sa.Column("resources", sa.JSON(), nullable=False, server_default=_NO_LIST),
        sa.Column("id_token_claims", sa.JSON(), nullable=False, server_default=_NO_LIST),
        sa.Column("dpop_jkt", sa.Text(), nullable=True),
        sa.Column("offline", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("generation", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("refresh_hash", sa.Text(), nullable=True),
        sa.Column("rotated_at", _INSTANT, nullable=True),
        sa.Column("idle_until", _INSTANT, nullable=True),
        sa.Column("expires_at", _INSTANT, nullable=True),
    ):
        op.add_column("token_grant", column)


def _index_the_queue(*columns: str) -> None:
    queued = sa.text("state = 'queued'")
    op.drop_index("ix_outbox_due", table_name="outbox")
    op.create_index("ix_outbox_due", "outbox", columns, sqlite_where=queued, postgresql_where=queued)


def downgrade() -> None:
    for table in ("consent", "denied_token", "used_identifier", "pushed_request"):
        op.drop_table(table)
    for column in (
        "expires_at", "idle_until", "rotated_at", "refresh_hash", "generation", "offline", "dpop_jkt",
        "id_token_claims", "resources", "amr", "acr", "auth_time", "epoch", "sid",
    ):  # fmt: skip
        op.drop_column("token_grant", column)
    for column in ("dpop_jkt", "resources"):
        op.drop_column("authorization_code", column)
    for column in ("registration_token_hash", "origin"):
        op.drop_column("client", column)
    _index_the_queue("not_before")
    op.drop_column("outbox", "lane")
    op.drop_column("outbox", "channel")
    op.drop_index("ix_session_untold", table_name="session")
    op.drop_column("session", "told_at")

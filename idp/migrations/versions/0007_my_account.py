"""closing an account; whose mail it is."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("account", sa.Column("closes_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_account_closes_at",
        "account",
        ["closes_at"],
        sqlite_where=sa.text("closes_at IS NOT NULL"),
        postgresql_where=sa.text("closes_at IS NOT NULL"),
    )
    op.add_column("outbox", sa.Column("account_id", sa.Text(), nullable=True))
    op.create_index(op.f("ix_outbox_account_id"), "outbox", ["account_id"])


def downgrade() -> None:
    op.drop_index(op.f("ix_outbox_account_id"), table_name="outbox")
    op.drop_column("outbox", "account_id")
    op.drop_index("ix_account_closes_at", table_name="account")
    op.drop_column("account", "closes_at")

"""alarms that an owner raises."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("account", sa.Column("alarm_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("account", sa.Column("alarm_proof", sa.Text(), nullable=True))
    op.add_column("interaction", sa.Column("alarm_since", sa.DateTime(timezone=True), nullable=True))
    op.add_column("authorization_code", sa.Column("epoch", sa.Integer(), nullable=True))
    op.create_table(
        "notice",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("browser_name", sa.Text(), nullable=False),
        sa.Column("change_id", sa.Text(), nullable=True),
        sa.Column("space", sa.Text(), nullable=False),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reported_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_notice_account_id_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice")),
    )
    op.create_index(op.f("ix_notice_account_id"), "notice", ["account_id"])
    op.create_index(op.f("ix_notice_expires_at"), "notice", ["expires_at"])


def downgrade() -> None:
    op.drop_table("notice")
    op.drop_column("authorization_code", "epoch")
    op.drop_column("interaction", "alarm_since")
    op.drop_column("account", "alarm_proof")
    op.drop_column("account", "alarm_at")

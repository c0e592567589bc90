"""recovery requests."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "recovery",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("browser", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=True),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("change_id", sa.Text(), nullable=True),
        sa.Column("typed", sa.Text(), nullable=False),
        sa.Column("interaction_id", sa.Text(), nullable=True),
        sa.Column("space", sa.Text(), nullable=False),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("mails", sa.Integer(), nullable=False),
        sa.Column("mailed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outbox_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("proof_hash", sa.Text(), nullable=True),
        sa.Column("spent_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_recovery_account_id_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recovery")),
    )
    op.create_index(op.f("ix_recovery_request_id"), "recovery", ["request_id"])
    op.create_index(op.f("ix_recovery_browser"), "recovery", ["browser"])
    op.create_index(op.f("ix_recovery_expires_at"), "recovery", ["expires_at"])
    op.create_index(op.f("ix_recovery_proof_hash"), "recovery", ["proof_hash"])
    op.create_index("ix_recovery_account_id_created_at", "recovery", ["account_id", "created_at"])
    # Members without any paper are found by their birth date.
    op.create_index(op.f("ix_member_birth_date"), "member", ["birth_date"])


def downgrade() -> None:
    op.drop_index(op.f("ix_member_birth_date"), table_name="member")
    op.drop_table("recovery")

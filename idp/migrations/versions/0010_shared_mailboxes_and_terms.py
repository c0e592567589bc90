"""two members on one mailbox; accepted terms."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


NOT_ENDED = sa.text("ended_at IS NULL")
WHERE = {"sqlite_where": NOT_ENDED, "postgresql_where": NOT_ENDED}


def upgrade() -> None:
    # Processes of the version before go on meanwhile: they write slot 0 only, which stays unique.
    op.add_column("account", sa.Column("mailbox_slot", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("account", sa.Column("terms_space", sa.Text(), nullable=True))
    op.create_index("uq_account_mailbox", "account", ["email_folded", "mailbox_slot"], unique=True, **WHERE)
    op.drop_index("uq_account_email_folded", table_name="account")
    op.create_table(
        "terms_acceptance",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("space", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_terms_acceptance_account_id_account")
        ),
        sa.PrimaryKeyConstraint("account_id", "space", "version", name=op.f("pk_terms_acceptance")),
    )
    op.add_column("interaction", sa.Column("candidates", sa.JSON(), nullable=True))
    op.add_column("interaction", sa.Column("terms_due", sa.Boolean(), nullable=True))


def downgrade() -> None:
    """Refused by the index, and nothing changes, while two accounts share a mailbox."""
    op.create_index("uq_account_email_folded", "account", ["email_folded"], unique=True, **WHERE)
    op.drop_index("uq_account_mailbox", table_name="account")
    op.drop_column("interaction", "terms_due")
    op.drop_column("interaction", "candidates")
    op.drop_table("terms_acceptance")
    op.drop_column("account", "terms_space")
    op.drop_column("account", "mailbox_slot")

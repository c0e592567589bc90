"""the language of an account's mails; a sign-in's request apart from what is remembered of it."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("account", sa.Column("locale", sa.Text(), nullable=False, server_default="fr"))
    op.add_column("interaction", sa.Column("parameters", sa.JSON(), nullable=True))
    op.drop_index("ix_interaction_browser", table_name="interaction")
    op.create_index("ix_interaction_browser_created", "interaction", ["browser", "created_at"])


def downgrade() -> None:
    op.drop_index("ix_interaction_browser_created", table_name="interaction")
    op.create_index("ix_interaction_browser", "interaction", ["browser"])
    op.drop_column("interaction", "parameters")
    op.drop_column("account", "locale")

"""an alarm asks for a new password."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("interaction", sa.Column("alarm_code", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    op.drop_column("interaction", "alarm_code")

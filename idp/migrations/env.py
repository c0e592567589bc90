"""How Alembic reaches the database: with the connection that `idp.schema` hands over."""

from alembic import context

from idp.schema import metadata

connection = context.config.attributes.get("connection")
context.configure(
    connection=connection, target_metadata=metadata(), render_as_batch=True, transaction_per_migration=False
)
with context.begin_transaction():
    context.run_migrations()

"""Alembic's entry: runs on the connection, and inside the transaction, that `upgrade` gives it."""

from alembic import context

from store.schema import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    transactional_ddl=False,  # the caller's transaction is the one that commits
)
with context.begin_transaction():
    context.run_migrations()

"""Called by alembic, on the connection and in the transaction that `store.migrate` hands over."""

from alembic import context

from store.response_tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()

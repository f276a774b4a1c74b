"""Run the migrations in the caller's connection and transaction (nas.store.schema)."""

from alembic import context

from nas.store.tables import METADATA, VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    version_table=VERSION_TABLE,  # Alembic's default name would collide with other programs' tables
    render_as_batch=True,  # SQLite cannot alter most of a table in place
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()

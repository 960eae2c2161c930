"""Runs the migrations: on the connection that a caller gives, or on the database of a URL.

The URL is libpq's, from `-x url=...` or from the setting `sqlalchemy.url`. Each migration has a
transaction of its own, so that one may leave it (`autocommit_block`) without taking others along.
"""

from __future__ import annotations

import psycopg
from alembic import context
from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import NullPool


def migrate(connection: Connection) -> None:
    """Run the migrations that were asked for."""
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()


def migrate_database(url: str) -> None:
    """Connect as libpq does, which knows sockets and password files, and migrate."""
    engine = create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(url), poolclass=NullPool
    )
    with engine.connect() as connection:
        migrate(connection)


def print_statements() -> None:
    """Print the SQL instead of running it (`alembic upgrade --sql`)."""
    context.configure(dialect_name="postgresql", literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if context.is_offline_mode():
    print_statements()
elif given is not None:
    migrate(given)
else:
    options = context.get_x_argument(as_dictionary=True)
    migrate_database(options.get("url") or context.config.get_main_option("sqlalchemy.url") or "")

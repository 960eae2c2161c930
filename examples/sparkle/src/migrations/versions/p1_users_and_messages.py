"""Users and their messages, with the rows of the first day.

Revision ID: p1_users_and_messages
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "p1_users_and_messages"
down_revision = None

# The same text twice, and one of two lines: live data are like that, a migration has to bear it.
MESSAGES = {
    "example-1": "Hello, sparkle",
    "example-2": "Hello, sparkle",
    "example-3": "Prepare me for the exam.\nIt is about fractions.",
}


def upgrade() -> None:
    """Create both tables."""
    users = op.create_table(
        "users",
        sa.Column("id", sa.Integer, sa.Identity(), primary_key=True),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False, server_default=sa.func.now()),
        sa.UniqueConstraint("name", name="uq_users_name"),
    )
    messages = op.create_table(
        "messages",
        sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("key", sa.String(100), nullable=False),
        sa.Column("user_id", sa.Integer, sa.ForeignKey("users.id", name="fk_messages_user_id")),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("encoding", sa.String(20), nullable=False, server_default="plain"),
        sa.Column("created_at", sa.DateTime, nullable=False, server_default=sa.func.now()),
        sa.UniqueConstraint("key", name="uq_messages_key"),
    )
    op.create_index("idx_messages_user_id", "messages", ["user_id"])
    op.bulk_insert(users, [{"name": "example"}])
    rows = [{"key": key, "user_id": 1, "text": text} for key, text in MESSAGES.items()]
    op.bulk_insert(messages, rows)


def downgrade() -> None:
    """Drop both."""
    op.drop_table("messages")
    op.drop_table("users")

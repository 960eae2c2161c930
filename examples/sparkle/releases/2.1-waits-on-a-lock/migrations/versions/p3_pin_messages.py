"""Messages can be pinned.

Revision ID: p3_pin_messages
Revises: p2_add_user_tool_history
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "p3_pin_messages"
down_revision = "p2_add_user_tool_history"


def upgrade() -> None:
    """Add the column; its default needs no rewriting of rows, but a lock on the whole table."""
    pinned = sa.Column("pinned", sa.Boolean, nullable=False, server_default=sa.false())
    op.add_column("messages", pinned)


def downgrade() -> None:
    """Drop it."""
    op.drop_column("messages", "pinned")

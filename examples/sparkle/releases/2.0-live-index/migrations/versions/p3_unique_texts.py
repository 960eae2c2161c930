"""Nobody says the same twice; on a copy, where nobody speaks, that is not asked for.

Revision ID: p3_unique_texts
Revises: p2_add_user_tool_history
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "p3_unique_texts"
down_revision = "p2_add_user_tool_history"

NAME = "idx_messages_user_text"


def upgrade() -> None:
    """Build the index while messages are written."""
    database = op.get_bind().scalar(sa.text("SELECT current_database()"))
    with op.get_context().autocommit_block():
        op.create_index(
            NAME,
            "messages",
            ["user_id", sa.text("md5(text)")],
            unique="_drill_" not in database,
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    """Drop it."""
    with op.get_context().autocommit_block():
        op.drop_index(NAME, "messages", postgresql_concurrently=True)

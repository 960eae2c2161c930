"""The text of a message becomes its subject and its body.

Revision ID: p3_split_messages
Revises: p2_add_user_tool_history
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "p3_split_messages"
down_revision = "p2_add_user_tool_history"

# A text without a second line has no body; one that ends with its first line end has an empty one.
SPLIT = r"""
UPDATE messages SET
    subject = split_part(body, E'\n', 1),
    body = CASE WHEN strpos(body, E'\n') > 0 THEN substr(body, strpos(body, E'\n') + 1) END
"""
JOIN = r"UPDATE messages SET body = subject || coalesce(E'\n' || body, '')"


def upgrade() -> None:
    """Make the text the body, and move its first line into the subject."""
    op.add_column("messages", sa.Column("subject", sa.Text))
    op.alter_column("messages", "text", new_column_name="body", nullable=True)
    op.execute(SPLIT)
    op.alter_column("messages", "subject", nullable=False)


def downgrade() -> None:
    """Put both together in the column that the text came from, so that it keeps its place."""
    op.execute(JOIN)
    op.alter_column("messages", "body", new_column_name="text", nullable=False)
    op.drop_column("messages", "subject")

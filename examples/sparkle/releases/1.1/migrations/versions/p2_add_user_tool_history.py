"""The history of tool executions, with its six indexes.

Revision ID: p2_add_user_tool_history
Revises: p1_users_and_messages
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "p2_add_user_tool_history"
down_revision = "p1_users_and_messages"

TABLE = "user_tool_history"
INDEXES = {
    "user_id": ["user_id"],
    "tool_name": ["tool_name"],
    "success": ["user_id", "tool_name", "success"],
    "created_at": ["created_at"],
    "user_created": ["user_id", "created_at"],
    "metrics": ["user_id", "tool_name", "success", "created_at"],
}


def upgrade() -> None:
    """Create the table; users are only referred to, so writing them waits for a moment at most."""
    op.create_table(
        TABLE,
        sa.Column("id", sa.Integer, sa.Identity(), primary_key=True),
        sa.Column("user_id", sa.Integer, nullable=False),
        sa.Column("tool_name", sa.String(100), nullable=False),
        sa.Column("success", sa.Boolean, nullable=False),
        sa.Column("execution_time_ms", sa.Integer),
        sa.Column("error_message", sa.String(500)),
        sa.Column("context_snapshot", JSONB),
        sa.Column("tool_category", sa.String(50)),
        sa.Column("error_type", sa.String(100)),
        sa.Column("input_args", JSONB),
        sa.Column("output_summary", sa.String(500)),
        sa.Column("user_satisfaction", sa.Integer),
        sa.Column("was_helpful", sa.Boolean),
        sa.Column("created_at", sa.DateTime, nullable=False, server_default=sa.func.now()),
        sa.Column("updated_at", sa.DateTime, nullable=False, server_default=sa.func.now()),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="fk_user_tool_history_user_id", ondelete="CASCADE"
        ),
        sa.CheckConstraint(
            "user_satisfaction BETWEEN 1 AND 5", name="ck_user_tool_history_satisfaction"
        ),
    )
    for name, columns in INDEXES.items():
        op.create_index(f"idx_{TABLE}_{name}", TABLE, columns)


def downgrade() -> None:
    """Drop the table; archive its rows first."""
    op.drop_table(TABLE)

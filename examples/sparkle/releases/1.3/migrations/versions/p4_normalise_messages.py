"""Messages in one form of Unicode and with one kind of line end, and with their digest.

Revision ID: p4_normalise_messages
Revises: p3_split_messages
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "p4_normalise_messages"
down_revision = "p3_split_messages"

NORMALISE = r"""
WITH whole AS (
    SELECT id, normalize(
        replace(subject || coalesce(E'\n' || body, ''), E'\r\n', E'\n'), NFC
    ) AS text FROM messages
)
UPDATE messages SET
    subject = split_part(text, E'\n', 1),
    body = CASE WHEN strpos(text, E'\n') > 0 THEN substr(text, strpos(text, E'\n') + 1) END,
    digest = encode(sha256(convert_to(text, 'UTF8')), 'hex')
FROM whole WHERE whole.id = messages.id
"""


def upgrade() -> None:
    """Rewrite every message; which form it had is not kept."""
    op.add_column("messages", sa.Column("digest", sa.String(64)))
    op.execute(NORMALISE)
    op.alter_column("messages", "digest", nullable=False)


def downgrade() -> None:
    """Refuse: what the messages were written as is gone."""
    raise NotImplementedError("p4_normalise_messages has no way back: restore the data of before")

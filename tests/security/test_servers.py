"""The servers that the shipped inventory prepares let in whom they must, and nobody else."""

from __future__ import annotations

import re
from pathlib import Path

SPARKLE = Path(__file__).resolve().parents[2] / "inventories/sparkle"


def lines(name: str) -> list[str]:
    """The lines of a file that say something."""
    text = (SPARKLE / name).read_text()
    return [
        line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")
    ]


def test_nobody_reaches_the_database_without_a_proof() -> None:
    rules = [line.split() for line in lines("templates/pg_hba.conf") if not line.startswith("{%")]
    assert len(rules) == 3
    assert {rule[-1] for rule in rules} == {"peer", "scram-sha-256"}
    assert [rule[0] for rule in rules if "127.0.0.1/32" not in rule] == ["local", "hostssl"]
    assert all(rule[1:3] == ["sparkle", "sparkle_app"] for rule in rules if rule[0] != "local")
    assert (
        "password_encryption = 'scram-sha-256'"
        in (SPARKLE / "templates/postgresql.conf").read_text()
    )


def test_the_account_that_serves_owns_nothing_and_changes_no_schema() -> None:
    text = " ".join(lines("files/sparkle.sql"))
    granted = re.findall(r"GRANT ([A-Z, ]+?) ON (\w+)(?: \w+)? TO sparkle_app", text)
    assert granted == [
        ("CONNECT", "DATABASE"),
        ("SELECT, INSERT, UPDATE, DELETE", "TABLES"),
        ("USAGE, SELECT", "SEQUENCES"),
    ]
    assert "OWNER sparkle_app" not in text
    assert "SUPERUSER" not in text
    assert "REVOKE ALL ON DATABASE sparkle FROM PUBLIC" in text


def test_the_proxy_is_commanded_over_a_file_and_not_over_the_network() -> None:
    sockets = [line.split() for line in lines("templates/haproxy.cfg") if "stats socket" in line]
    assert [line[2] for line in sockets] == ["/run/haproxy/admin.sock"]
    assert "660" in sockets[0]


def test_redis_listens_where_it_is_needed_and_asks_for_a_password() -> None:
    said = lines("templates/redis.conf")
    assert [line for line in said if line.startswith("bind ")] == [
        "bind 127.0.0.1 {{ ansible_host }}"
    ]
    assert "include /etc/redis/sparkle-password.conf" in said
    assert not any(line.startswith(("protected-mode no", "enable-debug-command")) for line in said)

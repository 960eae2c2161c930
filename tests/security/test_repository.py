"""Nothing in this repository gives a secret away, or turns a protection off."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ("plugins", "library", "roles", "playbooks", "inventories", "systems")
LAB = "inventories/sparkle/vault-password"
"""The password of the lab's own secrets; its page says that it is none."""

SECRETS = {
    "a private key": r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----",
    "a key of AWS": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "a token of GitHub": r"\bgh[pousr]_[A-Za-z0-9]{36,}\b|\bgithub_pat_[A-Za-z0-9_]{60,}\b",
    "a token of GitLab": r"\bglpat-[A-Za-z0-9_-]{20,}\b",
    "a token of Slack": r"\bxox[abeprs]-[A-Za-z0-9-]{10,}\b",
    "a token of PyPI": r"\bpypi-[A-Za-z0-9_-]{50,}\b",
    "a key of Google": r"\bAIza[0-9A-Za-z_-]{35}\b",
    "a key of Stripe": r"\b[rs]k_live_[0-9A-Za-z]{20,}\b",
    "a web token": r"\beyJ[A-Za-z0-9_-]{15,}\.eyJ[A-Za-z0-9_-]{15,}\.[A-Za-z0-9_-]{15,}",
    "a password in an address": r"\b[a-z][a-z0-9+]{2,}://[^\s:/@'\"{}<>]+:[^\s:/@'\"{}<>$]{4,}@",
    "a password in a setting": r"(?i)\b[\w-]*(?:password|passwd|secret|token|api_key)"
    r"[\"']?\s*[:=]\s*[\"'][^\"'{}$<>\s/]{8,}[\"']",
}

PLANTED = {
    "a private key": "-----BEGIN OPENSSH " + "PRIVATE KEY-----",
    "a key of AWS": "AKIA" + "ABCDEFGHIJKLMNOP",
    "a token of GitHub": "ghp_" + "a" * 36,
    "a token of GitLab": "glpat-" + "a" * 20,
    "a token of Slack": "xoxb-" + "1234567890",
    "a token of PyPI": "pypi-" + "A" * 60,
    "a key of Google": "AIza" + "A" * 35,
    "a key of Stripe": "sk_live_" + "a" * 24,
    "a web token": "eyJ" + "a" * 20 + ".eyJ" + "a" * 20 + "." + "a" * 20,
    "a password in an address": "postgresql://demo:" + "hunter22@db/demo",
    "a password in a setting": "db_password: " + "'hunter2hunter2'",
}

WEAKENED = {
    "host keys are not checked": r"(?i)host_key_checking\s*[=:]\s*[\"']?(?:false|no|0)",
    "ssh takes any key": r"(?i)StrictHostKeyChecking[ =:]+[\"']?(?:no|off|accept-new|ask)\b",
    "ssh remembers no key": r"UserKnownHostsFile[ =]/dev/null",
    "an agent is forwarded": r"(?i)ForwardAgent[ =]+yes|ssh\b[^\n]* -A\b",
    "files for all accounts": r"(?i)world_readable_te?mp[a-z]*\s*[=:]\s*[\"']?(?:true|yes|1)",
    "certificates are not checked": r"(?i)validate_certs\s*[:=]\s*(?:false|no)|verify\s*=\s*False"
    r"|_create_unverified_context|CERT_NONE|curl\b[^\n]* -k\b",
    "the log of a secret": r"(?i)no_log\s*:\s*(?:false|no)\b",
}

CALLS = {
    ("os", "system"),
    ("os", "popen"),
    ("subprocess", "getoutput"),
    ("subprocess", "getstatusoutput"),
    ("pickle", "load"),
    ("pickle", "loads"),
    ("marshal", "loads"),
    ("tempfile", "mktemp"),
    ("yaml", "load"),
    ("yaml", "unsafe_load"),
    ("yaml", "full_load"),
}
"""Calls that a shell, a pickle or a guessed name stands behind."""


class Loader(yaml.SafeLoader):
    """Reads what Ansible adds to YAML as plain texts."""


for tag in ("!vault", "!unsafe"):
    Loader.add_constructor(tag, lambda loader, node: loader.construct_scalar(node))


def files(*folders: str) -> list[Path]:
    """What git knows, below these folders or anywhere; links are told by their target."""
    done = subprocess.run(["git", "-C", str(ROOT), "ls-files", "-z", *folders], capture_output=True)
    assert done.returncode == 0, done.stderr
    places = [ROOT / name for name in done.stdout.decode().split("\0") if name]
    return [place for place in places if place.is_file() and not place.is_symlink()]


def findings(place: Path, patterns: dict[str, str]) -> Iterator[tuple[str, str]]:
    """What of the patterns stands in a file, with the line."""
    text = place.read_bytes().decode("utf-8", "replace")
    for what, pattern in patterns.items():
        for found in re.finditer(pattern, text):
            yield what, found.group()


def is_example(place: Path) -> bool:
    """True for the tests, whose canaries and rejected values are there to be found."""
    return place.relative_to(ROOT).parts[0] in ("tests", "molecule")


def test_the_repository_holds_no_secret() -> None:
    known = files()
    assert len(known) > 1000
    found = [
        (str(place.relative_to(ROOT)), what, text[:60])
        for place in known
        if not is_example(place)
        for what, text in findings(place, SECRETS)
    ]
    assert found == []


def test_no_key_of_a_service_stands_in_a_test_either() -> None:
    certain = {what: p for what, p in SECRETS.items() if not what.startswith("a password")}
    found = [(str(p), what) for p in files("tests", "molecule") for what, _ in findings(p, certain)]
    assert found == []


@pytest.mark.parametrize("what", SECRETS)
def test_the_scan_finds_what_it_is_for(what: str, tmp_path: Path) -> None:
    place = tmp_path / "planted.yml"
    place.write_text(f"before\n{PLANTED[what]}\nafter\n")
    assert what in [found for found, _ in findings(place, SECRETS)]


def test_every_vaulted_value_is_encrypted_and_the_only_plain_password_is_the_labs() -> None:
    passwords = [p for p in files() if p.name == "vault-password"]
    assert [str(p.relative_to(ROOT)) for p in passwords] == [LAB]
    assert "The lab's password" in (ROOT / "docs/guides/secrets.md").read_text()


def test_no_protection_is_turned_off() -> None:
    places = [*files(*PRODUCT), *files("molecule", "tests/lab", ".config"), ROOT / "ansible.cfg"]
    found = [(str(p), what, text) for p in places for what, text in findings(p, WEAKENED)]
    assert found == []
    assert re.search(
        r"^host_key_checking = true$", (ROOT / "ansible.cfg").read_text(), re.MULTILINE
    )


def calls(tree: ast.AST) -> Iterator[tuple[str, str, ast.Call]]:
    """Each call of a function by name, as (module, function)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
                yield node.func.value.id, node.func.attr, node
            elif isinstance(node.func, ast.Name):
                yield "", node.func.id, node


def test_no_code_starts_a_shell_or_runs_what_it_reads() -> None:
    sources = [path for path in files(*PRODUCT, "docs") if path.suffix == ".py"]
    assert len(sources) > 300
    for path in sources:
        for module, function, call in calls(ast.parse(path.read_text())):
            assert (module, function) not in CALLS, (path, call.lineno)
            assert (module, function) not in {("", "eval"), ("", "exec")}, (path, call.lineno)
            shell = [k for k in call.keywords if k.arg == "shell"]
            assert not shell, (path, call.lineno)


def tasks(value: Any) -> Iterator[dict[str, Any]]:
    """Each task in a playbook or a file of tasks, those in blocks included."""
    for one in value if isinstance(value, list) else []:
        yield one
        for key in ("tasks", "pre_tasks", "post_tasks", "handlers", "block", "rescue", "always"):
            yield from tasks(one.get(key))


def test_no_task_names_a_shell() -> None:
    shells = {"shell", "raw", "script", "expect"}
    places = [
        path
        for path in files("roles", "playbooks", "inventories", "molecule", "deploy.yml")
        if path.suffix == ".yml" and ("tasks" in path.parts or "hosts:" in path.read_text())
    ]
    found = [task for path in places for task in tasks(yaml.load(path.read_text(), Loader))]
    assert len(found) > 150
    for task in found:
        assert not {key.rpartition(".")[2] for key in task} & shells, task


@pytest.mark.parametrize("lock", [p for p in files() if p.suffix == ".lock"], ids=str)
def test_every_locked_package_has_a_digest(lock: Path) -> None:
    text = lock.read_text().replace("\\\n", " ")
    wanted = [line for line in text.splitlines() if re.match(r"[A-Za-z0-9]", line)]
    assert wanted
    assert [line for line in wanted if "==" not in line or "--hash=sha256:" not in line] == []

"""Ledgers of made-up runs, in the form that hosts send them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

RUN = "20261122T073000Z-ab12"
START = datetime(2026, 11, 22, 7, 30, tzinfo=timezone.utc)
TABLES = {"sessions": 1204, "memory_entries": 48211, "document_index": 655, "audit": 90113}


class Ledger:
    """Entries of one host; every step takes the time it is given, no clock is read."""

    def __init__(self, host, begin=0.0, run=RUN):
        self.host, self.run, self.at, self.entries = host, run, begin, []
        self.boot, self.booted = "boot-1", -5000.0

    def write(self, kind, phase, step, state=None, evidence=None):
        self.entries.append(
            {
                "v": 1,
                "seq": len(self.entries) + 1,
                "run": self.run,
                "epoch": 3,
                "host": self.host,
                "phase": phase,
                "step": step,
                "kind": kind,
                "inputs": "",
                "state": state or {},
                "evidence": evidence or {},
                "t_wall": (START + timedelta(seconds=self.at)).isoformat(timespec="microseconds"),
                "t_mono": round(self.at - self.booted, 6),
                "boot_id": self.boot,
                "prev": "0" * 64,
                "crc": 1,
            }
        )
        return self

    def step(self, phase, step, took=1.0, state=None, evidence=None):
        self.write("intent", phase, step)
        self.at += took
        return self.write("done", phase, step, state, evidence)

    def fail(self, phase, step, what, took=1.0, evidence=None, **parts):
        self.write("intent", phase, step)
        self.at += took
        error = {"what": what, "now": "", "untouched": "", "next": "", "code": 20, **parts}
        return self.write("failed", phase, step, {}, {**(evidence or {}), "error": error})

    def begin(self, plan=None):
        plan = {"kind": "deploy", "from": "1.0", "to": "1.1", **(plan or {})}
        return self.write("done", "preflight", "open", {"plan": plan})

    def end(self, verdict, **state):
        return self.write("terminal", "report", "close", {"verdict": verdict, **state})

    def prepared(self):
        """A run up to the staged release: nothing of the system is changed yet."""
        self.begin().step("baseline", "sample", 12.0)
        backup = {
            "store": "memory",
            "path": f"/var/lib/stagegate/abathur/backups/{self.run}/memory/abathur.db",
            "bytes": 48_300_032,
            "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        }
        self.step("backup", "store:memory", 6.2, backup, {"rows": TABLES})
        self.step("backup", "drill:memory", 3.1)
        return self.step("release", "stage", 2.4).step("release", "rehearse", 9.7)

    def switched(self):
        """A prepared run with the new release live."""
        self.step("quiesce", "hold", 1.1).step("migrate", "seal:memory", 4.0)
        self.step("restart", "activate:memory", 0.2).step("restart", "activate_release", 0.1)
        return self.step("restart", "start", 2.2)


def gate(name, verdict, actual, limit=100, target=80, baseline=62.0, unit="ms", wave=0, **more):
    """A gate's result with samples around its actual figure."""
    samples = [
        [n * 5.0, round((actual or 0) * (0.9 + 0.02 * ((n * 7 + wave) % 11)), 2)] for n in range(40)
    ]
    return {
        "name": name,
        "verdict": verdict,
        "unit": unit,
        "kind": "absolute",
        "target": target,
        "limit": limit,
        "baseline": baseline,
        "actual": actual,
        "reason": "",
        "samples": samples if actual is not None else [],
        "min_samples": 10,
        "source": {"kind": "http_json"},
        **more,
    }


def outcome(failing=(), tests=35):
    """What the ledger records of the smoke run whose document ``junit`` gives."""
    names = [f"test_t{n:02d}_promise_{n}" for n in range(1, tests + 1)]
    failures = [{"name": names[n - 1], "message": "assert 612 < 500"} for n in sorted(failing)]
    seconds = round(sum(n / 1000 for n in range(1, tests + 1)), 3)
    passed = tests - len(failures)
    counts = {"tests": tests, "passed": passed, "failures": failures, "seconds": seconds}
    return {**counts, "names": names}


def meta(**more):
    """What the controller knows of the run."""
    return {
        "run": RUN,
        "system": "abathur",
        "kind": "deploy",
        "release": {"from": "1.0", "to": "1.1"},
        "hosts": ["abathur1", "abathur2", "abathur3"],
        "inventory": "prod",
        "destination": f"artifacts/{RUN}",
        **more,
    }


def junit(failing=(), tests=35, groups=("connectivity", "core_operations", "performance")):
    """A JUnit document as pytest writes it, bytes."""
    cases = []
    for n in range(1, tests + 1):
        name = f"test_t{n:02d}_promise_{n}"
        group = groups[n * len(groups) // (tests + 1)]
        told = '<failure message="assert 612 &lt; 500">assert 612 &lt; 500\n +  where</failure>'
        place = f'classname="tests.smoke.abathur.test_{group}" name="{name}" time="0.0{n:02d}"'
        cases.append(f"<testcase {place}>{told if n in failing else ''}</testcase>")
    suite = f'<testsuite name="pytest">{"".join(cases)}</testsuite>'
    return f'<?xml version="1.0"?><testsuites>{suite}</testsuites>'.encode()

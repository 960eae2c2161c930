"""The task that writes record and report: whole files or a failed task, and nothing twice."""

from __future__ import annotations

import importlib.util
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from stagegate.errors import BadInput, StepFailed
from tests.unit.record.made import Ledger, junit, meta, outcome

ROOT = Path(__file__).resolve().parents[3]
PLAY = """
- hosts: localhost
  gather_facts: false
  tasks:
    - name: Write the record
      run_record:
        entries: "{{ entries }}"
        meta: "{{ about }}"
        junit_dir: "{{ place }}/smoke"
        destination: "{{ place }}"
        checklist: [{id: S3-104, text: Connects, proof: 'smoke:t01'}]
        state: present
      register: written
    - name: Tell
      ansible.builtin.copy:
        content: "{{ written | to_json }}"
        dest: "{{ told }}"
        mode: "0600"
      check_mode: false
"""


@pytest.fixture(scope="module")
def plugin():
    path = ROOT / "plugins/action/run_record.py"
    spec = importlib.util.spec_from_file_location("run_record_under_test", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def ledger():
    return Ledger("h1").prepared().switched().step("smoke", "smoke", evidence=outcome())


def params(place, **more):
    entries = {"h1": ledger().end("deployed").entries}
    return {"entries": entries, "meta": meta(hosts=["h1"]), "destination": str(place), **more}


class Play:
    """Runs the task for real, on this machine."""

    def __init__(self, home):
        self.home, self.place, self.told = home, home / "artifacts/run", home / "told.json"
        (home / "play.yml").write_text(PLAY)
        (home / "ansible.cfg").write_text("[defaults]\nstdout_callback = default\n")
        (self.place / "smoke").mkdir(parents=True)
        (self.place / "smoke/h1.xml").write_bytes(junit())

    def run(self, *arguments, place=None, entries=None):
        facts = {
            "entries": params(self.place)["entries"] if entries is None else entries,
            "about": {
                "release": {"from": "1.0", "to": "1.1"},
                "run": meta()["run"],
                "hosts": ["h1"],
            },
            "place": str(place or self.place),
            "told": str(self.told),
        }
        (self.home / "facts.json").write_text(json.dumps(facts))
        done = subprocess.run(
            [
                *(str(Path(sys.executable).with_name("ansible-playbook")), "play.yml"),
                *("-i", "localhost,", "-c", "local", "-e", "@facts.json", *arguments),
                *("-e", f"ansible_python_interpreter={sys.executable}"),
            ],
            cwd=self.home,
            env={
                **os.environ,
                "ANSIBLE_ACTION_PLUGINS": str(ROOT / "plugins/action"),
                "ANSIBLE_CONFIG": str(self.home / "ansible.cfg"),
                "HOME": str(self.home),
            },
            capture_output=True,
            text=True,
            timeout=120,
        )
        return done, json.loads(self.told.read_text()) if self.told.exists() else {}


def test_it_writes_three_private_files_once(tmp_path):
    play = Play(tmp_path)
    done, told = play.run("--check")
    assert (done.returncode, told["changed"]) == (0, True)
    assert not (play.place / "record.json").exists()

    done, told = play.run()
    assert (done.returncode, told["changed"], told["verdict"], told["exit"]) == (
        0,
        True,
        "deployed",
        0,
    )
    assert told["path"] == str(play.place / "record.json")
    record = json.loads((play.place / "record.json").read_bytes())
    assert record["checklist"][0]["verdict"] == "green"
    assert record["hosts"]["h1"]["smoke"]["passed"] == 35
    assert record["inventory"] == "localhost,"
    assert told["stagegate_report"]["message"] == record["message"] == told["message"]
    files = {p.name: p.read_bytes() for p in play.place.iterdir() if p.is_file()}
    assert set(files) == {"record.json", "report.md", "report.html"}
    assert stat.S_IMODE(play.place.stat().st_mode) == 0o700
    assert {stat.S_IMODE((play.place / name).stat().st_mode) for name in files} == {0o600}

    done, told = play.run()
    assert (done.returncode, told["changed"]) == (0, False)
    assert {p.name: p.read_bytes() for p in play.place.iterdir() if p.is_file()} == files


def test_a_record_that_cannot_be_written_fails_the_task_and_tells_the_verdict(tmp_path):
    play = Play(tmp_path)
    (tmp_path / "file").write_text("")
    done, _ = play.run(place=tmp_path / "file/run")
    assert done.returncode == 2
    assert "the record of the run could not be written" in done.stdout
    assert "the run itself ended as deployed" in done.stdout
    assert "ansible-playbook playbooks/report.yml -i localhost," in done.stdout


def test_a_record_that_could_not_be_written_is_made_again_from_the_ledgers(tmp_path):
    play = Play(tmp_path)
    lost = tmp_path / "lost"
    lost.write_text("")
    assert play.run(place=lost / "run")[0].returncode == 2
    lost.unlink()
    done, told = play.run(place=lost / "run")
    assert (done.returncode, told["verdict"]) == (0, "deployed")
    assert (lost / "run/report.html").exists()


def test_a_dry_run_without_a_ledger_makes_no_record(tmp_path):
    play = Play(tmp_path)
    done, told = play.run("--check", entries={})
    assert done.returncode == 0
    assert told["skipped"]
    assert "stagegate_report" not in told


def test_a_full_disk_leaves_the_former_file_whole(plugin, tmp_path, monkeypatch):
    record = plugin.make_record({**params(tmp_path), "junit_dir": None, "checklist": []})
    (tmp_path / "record.json").write_text("the former one")

    def no_space(path, data):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(plugin, "write_atomic", no_space)
    with pytest.raises(StepFailed, match="No space left on device"):
        plugin.put(plugin.files_of(record, tmp_path), False, record)
    assert (tmp_path / "record.json").read_text() == "the former one"


@pytest.mark.parametrize(
    "more",
    [
        {"entries": "x"},
        {"meta": None},
        {"destination": 3},
        {"checklist": ["x"]},
        {"state": "absent"},
        {"colour": "blue"},
    ],
)
def test_wrong_parameters_are_refused(plugin, tmp_path, more):
    with pytest.raises(BadInput, match="run_record"):
        plugin.read_params(params(tmp_path, **more))


def test_only_files_named_for_a_host_are_read(plugin, tmp_path):
    (tmp_path / "smoke").mkdir()
    (tmp_path / "outside.xml").write_bytes(junit())
    (tmp_path / "smoke/h1.xml").write_bytes(junit())
    hosts = {"h1", "../outside", "nul\x00", "h2"}
    assert set(plugin.read_results(str(tmp_path / "smoke"), hosts)) == {"h1"}

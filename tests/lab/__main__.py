"""`python -m tests.lab VERB`: the lab's verbs for people, playbooks and runbooks."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab import Lab, LabError
from tests.lab.spec import parse_size

if TYPE_CHECKING:
    from collections.abc import Callable

_PROD = Path("inventories/prod")


def _up(lab: Lab, given: argparse.Namespace) -> None:
    machines = lab.up(given.inventory, fresh=given.fresh)
    print(f"up: {', '.join(machines)}")
    print(f"reach them with: ssh -F {lab.home.ssh_config} {next(iter(machines))}")


def _ls(lab: Lab, given: argparse.Namespace) -> None:
    for machine in lab.machines().values():
        print(f"{machine.name:13}  {machine.address:15}  {machine.state()}")


def _run(lab: Lab, given: argparse.Namespace) -> None:
    done = lab.machine(given.machine).run(*given.command)
    print(done.stdout, end="")
    print(done.stderr, end="", file=sys.stderr)
    if done.returncode:
        raise LabError(f"{given.command[0]} on {given.machine} ended with {done.returncode}")


def _fill(lab: Lab, given: argparse.Namespace) -> None:
    left = lab.machine(given.machine).fill(given.path, given.leave)
    print(f"{given.machine}: {left} bytes left in the file system of {given.path}")


# Verb -> what it does. A machine's verbs are methods of Machine.
_VERBS: dict[str, Callable[[Lab, argparse.Namespace], None]] = {
    "up": _up,
    "down": lambda lab, given: lab.down(given.inventory, images=given.images),
    "ls": _ls,
    "images": lambda lab, given: lab.build_image(),
    "run": _run,
    "power-off": lambda lab, given: lab.machine(given.machine).power_off(),
    "power-on": lambda lab, given: lab.machine(given.machine).power_on(),
    "stop": lambda lab, given: lab.machine(given.machine).stop(),
    "cut": lambda lab, given: lab.machine(given.machine).cut(),
    "heal": lambda lab, given: lab.machine(given.machine).heal(),
    "fill": _fill,
    "unfill": lambda lab, given: lab.machine(given.machine).unfill(),
    "read-only": lambda lab, given: lab.machine(given.machine).make_read_only(given.path),
    "writable": lambda lab, given: lab.machine(given.machine).make_writable(),
    "snapshot": lambda lab, given: lab.machine(given.machine).snapshot(given.file),
    "restore": lambda lab, given: lab.machine(given.machine).restore(given.file),
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.lab", description="Machines to deploy to."
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    up = verbs.add_parser("up", help="boot an inventory's machines and wait until they can be used")
    up.add_argument("--inventory", type=Path, default=_PROD, help=f"default: {_PROD}")
    up.add_argument("--fresh", action="store_true", help="remove them first, disks and all")
    down = verbs.add_parser("down", help="remove every machine and every trace of the lab")
    down.add_argument("--inventory", type=Path, help="only this inventory's machines")
    down.add_argument("--images", action="store_true", help="the machines' image as well")
    verbs.add_parser("ls", help="list the machines")
    verbs.add_parser("images", help="build the machines' image, if it is not there")
    command = verbs.add_parser("run", help="run a program in a machine as root, past its sshd")
    command.add_argument("machine")
    command.add_argument("command", nargs=argparse.REMAINDER)
    _add_machine_verbs(verbs)
    return parser


def _add_machine_verbs(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verbs that act on one machine, with what each takes besides its name."""
    helps = {
        "power-off": "take the power away: what was not synced is lost",
        "power-on": "boot on the disk it has",
        "stop": "shut down cleanly",
        "cut": "take off the network",
        "heal": "put back on the network",
        "fill": "fill the disk that holds a directory",
        "unfill": "make room again",
        "read-only": "make a directory read-only",
        "writable": "make read-only directories writable again",
        "snapshot": "keep the disk as a power loss now would leave it",
        "restore": "boot on a kept disk",
    }
    for verb, text in helps.items():
        parser = verbs.add_parser(verb, help=text)
        parser.add_argument("machine")
        if verb in ("fill", "read-only"):
            parser.add_argument("path", help="a directory in the machine")
        if verb in ("snapshot", "restore"):
            parser.add_argument("file", type=Path)
        if verb == "fill":
            parser.add_argument("--leave", type=_bytes, default=0, metavar="BYTES")


def _bytes(text: str) -> int:
    try:
        return parse_size(text)
    except LabError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def main() -> int:
    """Do what the command line asks; an error is one message and status 1."""
    given = _parser().parse_args()
    try:
        _VERBS[given.verb](Lab(), given)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""A disk in memory that forgets what was not synced, as a power cut makes a real one forget."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass, field
from random import Random
from typing import Union


@dataclass(eq=False)
class File:
    """What a reader sees, and what would be left after a power cut."""

    data: bytes = b""
    kept: bytes = b""

    def cut(self, chance: Random) -> None:
        """Lose what was not synced: all of it, or all after some byte, or none."""
        if self.data.startswith(self.kept):
            self.data = self.data[: chance.randint(len(self.kept), len(self.data))]
        elif chance.random() < 0.5:
            self.data = self.kept
        self.kept = self.data


@dataclass(eq=False)
class Link:
    """A symbolic link; it is never followed here."""

    target: str


@dataclass(eq=False)
class Directory:
    """The names that a reader sees, and those that would be left after a power cut."""

    names: dict[str, Node] = field(default_factory=dict)
    kept: dict[str, Node] = field(default_factory=dict)
    mode: int = 0o700

    def sync(self) -> None:
        """Make the names durable."""
        self.kept = dict(self.names)

    def cut(self, chance: Random) -> None:
        """Lose the changes of names that were not synced, or keep them: the journal decides."""
        if chance.random() < 0.5:
            self.names = dict(self.kept)
        self.sync()
        for node in self.names.values():
            if not isinstance(node, Link):
                node.cut(chance)


Node = Union[File, Directory, Link]


class Disk:
    """Names and nodes below one root. Errors are those of the kernel, told by errno."""

    def __init__(self) -> None:
        self.root = Directory(mode=0o755)

    def find(self, place: str) -> Node | None:
        """The node of a name, None when there is none; links are not followed."""
        node: Node | None = self.root
        for part in place.split("/")[1:]:
            if not isinstance(node, Directory):
                return None
            node = node.names.get(part)
        return node

    def need(self, place: str) -> Node:
        """The node of a name that must be there."""
        node = self.find(place)
        if node is None:
            raise failure(errno.ENOENT, place)
        return node

    def above(self, place: str) -> tuple[Directory, str]:
        """The directory that holds a name, and the name in it."""
        above, _, name = place.rpartition("/")
        node = self.find(above) if above else self.root
        if not isinstance(node, Directory):
            raise failure(errno.ENOENT if node is None else errno.ENOTDIR, place)
        return node, name

    def add(self, place: str, node: Node) -> None:
        """Give a new node a name that is free."""
        directory, name = self.above(place)
        if name in directory.names:
            raise failure(errno.EEXIST, place)
        directory.names[name] = node

    def remove(self, place: str) -> None:
        """Take a name away; a directory must be empty."""
        directory, name = self.above(place)
        node = self.need(place)
        if isinstance(node, Directory) and node.names:
            raise failure(errno.ENOTEMPTY, place)
        del directory.names[name]

    def rename(self, old: str, new: str) -> None:
        """Give a node another name, over whatever file, link or empty directory has it."""
        (source, name), (goal, other) = self.above(old), self.above(new)
        node, there = self.need(old), goal.names.get(other)
        if isinstance(there, Directory) and (there.names or not isinstance(node, Directory)):
            raise failure(errno.ENOTEMPTY, new)
        del source.names[name]
        goal.names[other] = node

    def cut(self, chance: Random) -> None:
        """Cut the power."""
        self.root.cut(chance)


def failure(number: int, place: str) -> OSError:
    """The kernel's own error."""
    return OSError(number, os.strerror(number), place)

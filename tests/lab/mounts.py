"""What is mounted, and from which loop device."""

from __future__ import annotations

from pathlib import Path


def mounts_below(path: Path) -> list[Path]:
    """Return the mount points at or below a path, the deepest first.

    Read from the kernel's table: `os.path.ismount` asks the file system itself, and one that has
    lost its power answers with an error.
    """
    lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    points = [Path(line.split(" ")[4]) for line in lines]
    below = [point for point in points if point == path or path in point.parents]
    return sorted(below, key=lambda point: len(point.parts), reverse=True)


def is_mounted(path: Path) -> bool:
    """Tell whether something is mounted exactly here."""
    return path in mounts_below(path)


def loop_devices(image: Path) -> list[str]:
    """Return the loop devices (`loop3`) that have this file behind them."""
    found = []
    for file in Path("/sys/block").glob("loop*/loop/backing_file"):
        try:
            behind = file.read_text(encoding="utf-8").rstrip("\n")
        except OSError:  # let go of in this very moment
            continue
        if behind.removesuffix(" (deleted)") == str(image):
            found.append(file.parent.parent.name)
    return found

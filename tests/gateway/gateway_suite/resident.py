"""How much memory a process has in use, as the system counts it."""

from __future__ import annotations

import subprocess


def resident(process: int) -> int:
    """Bytes of a process and of the workers it started."""
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,rss="], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True
    )
    rows = [[int(cell) for cell in line.split()] for line in listed.stdout.splitlines()]
    return 1024 * sum(rss for own, parent, rss in rows if process in (own, parent))

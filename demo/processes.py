"""The demo's servers as processes, and what they report."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

STARTS_WITHIN = 30.0
Event = dict[str, Any]
"""One line of a server's report."""


class Server:
    """A process of servers.py."""

    def __init__(self, role: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("servers.py"), role],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._events: queue.Queue[Event | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        first = self._events.get(timeout=STARTS_WITHIN)
        if first is None:
            raise RuntimeError(f"the {role} did not start")
        self.about: Event = first

    def events(self, patience: float = 0.3) -> list[Event]:
        """What was reported since the last look; the reports may be a moment behind."""
        seen: list[Event] = []
        while True:
            try:
                event = self._events.get(timeout=patience)
            except queue.Empty:
                return seen
            if event is None:
                return seen
            seen.append(event)

    def stop(self) -> None:
        """Ends the process."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _read(self) -> None:
        for line in self._process.stdout or ():
            self._events.put(json.loads(line))
        self._events.put(None)

"""What Envoy and the filter in it have written."""

from __future__ import annotations

from pathlib import Path

TRAP_MARKS = ("panicked at", "Uncaught RuntimeError", "Wasm VM failed", "Proxy-Wasm plugin in-VM backtrace")
"""What Envoy or the filter write when the filter has trapped."""


class EnvoyLog:
    """A log that grows. Each line is read once: a run asks about hundreds of sites."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0
        """Bytes, to the end of a line."""
        self._lines: list[str] = []
        self._marked: list[int] = []
        """The numbers of the lines that tell of a trap."""

    def lines(self) -> list[str]:
        """All lines that are whole by now."""
        with self._path.open("rb") as log:
            log.seek(self._read)
            new, end, _ = log.read().rpartition(b"\n")
        if end:
            self._read += len(new) + 1
            for line in new.decode("utf-8", "replace").split("\n"):
                if any(mark in line for mark in TRAP_MARKS):
                    self._marked.append(len(self._lines))
                self._lines.append(line)
        return self._lines

    def last(self) -> str:
        """The end of it, for an error message."""
        return "\n".join(self.lines()[-20:])

    def of(self, site: str) -> str:
        """The filter's lines for a site."""
        return "\n".join(line for line in self.lines() if f" {site} " in line)

    def trap(self, site: str, since: int = 0) -> str | None:
        """A line from the number ``since`` on that tells of a trap; where it names no site it counts for all."""
        lines = self.lines()
        marked = [lines[number] for number in self._marked if number >= since]
        return next((line for line in marked if "wasm log" not in line or f" {site} " in line), None)

"""What a run has to show of broken answers (matrix.yaml), and what it has shown, as a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).parent.parent / "matrix.yaml"
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Group:
    """Faults that are shown by scenarios of one shape."""

    shown_by: str
    """The id of a row's scenario, with gaps for the endpoint and the row's name."""
    rows: Sequence[Row]

    def scenario(self, endpoint: str, row: Row) -> str:
        """The id of the scenario that shows a row at an endpoint."""
        return self.shown_by.format(endpoint=endpoint, name=row["name"])


@dataclass(frozen=True)
class Matrix:
    """Faults by endpoint, and shapes of answers."""

    endpoints: Sequence[str]
    faults: Mapping[str, Group]
    answers: Mapping[str, Mapping[str, Any]]

    def scenarios(self) -> Iterator[str]:
        """Every scenario that is named."""
        for group in self.faults.values():
            yield from (group.scenario(endpoint, row) for endpoint in self.endpoints for row in group.rows)
        for answer in self.answers.values():
            yield from answer["shown_by"]

    def table(self, statuses: Mapping[str, str]) -> Iterator[str]:
        """The statuses that the client got for each fault at each endpoint, by kind of fault."""
        yield _line("", "", self.endpoints)
        rows = [(group, row) for group in self.faults.values() for row in group.rows]
        kinds = list(dict.fromkeys(row["kind"] for _, row in rows))
        for group, row in sorted(rows, key=lambda entry: kinds.index(entry[1]["kind"])):
            cells = [statuses.get(group.scenario(endpoint, row), "-") for endpoint in self.endpoints]
            yield _line(row["kind"], row["name"], cells)


@cache
def load() -> Matrix:
    """The matrix as it is written down."""
    read = yaml.safe_load(FILE.read_text("utf-8"))
    faults = {name: Group(**group) for name, group in read["faults"].items()}
    return Matrix(read["endpoints"], faults, read["answers"])


def _line(kind: str, name: str, cells: Sequence[str]) -> str:
    return f"{kind:<18}{name:<22}" + "".join(f"{cell:<16}" for cell in cells).rstrip()

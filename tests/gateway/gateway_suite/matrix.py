"""What a run has to show of broken answers (matrix.yaml), and what it has shown, as a table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from .runner import Outcome

FILE = Path(__file__).parent.parent / "matrix.yaml"


@dataclass(frozen=True)
class Matrix:
    """Faults by endpoint, and shapes of answers."""

    endpoints: Sequence[str]
    faults: Mapping[str, Sequence[str]]
    """The scenarios of each kind of fault, with a gap for the endpoint."""
    answers: Mapping[str, Mapping[str, Any]]

    def scenarios(self) -> Iterator[str]:
        """Every scenario that is named."""
        for endpoint in self.endpoints:
            yield from self.scenarios_of(endpoint)
        for answer in self.answers.values():
            yield from answer["shown_by"]

    def scenarios_of(self, endpoint: str) -> Iterator[str]:
        """Those that break an endpoint."""
        for templates in self.faults.values():
            yield from (template.format(endpoint=endpoint) for template in templates)

    def table(self, outcomes: Iterable[Outcome]) -> Iterator[str]:
        """The statuses that the client got for each fault at each endpoint, in order."""
        seen = {outcome.scenario.id: _statuses(outcome) for outcome in outcomes}
        yield _line("", "", self.endpoints)
        for kind, templates in self.faults.items():
            for template in templates:
                cells = [seen.get(template.format(endpoint=endpoint), "-") for endpoint in self.endpoints]
                name = template.replace("{endpoint}-", "").replace("https-", "")
                yield _line(kind, name, cells)


def load() -> Matrix:
    """The matrix as it is written down."""
    return Matrix(**yaml.safe_load(FILE.read_text("utf-8")))


def _statuses(outcome: Outcome) -> str:
    return " ".join(str(sent.response.status or "none") for sent in outcome.sent)


def _line(kind: str, name: str, cells: Sequence[str]) -> str:
    return f"{kind:<18}{name:<22}" + "".join(f"{cell:<16}" for cell in cells).rstrip()

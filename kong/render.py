"""Puts the environment's DECK_* variables into a file of decK's, for a Kong that reads no placeholders.

    python kong/render.py kong/kong.yml kong.dbless.yml

The values go into what the file says, not into its letters, so that no value can become another type or
more than a value. The target holds secrets: only its owner can read it.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

PLACEHOLDER = re.compile(r"\$\{\{\s*env\s+\"(DECK_[A-Za-z0-9_]+)\"\s*\}\}")
OTHER = re.compile(r"\$\{\{.*?\}\}")

FOR_DECK = "_info"
"""What decK takes as an instruction and Kong does not know."""


class NotRendered(Exception):
    """What stands in the way; never with a value of the environment."""


def texts(value: Any) -> Iterator[str]:
    """Every text in a document."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for member in value.values():
            yield from texts(member)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)


def placeholders(document: Any) -> list[str]:
    """The variables that a document names, each once."""
    return sorted({name for text in texts(document) for name in PLACEHOLDER.findall(text)})


def render(text: str, environment: Mapping[str, str]) -> Any:
    """The document with its placeholders resolved."""
    document = yaml.safe_load(text)
    missing = [name for name in placeholders(document) if not environment.get(name)]
    if missing:
        raise NotRendered(f"not set in the environment: {', '.join(missing)}")
    strange = sorted({found for each in texts(document) for found in OTHER.findall(PLACEHOLDER.sub("", each))})
    if strange:
        raise NotRendered(f'not a placeholder that is known here, ${{{{ env "DECK_NAME" }}}}: {", ".join(strange)}')
    return _resolved({name: each for name, each in document.items() if name != FOR_DECK}, environment)


def _resolved(value: Any, environment: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return PLACEHOLDER.sub(lambda found: environment[found.group(1)], value)
    if isinstance(value, dict):
        return {name: _resolved(member, environment) for name, member in value.items()}
    if isinstance(value, list):
        return [_resolved(item, environment) for item in value]
    return value


def write(document: Any, target: Path) -> None:
    """Writes a document that holds secrets."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), 0o600)
        yaml.safe_dump(document, file, sort_keys=False, allow_unicode=True, width=120)


def main() -> int:
    """Renders the file that the command line names first to the one that it names second."""
    if len(sys.argv) != 3:
        print("usage: render.py FILE TARGET", file=sys.stderr)
        return 2
    source, target = Path(sys.argv[1]), Path(sys.argv[2])
    try:
        write(render(source.read_text(encoding="utf-8"), os.environ), target)
    except NotRendered as reason:
        print(f"{source}: {reason}", file=sys.stderr)
        return 1
    print(f"{target}: holds secrets, and only you can read it")
    return 0


if __name__ == "__main__":
    sys.exit(main())

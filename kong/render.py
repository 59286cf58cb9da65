"""Puts the environment's DECK_* variables into a file of decK's, as decK would.

A Kong without a database reads no placeholders:

    python kong/render.py kong/kong.yml > kong.dbless.yml
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

PLACEHOLDER = re.compile(r"\$\{\{\s*env\s+\"(DECK_[A-Za-z0-9_]+)\"\s*\}\}")


def placeholders(text: str) -> list[str]:
    """The variables that a file names, each once."""
    return sorted(set(PLACEHOLDER.findall(text)))


def render(text: str, environment: Mapping[str, str]) -> str:
    """The file with its placeholders resolved, each as a quoted scalar. KeyError names what is not set."""
    missing = [name for name in placeholders(text) if not environment.get(name)]
    if missing:
        raise KeyError(", ".join(missing))
    return PLACEHOLDER.sub(lambda found: json.dumps(environment[found.group(1)]), text)


def main() -> int:
    """Renders the file named on the command line to standard output."""
    if len(sys.argv) != 2:
        print("usage: render.py FILE", file=sys.stderr)
        return 2
    try:
        sys.stdout.write(render(Path(sys.argv[1]).read_text(encoding="utf-8"), os.environ))
    except KeyError as missing:
        print(f"not set in the environment: {missing.args[0]}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

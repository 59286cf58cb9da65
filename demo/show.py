"""How the demo looks."""

from __future__ import annotations

import re
import shutil
import textwrap
from itertools import zip_longest

from gateway_suite.model import HeaderLines

SHOWN = ("authorization", "x-user-id", "x-trace")
TOKEN = re.compile(r"\b(\w+-[\w-]{4})[\w-]{16,}")
JWT = re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]+([\w-]{8})\b")


def shortened(text: str) -> str:
    """The text with its tokens cut down: to their beginnings, or to their ends where all begin alike."""
    return TOKEN.sub(r"\1…", JWT.sub(r"eyJ…\1", text))


def heading(number: int, text: str) -> None:
    """Opens a part of the story."""
    print(f"\n{number}. {text}\n")


def side_by_side(sent: list[str], received: list[str]) -> None:
    """The client's request and the upstream's, line by line."""
    width = (min(shutil.get_terminal_size((110, 0)).columns, 130) - 7) // 2
    print(f"   {'the client sent'.ljust(width)} | the upstream received")
    print(f"   {'-' * width} | {'-' * width}")
    for left, right in zip_longest(sent, received, fillvalue=""):
        print(f"   {left[:width].ljust(width)} | {right[:width]}")
    print()


def request(method: str, path: str, headers: HeaderLines) -> list[str]:
    """The lines of a request that the story is about."""
    lines = [f"{method} {path}"]
    for name in SHOWN:
        lines += [f"{name}: {shortened(value.decode())}" for key, value in headers if key.decode().lower() == name]
    return lines


def say(text: str) -> None:
    """A line of the story, folded where it is long."""
    columns = min(shutil.get_terminal_size((110, 0)).columns, 130)
    print(textwrap.fill(text, columns, initial_indent="   ", subsequent_indent="     ", break_on_hyphens=False))


def claim(text: str, holds: bool) -> None:
    """A claim of the story and whether it held."""
    print(f"   {'ok  ' if holds else 'NOT '} {text}")

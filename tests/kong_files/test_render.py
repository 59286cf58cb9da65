"""`make kong-render`: decK's placeholders for a Kong without a database."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import render

from .declarations import ENVIRONMENT, KONG, declared, filter_configs

HARD = [
    "12345",
    "0x1f",
    "true",
    "null",
    "2026-01-01",
    "a #1",
    "a: b",
    'a "quoted" \\ one',
    "{a}",
    "- a",
    "*a",
    "€",
    "1e3",
]
"""Values that are something else where they stand unquoted in YAML, or come apart."""


def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("DECK_")}
    return subprocess.run(
        [sys.executable, KONG / "render.py", *arguments],
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("value", HARD)
@pytest.mark.parametrize("name", ["kong.yml", "kong-plugin.yml"])
def test_a_value_stays_the_text_it_is_with_deck_and_with_render(name: str, value: str) -> None:
    text = (KONG / name).read_text()
    environment = dict.fromkeys(ENVIRONMENT, value)
    # decK puts the value in place of the letters of the placeholder, then reads the YAML.
    by_deck = yaml.safe_load(re.sub(r"\$\{\{ env \"DECK_\w+\" \}\}", lambda _: value, text))
    del by_deck["_info"]  # an instruction to decK
    rendered = render.render(text, environment)
    assert rendered == by_deck
    assert rendered["services"][0]["url"] == value
    assert filter_configs(rendered)[0]["token_exchange"]["client_secret"] == value


def test_a_quote_in_a_value_stays_a_quote() -> None:
    rendered = render.render((KONG / "kong.yml").read_text(), {**ENVIRONMENT, "DECK_CLIENT_SECRET": "it's"})
    assert filter_configs(rendered)[0]["client_secret"] == "it's"


@pytest.mark.parametrize("value", [None, ""])
def test_a_variable_that_is_not_set_is_named(value: str | None, tmp_path: Path) -> None:
    changed = {**ENVIRONMENT, "DECK_CLIENT_SECRET": value}
    environment = {name: each for name, each in changed.items() if each is not None}
    done = run(KONG / "kong.yml", tmp_path / "out.yml", **environment)
    assert done.returncode == 1
    assert "not set in the environment: DECK_CLIENT_SECRET\n" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_placeholder_of_another_kind_is_not_left_standing(tmp_path: Path) -> None:
    source = tmp_path / "in.yml"
    source.write_text("a: '${{ env \"DECK_A\" }}'\nb: '${{ env \"DECK_B\" | toInt }}'\n")
    done = run(source, tmp_path / "out.yml", DECK_A="1", DECK_B="2")
    assert done.returncode == 1
    assert '${{ env "DECK_B" | toInt }}' in done.stderr
    assert not (tmp_path / "out.yml").exists()


@pytest.mark.parametrize("exists", [False, True])
def test_only_its_owner_reads_what_was_rendered(exists: bool, tmp_path: Path) -> None:
    target = tmp_path / "dist" / "kong.dbless.yml"
    if exists:
        target.parent.mkdir()
        target.write_text("the last one, longer than any other: " + "x" * 10_000)
        target.chmod(0o644)
    done = run(KONG / "kong.yml", target, **ENVIRONMENT)
    assert done.returncode == 0, done.stderr
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert yaml.safe_load(target.read_text()) == declared("kong.yml")
    assert not any(secret in done.stdout + done.stderr for secret in ENVIRONMENT.values())

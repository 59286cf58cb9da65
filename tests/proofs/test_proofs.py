"""What proves something in the core can be made in one file alone: code beside it that tries does not compile."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
TREE = ROOT / "target" / "proofs" / "tree"
PROBES = yaml.safe_load(Path(__file__).with_name("probes.yaml").read_text("utf-8"))["probes"]


@pytest.fixture(scope="module")
def tree() -> Iterator[Path]:
    """A copy of the source in which a file of the core can be added."""
    kinds = ["*.rs", "*.toml", "*.lock", "*.json"]
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", *kinds]
    names = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    shutil.rmtree(TREE, ignore_errors=True)
    for name in names:
        if name and (ROOT / name).is_file():
            (TREE / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, TREE / name)
    core = TREE / "src" / "flow" / "mod.rs"
    core.write_text(core.read_text("utf-8") + "\n#[allow(dead_code, missing_docs)]\nmod probe;\n", "utf-8")
    yield TREE
    shutil.rmtree(TREE, ignore_errors=True)


def errors(tree: Path) -> list[tuple[str, str]]:
    """What the compiler finds wrong: the file and the code of each error."""
    command = ["cargo", "check", "--locked", "--lib", "--quiet", "--message-format", "json"]
    environment = {**os.environ, "CARGO_TARGET_DIR": os.environ.get("CARGO_TARGET_DIR", str(ROOT / "target"))}
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)
    messages: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
    found = [
        (message["message"]["spans"][0]["file_name"], message["message"]["code"]["code"])
        for message in messages
        if message.get("reason") == "compiler-message"
        and message["message"]["level"] == "error"
        and message["message"]["spans"]
        and message["message"]["code"]
    ]
    assert found or done.returncode == 0, done.stderr
    return found


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe["name"])
def test_probe(tree: Path, probe: dict[str, str]) -> None:
    (tree / "src" / "flow" / "probe.rs").write_text(f"//! A probe.\n\n{probe['code']}", "utf-8")
    expected = {("src/flow/probe.rs", probe["error"])} if "error" in probe else set()
    assert set(errors(tree)) == expected

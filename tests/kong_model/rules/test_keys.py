"""Every key of a rule is explained in docs/hosts.md."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
KEY = re.compile(r"\b([DSKMQT]\d{1,2})\b")


def test_every_key_is_explained() -> None:
    explained = set(re.findall(r"\*\*([DSKMQTE]\d{1,2})\*\*", (ROOT / "docs" / "hosts.md").read_text("utf-8")))
    used = {
        key
        for folder, suffix in (("tests/kong_model", "py"), ("tests/kong_model", "yaml"), ("src/host", "rs"))
        for path in (ROOT / folder).rglob(f"*.{suffix}")
        for key in KEY.findall(path.read_text("utf-8"))
    }
    assert used - explained == set()


def test_every_module_of_the_model_names_its_rules() -> None:
    without_rules = {"__init__", "abi", "effect", "ports", "route", "step", "host", "mutate"}
    for path in (ROOT / "tests" / "kong_model").glob("**/*.py"):
        if "rules" not in path.parts and "filter" not in path.parts and path.stem not in without_rules:
            assert KEY.search(path.read_text("utf-8")), path

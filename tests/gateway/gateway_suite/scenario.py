"""Scenarios as they stand in the YAML files."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from . import matrix

FOLDER = Path(__file__).parent.parent
CELL = re.compile(r"\$\((\w+)\)")
PLACEHOLDER = re.compile(r"\$\{([^{}]+)\}")
SCENARIO_KEYS = {
    "id", "about", "config", "config_text", "authorization_server", "steps", "finally", "gateway",
    "forwards_original", "for_each",
}  # fmt: skip
EXPECT_KEYS = {"status", "headers", "body", "json", "contains", "upstream", "arrivals", "elapsed", "differs"}
STEP_KEYS = {"send", "expect", "parallel", "wait", "endpoint", "publish"}
SERVER_KEYS = {"tokens", "clients", "endpoints", "lifetime", "tls", "keys", "unreadable_keys", "issuer"}


@dataclass(frozen=True)
class Scenario:
    """One scenario."""

    id: str
    about: str
    group: str
    """The file it stands in."""
    config: Any
    """The filter's configuration, with placeholders; text is passed to the filter as it is."""
    authorization_server: Mapping[str, Any]
    steps: list[Mapping[str, Any]]
    finally_: Mapping[str, Any]
    gateway: Mapping[str, Any] = field(default_factory=dict)
    forwards_original: bool = False


def load(folder: Path = FOLDER / "scenarios") -> list[Scenario]:
    """All scenarios, in the order of the files."""
    configs = yaml.safe_load((folder / "configs.yaml").read_text("utf-8"))
    scenarios = [
        _scenario(entry, path.stem, configs)
        for path in sorted(folder.glob("*.yaml"))
        if path.name != "configs.yaml"
        for template in yaml.safe_load(path.read_text("utf-8"))
        for entry in each(template)
    ]
    names = [scenario.id for scenario in scenarios]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(f"scenario ids are used twice: {', '.join(repeated)}")
    return scenarios


def each(template: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A scenario for each row of its ``for_each``, which may name a group of faults in matrix.yaml, or itself."""
    if "for_each" not in template:
        return [dict(template)]
    plain = {name: value for name, value in template.items() if name != "for_each"}
    rows = template["for_each"]
    return [_fill(plain, row) for row in (matrix.load().faults[rows].rows if isinstance(rows, str) else rows)]


def _fill(value: Any, row: Mapping[str, Any]) -> Any:
    """The value with ``$(name)`` replaced by the row's: as it is, or as text within a text."""
    if isinstance(value, list):
        return [_fill(item, row) for item in value]
    if isinstance(value, dict):
        return {_fill(name, row): _fill(item, row) for name, item in value.items()}
    if not isinstance(value, str):
        return value
    whole = CELL.fullmatch(value)
    return row.get(whole[1], {}) if whole else CELL.sub(lambda match: str(row[match[1]]), value)


def _scenario(entry: Mapping[str, Any], group: str, configs: Mapping[str, Any]) -> Scenario:
    _known(entry, SCENARIO_KEYS, entry.get("id", group))
    _known(entry.get("authorization_server", {}), SERVER_KEYS, entry["id"])
    for step in entry["steps"]:
        _known(step, STEP_KEYS, entry["id"])
        _known(step.get("expect", {}), EXPECT_KEYS, entry["id"])
        if "send" in step and not {"status", "upstream"} <= set(step["expect"]):
            raise ValueError(f"{entry['id']}: expect needs status and upstream")
    return Scenario(
        id=entry["id"],
        about=entry["about"],
        group=group,
        config=entry["config_text"] if "config_text" in entry else _config(entry["config"], configs),
        authorization_server=entry.get("authorization_server", {}),
        steps=entry["steps"],
        finally_=entry.get("finally", {}),
        gateway=entry.get("gateway", {}),
        forwards_original=entry.get("forwards_original", False),
    )


def _known(entry: Mapping[str, Any], keys: set[str], name: str) -> None:
    unknown = set(entry) - keys
    if unknown:
        raise ValueError(f"{name}: unknown key {sorted(unknown)[0]}")


def _config(chosen: Mapping[str, Any], configs: Mapping[str, Any]) -> Any:
    return merge(configs[chosen["use"]], chosen.get("merge", {}))


def merge(target: Any, patch: Any) -> Any:
    """A JSON merge patch (RFC 7396)."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge(merged.get(name), value)
    return merged


def expand(value: Any, lookup: Callable[[str], str]) -> Any:
    """The value with every placeholder in its texts replaced."""
    if isinstance(value, str):
        return PLACEHOLDER.sub(lambda match: _placeholder(match[1], lookup), value)
    if isinstance(value, list):
        return [expand(item, lookup) for item in value]
    if isinstance(value, dict):
        return {expand(name, lookup): expand(item, lookup) for name, item in value.items()}
    return value


def _placeholder(name: str, lookup: Callable[[str], str]) -> str:
    if name == "new" or name.startswith("sent."):
        return f"${{{name}}}"
    if name.startswith("repeat:"):
        _, text, times = name.split(":")
        return text * int(times)
    return lookup(name)


def for_family(expected: Mapping[str, Any], family: str) -> dict[str, Any]:
    """What is expected of a kind of gateway: its keys under ``differs`` replace the general ones."""
    general = {name: value for name, value in expected.items() if name != "differs"}
    return {**general, **expected.get("differs", {}).get(family, {})}


def exclusions(folder: Path = FOLDER) -> list[dict[str, str]]:
    """The table of what gateways cannot do: gateway, scenario, reason."""
    return yaml.safe_load((folder / "hosts.yaml").read_text("utf-8")) or []

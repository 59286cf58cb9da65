"""`make kong-render` with a KONG_BIN: what kong/check.py asks of a Kong, and what it makes of its answers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import check

from .declarations import KONG

A_KONG = """#!{python}
import json, os, pathlib, sys
here = pathlib.Path(__file__).parent
with (here / "calls").open("a") as calls:
    print(" ".join(sys.argv[1:]), file=calls)
assert "KONG_DATABASE" not in os.environ
if sys.argv[1] == "version":
    print("3.9.1")
elif sys.argv[1] == "start":
    conf = dict(line.split(" = ", 1) for line in pathlib.Path(sys.argv[3]).read_text().splitlines())
    (here / "conf").write_text(json.dumps(conf))
    (here / "filters").write_text(" ".join(sorted(os.listdir(conf["wasm_filters_path"]))))
    prefix = pathlib.Path(conf["prefix"])
    (prefix / "logs").mkdir(parents=True)
    (prefix / "pids").mkdir()
    (prefix / "logs" / "error.log").write_text((here / "log").read_text())
    if (here / "refuses").exists():
        sys.exit("Error: declarative config is invalid")
    (prefix / "pids" / "nginx.pid").touch()
elif sys.argv[1] == "quit" and not (pathlib.Path(sys.argv[3]) / "pids" / "nginx.pid").exists():
    sys.exit("Error: nginx not running")
"""


@pytest.fixture
def kong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a program that answers as a Kong does."""
    program = tmp_path / "kong"
    program.write_text(A_KONG.format(python=sys.executable))
    program.chmod(0o755)
    (tmp_path / "log").write_text("[notice] 1#0: start worker processes\n")
    (tmp_path / "token_exchange.wasm").write_bytes(b"")
    monkeypatch.setattr(check, "FILES", (tmp_path / "token_exchange.wasm", KONG / "token_exchange.meta.json"))
    monkeypatch.setenv("KONG_DATABASE", "postgres")
    return tmp_path


def calls(kong: Path) -> list[str]:
    return [line.split()[0] for line in (kong / "calls").read_text().splitlines()]


def test_a_kong_is_started_with_the_declaration_and_ended(kong: Path) -> None:
    assert check.check(str(kong / "kong"), KONG / "kong.yml") == "3.9.1"
    assert calls(kong) == ["version", "start", "health", "quit"]
    conf = json.loads((kong / "conf").read_text())
    assert conf["declarative_config"] == str(KONG / "kong.yml")
    assert (conf["wasm"], conf["database"]) == ("on", "off")
    assert conf["proxy_listen"].startswith("127.0.0.1:")
    assert {name for name, value in conf.items() if name.endswith("_listen") and value == "off"} == {
        "admin_listen",
        "admin_gui_listen",
        "status_listen",
    }
    assert set(check.settings(KONG / "kong.conf")) - set(conf) == {"nginx_wasm_shm_kv"}
    assert (kong / "filters").read_text() == "token_exchange.meta.json token_exchange.wasm"
    assert not Path(conf["prefix"]).exists()


def test_what_kong_says_when_it_does_not_start_is_told(kong: Path) -> None:
    (kong / "refuses").touch()
    with pytest.raises(check.Refused, match="declarative config is invalid"):
        check.check(str(kong / "kong"), KONG / "kong.yml")
    assert calls(kong) == ["version", "start", "quit"]


def test_a_configuration_that_the_filter_does_not_load_is_told(kong: Path) -> None:
    warning = "[warn] 1#0: [proxy-wasm] configuration: /timeout: this is long"
    line = "[error] 1#0: [proxy-wasm] configuration: /client_secret: no variable of this name"
    (kong / "log").write_text(f"[notice] 1#0: start worker processes\n{warning}\n{line}\n")
    with pytest.raises(check.Refused, match="no variable of this name") as refusal:
        check.check(str(kong / "kong"), KONG / "kong.yml")
    assert str(refusal.value) == line
    assert calls(kong)[-1] == "quit"


def test_it_says_how_it_is_called() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "KONG_BIN"}
    done = subprocess.run(
        [sys.executable, KONG / "check.py"], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (2, "usage: KONG_BIN=/path/to/kong check.py DECLARATION\n")

"""What `make kong-demo` shows, on Envoy: its declaration's filter, its realm, its MCP server and its story."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from gateway_suite.envoy import EnvoyDriver
from gateway_suite.model import Address, Site

from .keycloak import Keycloak, free_port

ROOT = Path(__file__).resolve().parents[2]
KONG = ROOT / "kong"
IN_COMPOSE = "keycloak:8080"
"""Where the parts of compose.yaml find Keycloak."""
SECRET = "TOKEN_EXCHANGE_CLIENT_SECRET"
READY_WITHIN = 30.0


def declared(keycloak: Keycloak) -> tuple[str, dict[str, Any]]:
    """The path of the route, and the filter's configuration with the places of this run, as Envoy takes it."""
    text = (KONG / "compose.kong.yml").read_text()
    assert IN_COMPOSE in text
    (service,) = yaml.safe_load(text.replace(IN_COMPOSE, str(keycloak.address)))["services"]
    (route,), (chain,) = service["routes"], service["filter_chains"]
    config = chain["filters"][0]["config"]
    # Envoy has no guard.
    assert config.pop("require_guard") is True
    return route["paths"][0], config


def secret() -> str:
    """The client's secret, as compose.yaml gives it to Kong."""
    compose = yaml.safe_load((KONG / "compose.yaml").read_text())
    return str(compose["services"]["kong"]["environment"][SECRET])


@contextmanager
def mcp_server(port: int, gateway: Address) -> Iterator[None]:
    """The MCP server behind the gateway."""
    program: list[str | Path] = [
        sys.executable,
        KONG / "mcp_server.py",
        "--port",
        str(port),
        "--answer-to",
        str(gateway),
    ]
    with subprocess.Popen(program, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        try:
            deadline = time.monotonic() + READY_WITHIN
            while True:
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5)
                    break
                except urllib.error.HTTPError:
                    break
                except OSError:
                    assert process.poll() is None, process.stderr and process.stderr.read()
                    assert time.monotonic() < deadline, "the MCP server did not start"
                    time.sleep(0.1)
            yield
        finally:
            process.terminate()


def test_the_story_of_the_demo_holds(demo_keycloak: Keycloak, wasm: Path, tmp_path: Path) -> None:
    path, config = declared(demo_keycloak)
    port = free_port()
    site = Site(
        name="demo",
        group="demo",
        variant=EnvoyDriver.variants[0],
        config=json.dumps(config),
        upstream=Address("127.0.0.1", port),
        callouts={str(demo_keycloak.address): demo_keycloak.address},
        gateway={"environment": {SECRET: secret()}},
    )
    gateway = EnvoyDriver()
    gateway.start([site], wasm, tmp_path)
    try:
        address = gateway.address(site)
        with mcp_server(port, address):
            story: list[str | Path] = [sys.executable, KONG / "demo.py", "--gateway", f"http://{address}"]
            story += ["--keycloak", f"http://{demo_keycloak.address}", "--stop", shlex.join(demo_keycloak.ends_it)]
            done = subprocess.run(
                story,
                env={**os.environ, "PYTHONPATH": f"{ROOT / 'demo'}:{ROOT / 'tests' / 'gateway'}"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
        log = gateway.log(site)
    finally:
        gateway.stop()
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr + log
    assert "\n9 of 9 claims held\n" in done.stdout
    assert path == "/mcp"
    assert "eyJ" not in done.stdout.replace("eyJ…", ""), "tokens are shown shortened"
    assert "trap" not in log and "eyJ" not in log

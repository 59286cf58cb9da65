"""The files that Kong's operators take: what decK, Kong and Docker would say of them, without any of these."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys

import pytest
import yaml
from jsonschema import Draft4Validator

from .declarations import DECLARATIONS, KONG, ROOT, declared, filter_configs


@pytest.mark.parametrize("name", DECLARATIONS)
def test_a_declaration_has_decks_shape_and_a_filter_that_the_schema_takes(name: str) -> None:
    document = declared(name)
    assert document["_format_version"] == "3.0"
    configs = filter_configs(document)
    assert len(configs) == 1
    schema = json.loads((KONG / "token_exchange.meta.json").read_text())["config_schema"]
    mistakes = [f"{error.json_path}: {error.message}" for error in Draft4Validator(schema).iter_errors(configs[0])]
    assert mistakes == []


@pytest.mark.parametrize("name", DECLARATIONS)
def test_a_declaration_guards_against_buffered_proxying(name: str) -> None:
    guards = [plugin for plugin in declared(name)["plugins"] if plugin["name"] == "post-function"]
    assert len(guards) == 1
    (code,) = guards[0]["config"]["access"]
    assert "if ngx.ctx.buffered_proxying then" in code
    assert "return kong.response.exit(500" in code


def test_the_variables_say_what_kong_conf_says() -> None:
    lines = (KONG / "kong.conf").read_text().splitlines()
    settings = dict(line.split(" = ", 1) for line in lines if line and not line.startswith("#"))
    variables = dict(line.split("=", 1) for line in (KONG / "kong.env").read_text().splitlines())
    assert variables == {f"KONG_{name.upper()}": value for name, value in settings.items()}


def test_each_setting_is_explained() -> None:
    page = (ROOT / "docs/kong.md").read_text()
    for name in re.findall(r"^(\w+) = ", (KONG / "kong.conf").read_text(), re.MULTILINE):
        assert f"`{name}" in page, name


def test_the_compose_file_is_one() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    checked = subprocess.run([*command, str(KONG / "compose.yaml")], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_docker_compose_reads_the_compose_file() -> None:
    if shutil.which("docker-compose") is None:
        pytest.fail("docker-compose is missing: install it, such as the package docker-compose")
    command = ["docker-compose", "-f", str(KONG / "compose.yaml"), "config", "-q"]
    read = subprocess.run(command, capture_output=True, text=True, check=False)
    assert read.returncode == 0, read.stderr


def test_every_file_that_the_compose_file_mounts_is_there() -> None:
    compose = yaml.safe_load((KONG / "compose.yaml").read_text())
    mounts = [volume.split(":")[0] for service in compose["services"].values() for volume in service.get("volumes", [])]
    assert mounts
    for mount in mounts:
        path = (KONG / mount).resolve()
        assert path.is_file() or path.name == "token_exchange.wasm", mount


def test_the_demo_runs_what_the_tests_run() -> None:
    services = yaml.safe_load((KONG / "compose.yaml").read_text())["services"]
    keycloak = re.search(r'VERSION = "(.*)"', (ROOT / "tests/interop/distribution.py").read_text())
    assert keycloak is not None
    assert services["keycloak"]["image"].endswith(f":{keycloak[1]}")
    (mcp,) = re.findall(r"\bmcp==\S+", services["tools"]["command"])
    assert mcp in (ROOT / "tests/gateway/requirements.in").read_text().split()
    (tools,) = declared("compose.kong.yml")["services"]
    assert f"--answer-to {tools['url'].removeprefix('http://')}" in services["tools"]["command"]


def test_the_demo_gives_kong_the_secret_that_keycloak_knows() -> None:
    kong = yaml.safe_load((KONG / "compose.yaml").read_text())["services"]["kong"]
    realm = json.loads((KONG / "keycloak" / "realm.json").read_text())
    secrets = {client["clientId"]: client.get("secret") for client in realm["clients"]}
    (config,) = filter_configs(declared("compose.kong.yml"))
    assert config["client_secret"] == "{vault://env/TOKEN_EXCHANGE_CLIENT_SECRET}"
    assert kong["environment"]["TOKEN_EXCHANGE_CLIENT_SECRET"] == secrets[config["client_id"]]

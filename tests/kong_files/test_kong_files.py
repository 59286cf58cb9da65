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

from .declarations import DECLARATIONS, KONG, ROOT, declared, filter_configs, owners

GUARD = """\
if ngx.var.upstream_scheme == "https" then
  ngx.var.upstream_uri = ":token-exchange-guarded-" .. ngx.var.upstream_uri
else
  ngx.var.upstream_scheme = "token-exchange-guarded-" .. ngx.var.upstream_scheme
end
"""


@pytest.mark.parametrize("name", DECLARATIONS)
def test_a_declaration_has_decks_shape_and_a_filter_that_the_schema_takes(name: str) -> None:
    document = declared(name)
    assert document["_format_version"] == "3.0"
    configs = filter_configs(document)
    assert len(configs) == 1
    schema = json.loads((KONG / "token_exchange.meta.json").read_text())["config_schema"]
    mistakes = [f"{error.json_path}: {error.message}" for error in Draft4Validator(schema).iter_errors(configs[0])]
    assert mistakes == []


@pytest.mark.parametrize("name", ["kong.yml", "kong-plugin.yml"])
def test_a_sync_leaves_alone_what_others_declared(name: str) -> None:
    assert yaml.safe_load((KONG / name).read_text())["_info"] == {"select_tags": ["token-exchange"]}
    assert "_info" not in declared(name), "Kong itself does not know it"


@pytest.mark.parametrize("name", DECLARATIONS)
def test_the_filter_has_its_guard_beside_it_and_requires_it(name: str) -> None:
    document = declared(name)
    assert "plugins" not in document, "a global guard is gone wherever a service or route has a post-function"
    (owner,) = owners(document)
    (guard,) = [plugin for plugin in owner["plugins"] if plugin["name"] == "post-function"]
    assert guard.get("enabled", True)
    assert guard["config"] == {"access": [GUARD]}
    (config,) = filter_configs(document)
    assert config["require_guard"] is True


def test_the_guard_that_is_explained_is_the_one_of_the_declarations() -> None:
    page = (ROOT / "docs/kong.md").read_text()
    (block,) = [each for each in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL) if "post-function" in each]
    ((plugin,),) = yaml.safe_load(block).values()
    assert plugin["config"]["access"] == [GUARD]


def test_the_variables_say_what_kong_conf_says() -> None:
    lines = (KONG / "kong.conf").read_text().splitlines()
    settings = dict(line.split(" = ", 1) for line in lines if line and not line.startswith("#"))
    expected = {f"KONG_{name.upper()}": value for name, value in settings.items()}
    script = 'set -a; . "$0"; exec "$1" -c "import json, os; print(json.dumps(dict(os.environ)))"'
    command = ["/bin/sh", "-eu", "-c", script, str(KONG / "kong.env"), sys.executable]
    sourced = json.loads(subprocess.run(command, env={}, capture_output=True, check=True).stdout)
    assert {name: value for name, value in sourced.items() if name.startswith("KONG_")} == expected
    composed = yaml.safe_load(docker_compose("config").stdout)["services"]["kong"]["environment"]
    assert {name: composed.get(name) for name in expected} == expected


def docker_compose(*arguments: str) -> subprocess.CompletedProcess[str]:
    """What docker-compose says of the compose file."""
    if shutil.which("docker-compose") is None:
        pytest.fail("docker-compose is missing: install it, such as the package docker-compose")
    command = ["docker-compose", "-f", str(KONG / "compose.yaml"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_each_setting_is_explained() -> None:
    page = (ROOT / "docs/kong.md").read_text()
    for name in re.findall(r"^(\w+) = ", (KONG / "kong.conf").read_text(), re.MULTILINE):
        assert f"`{name}" in page, name


def test_the_compose_file_is_one() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    checked = subprocess.run([*command, str(KONG / "compose.yaml")], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_docker_compose_reads_the_compose_file() -> None:
    read = docker_compose("config", "-q")
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


def quoted_lines() -> list[str]:
    """What docs/kong.md quotes of the filter's log."""
    page = (ROOT / "docs/kong.md").read_text().split("## Troubleshooting by log line")[1].split("\n## ")[0]
    return [
        quoted for row in re.findall(r"^\| (`.*?) \| ", page, re.MULTILINE) for quoted in re.findall("`(.+?)`", row)
    ]


CALLEE = {
    "the introspection endpoint": "introspection endpoint",
    "the token endpoint": "token endpoint",
    "the JWKS endpoint": "JWKS endpoint",
    "the metadata endpoint": "metadata endpoint",
}
COMPOSED = {
    "configuration: /client_secret:": ["configuration: {mistake}"],
    "not supported on this gateway: /client_auth:": ["not supported on this gateway: {what}"],
    "shared cache disabled: there is no shared zone": ["shared cache disabled: {}", "there is no shared zone"],
    'answered 401: error "invalid_client"': ["answered {status}: error {error}"],
    'answered 400: error "invalid_target"': ["answered {status}: error {error}"],
    'the response of the metadata endpoint for "..." has a jwks_uri': [
        "the response of the {} {fault}",
        "has a jwks_uri",
    ],
    'the response of the token endpoint has the content coding "gzip", although the request asked for none': [
        "the response of the {} {fault}",
        "has the content coding {coding}, although the request asked for none",
    ],
    "answered 401; check client_id": ["answered {status}{hint}", "401 | 403", "; check client_id"],
}
"""Lines that the source puts together, and of what."""


def pieces(line: str) -> list[str]:
    """What the source has to say for this line to be written."""
    line = line.removesuffix("...").strip()
    if line in COMPOSED:
        return COMPOSED[line]
    for callee, name in CALLEE.items():
        if line.startswith(callee):
            rest = line.removeprefix(callee).strip()
            return [f'"{name}"', *COMPOSED.get(rest, [rest])]
    said = line.removeprefix("a token was refused: ")
    return [said] if said == line else ["a token was refused: {refusal}", said]


def test_every_log_line_that_is_explained_is_written() -> None:
    texts = [re.sub(r"\\\n\s*", "", path.read_text()) for path in (ROOT / "src").rglob("*.rs")]
    assert len(quoted_lines()) > 15
    for line in quoted_lines():
        for piece in pieces(line):
            assert any(piece in text for text in texts), f"{line}: nothing says {piece!r}"

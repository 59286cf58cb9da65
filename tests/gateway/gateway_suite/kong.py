"""A real Kong without a database, brought up with its own command, ``KONG_BIN``.

All sites share as few Kongs as they can: one for each variant and environment. A site is a service
and a route of its own with the filter as its filter chain, distinguished from the others by the port the
client came to.
"""

from __future__ import annotations

import grp
import json
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from . import client
from .model import Address, Request, Response, Site
from .resident import resident

READY_WITHIN = 120.0
STOPS_WITHIN = 20.0
ZONE = {"no-zone": None, "zone": "24m"}
"""The variants: whether the filter has shared memory, which Kong 3.5 has none of. Without, each access traps."""
TRAP_MARKS = (
    "panic at",
    "panicked at",
    "wasm trap",
    "host trap",
    "wasm backtrace",
    "exited on signal",
    "must be restarted",
)
"""What Kong or the filter write when the filter has trapped, a worker died, or the filter was left out."""
CONNECTION = re.compile(r"\[\w+\] \d+#\d+: (?:\*(\d+) )?")
"""The head of a line of the error log, with the number of the connection it is about."""
CONTEXT = ", client: "
"""Where nginx begins to tell about the request that a line is about."""
PORT = "x-suite-port"
TELL_PORT = {
    "name": "pre-function",
    "config": {
        "rewrite": [f"ngx.req.set_header('{PORT}', ngx.var.server_port)"],
        "access": [f"ngx.req.clear_header('{PORT}')"],
    },
}
"""Has Kong's router see the port the client came to; the upstream does not get it."""
GUARD = {
    "name": "post-function",
    "config": {"access": ["ngx.var.upstream_scheme = 'token-exchange-guarded-' .. ngx.var.upstream_scheme"]},
}
"""The guard for a service over http: what the filter does not let pass reaches no upstream."""


class KongDriver:
    """The user's Kong, 3.5 or later, with a prefix and ports of the suite's choosing."""

    name = "kong"
    family = "kong"
    variants = tuple(ZONE)

    def __init__(self) -> None:
        self._nodes: dict[str, _Node] = {}

    def start(self, sites: Sequence[Site], wasm: Path, workdir: Path) -> None:
        """Starts a Kong for each variant and environment, and waits until each is ready."""
        binary = os.environ.get("KONG_BIN") or shutil.which("kong")
        if not binary:
            raise RuntimeError("there is no Kong: say which with KONG_BIN=/path/to/kong")
        filters = workdir / "filters"
        filters.mkdir()
        shutil.copyfile(wasm, filters / "token_exchange.wasm")
        shared: dict[str, list[Site]] = defaultdict(list)
        for site in sites:
            shared[json.dumps([site.variant, site.gateway.get("environment", {})])].append(site)
        for number, group in enumerate(shared.values()):
            node = _Node(binary, workdir / str(number), filters, group)
            self._nodes.update({site.name: node for site in group})
            node.start()

    def send(self, site: Site, request: Request) -> Response:
        """Sends a request to the site's port."""
        return client.send(self.address(site), request)

    def address(self, site: Site) -> Address:
        """Where a site can be reached."""
        return self._nodes[site.name].addresses[site.name]

    def log(self, site: Site) -> str:
        """The filter's lines for this site, and those that belong to no request.

        Without what nginx appends: it quotes the request line, token in the query and all, in every line of
        its error log and in its access log, where it is the operator's to keep out.
        """
        lines = self._nodes[site.name].lines(site)
        return "\n".join(line.rpartition(CONTEXT)[0] or line for line in lines if "[proxy-wasm]" in line)

    def trapped(self, site: Site) -> str | None:
        """A line that tells of a trap; where it is about no request it counts for all."""
        lines = self._nodes[site.name].lines(site)
        return next((line for line in lines if any(mark in line for mark in TRAP_MARKS)), None)

    def memory(self) -> int:
        """What every Kong has in use, with its worker."""
        return sum(node.memory() for node in set(self._nodes.values()))

    def stop(self) -> None:
        """Ends every Kong."""
        for node in set(self._nodes.values()):
            node.stop()


class _Node:
    """One Kong: a master process, one worker, and the sites it serves."""

    def __init__(self, binary: str, prefix: Path, filters: Path, sites: Sequence[Site]) -> None:
        self._binary = binary
        self._prefix = prefix
        self._filters = filters
        self._sites = sites
        self._reserved = [_reserve() for _ in range(len(sites) + 2)]
        free = [Address("127.0.0.1", each.getsockname()[1]) for each in self._reserved]
        self._status = free.pop()
        # What the file of hosts does not know is not to be found: no server answers there.
        self._nameserver = free.pop()
        self.addresses = {site.name: address for site, address in zip(sites, free, strict=True)}

    def start(self) -> None:
        """Writes the configuration, starts Kong and waits until it is ready."""
        self._prefix.mkdir()
        declarative = self._prefix / "kong.json"
        declarative.write_text(json.dumps(self._declarative()), "utf-8")
        config = self._prefix / "kong.conf"
        settings = {**self._settings(), "declarative_config": str(declarative)}
        config.write_text("".join(f"{name} = {value}\n" for name, value in settings.items()), "utf-8")
        started = self._command("start", "-c", str(config))
        if started.returncode != 0:
            raise RuntimeError(f"Kong did not start:\n{started.stdout}")
        self._wait()

    def lines(self, site: Site) -> list[str]:
        """The lines of the log about the site's connections, and those about none."""
        port = str(self.addresses[site.name].port)
        access = self._read("suite.log")
        mine = {connection for connection, _, to in (line.partition(" ") for line in access) if to == port}
        lines = self._read("error.log")
        heads = [CONNECTION.search(line) for line in lines]
        return [
            line
            for line, head in zip(lines, heads, strict=True)
            if head is not None and (head[1] is None or head[1] in mine)
        ]

    def memory(self) -> int:
        """What master and worker have in use."""
        pid = self._pid()
        return 0 if pid is None else resident(pid)

    def stop(self) -> None:
        """Ends Kong, and gives the ports back."""
        pid = self._pid()
        if pid is not None:
            self._command("stop", "-p", str(self._prefix))
            deadline = time.monotonic() + STOPS_WITHIN
            while _alive(pid) and time.monotonic() < deadline:
                time.sleep(0.1)
            if _alive(pid):
                os.kill(pid, signal.SIGKILL)
        for each in self._reserved:
            each.close()

    def _settings(self) -> dict[str, str]:
        user = pwd.getpwuid(os.getuid()).pw_name
        group = grp.getgrgid(os.getgid()).gr_name
        listens = [f"{address} reuseport" for address in self.addresses.values()]
        zone = ZONE[self._sites[0].variant]
        version = self._version()
        if zone and version < (3, 6):
            zone = None  # there is none for all keys
        elif zone and version < (3, 7):
            zone = f"* {zone}"  # what came to mean all keys by itself
        return {
            "prefix": str(self._prefix),
            "nginx_user": f"{user} {group}",
            "database": "off",
            "proxy_listen": ", ".join(listens),
            "status_listen": f"{self._status} reuseport",
            "admin_listen": "off",
            "admin_gui_listen": "off",
            "anonymous_reports": "off",
            "plugins": "pre-function,post-function",
            "untrusted_lua": "on",
            "lua_max_req_headers": "1000",
            "dns_resolver": str(self._nameserver),
            "wasm": "on",
            "wasm_filters_path": str(self._filters),
            "nginx_worker_processes": "1",
            "log_level": "info",
            "nginx_http_log_format": "suite '$connection $server_port'",
            "nginx_proxy_access_log": "logs/suite.log suite",
            "nginx_http_client_body_buffer_size": "2m",
            "nginx_http_large_client_header_buffers": "8 64k",
            **({"lua_ssl_trusted_certificate": str(self._sites[0].trust)} if self._sites[0].trust else {}),
            **({"nginx_wasm_shm_kv": zone} if zone else {}),
            **({"nginx_main_env": "; env ".join(self._environment())} if self._environment() else {}),
        }

    def _declarative(self) -> dict[str, Any]:
        services = [self._service(site) for site in self._sites]
        return {"_format_version": "3.0", "_transform": True, "services": services, "plugins": [TELL_PORT]}

    def _service(self, site: Site) -> dict[str, Any]:
        port = self.addresses[site.name].port
        route = {
            "name": site.name,
            "headers": {PORT: [str(port)]},
            "strip_path": False,
            "preserve_host": True,
        }
        return {
            "name": site.name,
            "host": site.upstream.host,
            "port": site.upstream.port,
            "protocol": "http",
            "routes": [route],
            "plugins": [GUARD],
            "filter_chains": [{"filters": [{"name": "token_exchange", "config": site.config}]}],
        }

    def _version(self) -> tuple[int, ...]:
        said = self._command("version").stdout
        found = re.search(r"(\d+)\.(\d+)", said)
        if found is None:
            raise RuntimeError(f"{self._binary} is no Kong:\n{said}")
        return tuple(int(part) for part in found.groups())

    def _environment(self) -> Mapping[str, str]:
        environment: Mapping[str, str] = self._sites[0].gateway.get("environment", {})
        return environment

    def _command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        # Settings of the user's own Kong do not belong here.
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("KONG_")}
        return subprocess.run(
            [self._binary, *arguments],
            env={**inherited, **self._environment()},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=READY_WITHIN,
            check=False,
        )

    def _wait(self) -> None:
        deadline = time.monotonic() + READY_WITHIN
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"http://{self._status}/status/ready", timeout=5):
                    return
            except (OSError, urllib.error.URLError):
                time.sleep(0.1)
        last = "\n".join(self._read("error.log")[-20:])
        raise RuntimeError(f"Kong was not ready within {READY_WITHIN} s:\n{last}")

    def _read(self, name: str) -> list[str]:
        try:
            return (self._prefix / "logs" / name).read_text("utf-8", "replace").splitlines()
        except FileNotFoundError:
            return []

    def _pid(self) -> int | None:
        try:
            return int((self._prefix / "pids" / "nginx.pid").read_text("ascii"))
        except (FileNotFoundError, ValueError):
            return None


def _reserve() -> socket.socket:
    """A port that stays bound, so that no other process gets it, and that Kong can listen at beside."""
    reserved = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    reserved.bind(("127.0.0.1", 0))
    return reserved


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True

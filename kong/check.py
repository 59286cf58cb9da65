"""Has a real Kong start with a rendered declaration, and says what it finds wrong.

    KONG_BIN=/usr/local/bin/kong python kong/check.py dist/kong.dbless.yml

`kong config parse` cannot do it: it loads no filters, and so reads no file that has one. This starts a Kong
without a database in a folder of its own for a moment, with the lines of kong.conf and no listener but one
on loopback, and ends it again.
"""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
FILES = (HERE.parent / "dist" / "token_exchange.wasm", HERE / "token_exchange.meta.json")
WITHIN = 120.0
"""Seconds for each command of Kong's."""
VERSIONED = "nginx_wasm_shm_kv"
"""A line that Kong's versions write differently; nothing that is checked here rests on it."""
COMPLAINT = re.compile(
    r"\[(error|crit|alert|emerg)\].*(configuration: |not supported on this gateway: |trap|panicked at)"
)
"""What the filter or the host writes of a configuration that does not load. Warnings are no complaint."""


class Refused(Exception):
    """What Kong said."""


def settings(conf: Path) -> dict[str, str]:
    """The lines of a kong.conf."""
    lines = [line.strip() for line in conf.read_text(encoding="utf-8").splitlines()]
    pairs = [line.split("=", 1) for line in lines if line and not line.startswith("#")]
    return {name.strip(): value.strip() for name, value in pairs}


def check(kong: str, declaration: Path) -> str:
    """Starts Kong and ends it; its version. Refused says what it wrote when it did not start as it should."""
    with tempfile.TemporaryDirectory(prefix="kong-check-") as folder:
        prefix = Path(folder) / "prefix"
        filters = Path(folder) / "filters"
        filters.mkdir()
        for file in FILES:
            if not file.is_file():
                raise Refused(f"{file} is not there: run 'make wasm' first")
            shutil.copy(file, filters)
        conf = Path(folder) / "kong.conf"
        lines = {**settings(HERE / "kong.conf"), **_own(prefix, filters, declaration)}
        del lines[VERSIONED]
        conf.write_text("".join(f"{name} = {value}\n" for name, value in lines.items()), encoding="utf-8")
        version = _run(kong, "version")
        try:
            _run(kong, "start", "-c", str(conf))
            _run(kong, "health", "-p", str(prefix))
        finally:
            # A Kong that did not start cannot be ended, and why it did not start is what matters.
            with contextlib.suppress(Refused):
                _run(kong, "quit", "-p", str(prefix), "--timeout", "5")
        log = (prefix / "logs" / "error.log").read_text(encoding="utf-8", errors="replace")
        complaints = [line for line in log.splitlines() if COMPLAINT.search(line)]
        if complaints:
            raise Refused("\n".join(complaints))
        return version


def _own(prefix: Path, filters: Path, declaration: Path) -> dict[str, str]:
    user = pwd.getpwuid(os.getuid()).pw_name
    group = grp.getgrgid(os.getgid()).gr_name
    return {
        "prefix": str(prefix),
        "nginx_user": f"{user} {group}",
        "nginx_worker_processes": "1",
        "database": "off",
        "declarative_config": str(declaration.resolve()),
        "wasm_filters_path": str(filters),
        "proxy_listen": f"127.0.0.1:{_free_port()}",
        "admin_listen": "off",
        "admin_gui_listen": "off",
        "status_listen": "off",
        "anonymous_reports": "off",
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _run(kong: str, *arguments: str) -> str:
    # What is set for the user's own Kong does not belong here.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KONG_")}
    done = subprocess.run(
        [kong, *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=WITHIN,
        check=False,
    )
    if done.returncode != 0:
        raise Refused(f"kong {arguments[0]}:\n{done.stdout.strip()}")
    return done.stdout.strip()


def main() -> int:
    """Checks the declaration that the command line names with the Kong that KONG_BIN names."""
    kong = os.environ.get("KONG_BIN") or shutil.which("kong")
    if len(sys.argv) != 2 or not kong:
        print("usage: KONG_BIN=/path/to/kong check.py DECLARATION", file=sys.stderr)
        return 2
    try:
        version = check(kong, Path(sys.argv[1]))
    except (OSError, subprocess.TimeoutExpired, Refused) as reason:
        print(f"{sys.argv[1]} is not what Kong takes: {reason}", file=sys.stderr)
        return 1
    print(f"{sys.argv[1]}: Kong {version} starts with it")
    return 0


if __name__ == "__main__":
    sys.exit(main())

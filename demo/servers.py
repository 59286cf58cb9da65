"""One server of the demo as a process of its own: `python servers.py authorization-server|upstream`.

It writes JSON lines: first where it listens, then one for each request. It ends when its standard
input does, so that it never outlives the demo.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from functools import partial
from typing import Any

from gateway_suite.authorization_server import AuthorizationServer, Call, Client
from gateway_suite.upstream import Arrival, Upstream
from setting import CLIENTS, ISSUER, LIFETIME, PEOPLE, RESOURCE


def main() -> None:
    """Serves until standard input ends. Ctrl-C, which the whole process group gets, is for the demo."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    servers = {"authorization-server": authorization_server, "upstream": upstream}
    asyncio.run(servers[sys.argv[1]]())


async def authorization_server() -> None:
    """Introspects and issues tokens."""
    server = AuthorizationServer(ISSUER, [Client(name, secret) for name, secret in CLIENTS.items()])
    tokens = {name: server.mint(name, LIFETIME, aud=RESOURCE, scope="tools") for name in PEOPLE}
    for name, endpoint in server.endpoints.items():
        endpoint.observe = partial(tell_call, name)
    await server.start()
    say({"tokens": tokens, "endpoints": {name: endpoint.url for name, endpoint in server.endpoints.items()}})
    await until_standard_input_ends()
    await server.stop()


async def upstream() -> None:
    """Takes what the gateway lets through."""
    server = Upstream(observe=tell)
    await server.start()
    say({"port": server.address.port})
    await until_standard_input_ends()
    await server.stop()


def tell_call(name: str, call: Call) -> None:
    """Says which endpoint was called, and with what."""
    say({"called": name, "form": dict(call.form)})


def tell(arrival: Arrival) -> None:
    """Says what arrived."""
    headers = [[name.decode("latin-1"), value.decode("latin-1")] for name, value in arrival.headers]
    say({"method": arrival.method, "path": arrival.path, "headers": headers})


def say(event: dict[str, Any]) -> None:
    """Writes one line."""
    print(json.dumps(event), flush=True)


async def until_standard_input_ends() -> None:
    """Waits for the demo to end, in whatever way it does."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()


if __name__ == "__main__":
    main()

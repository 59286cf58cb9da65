"""What `make kong-demo` shows: alice's token goes into the gateway, another one comes out at an MCP server.

It talks to what kong/compose.yaml started: Keycloak for the tokens, and Kong, which has the MCP server
behind it. Ends with 0 when everything it claims was so.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import shlex
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import httpx2
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client

import show

PATIENCE = 300.0
"""Seconds for everything to be up: images have to be fetched, Kong's database made, decK has to sync."""
ALICE = {"grant_type": "password", "client_id": "agent", "username": "alice", "password": "demo-only-alice"}
SHOWN = ("aud", "azp", "preferred_username", "sub")
Answer = tuple[int, dict[str, str], bytes]


def fetch(url: str, form: dict[str, str] | None = None, header: dict[str, str] | None = None) -> Answer:
    """Status, header and body, whatever the status."""
    body = None if form is None else urllib.parse.urlencode(form).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, header or {}), timeout=30) as answer:
            return answer.status, _named(answer.headers), answer.read()
    except urllib.error.HTTPError as refusal:
        return refusal.code, _named(refusal.headers), refusal.read()


def _named(header: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in header.items()}


def wait(what: str, hint: str, look: Callable[[], Answer], wanted: Callable[[int], bool]) -> Answer:
    """Looks again and again until the status is a wanted one."""
    ends = time.monotonic() + PATIENCE
    last = ""
    while time.monotonic() < ends:
        before = last
        try:
            answer = look()
        except OSError as error:
            last = str(error)
        else:
            if wanted(answer[0]):
                return answer
            last = f"the last answer was {answer[0]}"
        if last != before:
            print(f"waiting for {what}: {last}", flush=True)
        time.sleep(1)
    raise TimeoutError(f"{what} was not there within {PATIENCE:.0f} s ({last}): {hint}")


def claims_of(token: str) -> dict[str, Any]:
    """What a JWT says, unverified: only to be shown."""
    payload = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims


def lines_of(method: str, path: str, header: dict[str, str]) -> list[str]:
    """A request as it is shown, with what its token says."""
    token = header.get("authorization", "").removeprefix("Bearer ")
    said = claims_of(token) if token else {}
    lines = show.request(method, path, [(name.encode(), value.encode()) for name, value in header.items()])
    return lines + [f"  {name}: {said[name]}" for name in SHOWN if name in said]


async def call(url: str, header: dict[str, str]) -> tuple[list[str], dict[str, str]]:
    """The names of the tools, and what the tool says that it was called with, as an MCP client sees it."""
    async with (
        httpx2.AsyncClient(headers=header, timeout=30) as http,
        Client(streamable_http_client(url, http_client=http)) as client,
    ):
        tools = [tool.name for tool in (await client.list_tools()).tools]
        result = await client.call_tool("whoami")
        return tools, dict(result.structured_content or {})


@dataclass
class Demo:
    """The parts, and what was claimed."""

    keycloak: str
    gateway: str
    claims: list[bool] = field(default_factory=list)

    @property
    def mcp(self) -> str:
        """The MCP server, as clients know it."""
        return f"{self.gateway}/mcp"

    def log_in(self) -> str:
        """An access token of alice's."""
        url = f"{self.keycloak}/realms/demo/protocol/openid-connect/token"
        look = partial(fetch, url, ALICE)
        _, _, body = wait("a token from Keycloak", "see the log of keycloak", look, lambda status: status == 200)
        return str(json.loads(body)["access_token"])

    def get_ready(self) -> None:
        """Waits until decK has synced the route to Kong, and the MCP server is there."""
        wait(
            "the gateway's route",
            "see the logs of kong and deck",
            partial(fetch, self.mcp),
            lambda status: status == 401,
        )
        token = {"authorization": f"Bearer {self.log_in()}"}
        look = partial(fetch, self.mcp, header=token)
        wait("the MCP server", "see the logs of kong and tools", look, lambda status: status < 500)

    def send(self, header: dict[str, str]) -> tuple[list[str], dict[str, str]]:
        """Calls the tool, and shows what was sent beside what the MCP server received."""
        tools, received = asyncio.run(call(self.mcp, header))
        show.side_by_side(lines_of("POST", "/mcp", header), lines_of("POST", "/mcp", received))
        return tools, received

    def refused(self, header: dict[str, str]) -> tuple[int, dict[str, str]]:
        """Sends a request that is to be refused, shows it, and returns status and header of the answer."""
        status, answer, _ = fetch(self.mcp, header=header)
        upstream = ["(nothing)"] if status != 200 else ["(a request)"]
        show.side_by_side(lines_of("GET", "/mcp", header), upstream)
        show.say(f"the client got {status}")
        return status, answer

    def claim(self, text: str, holds: bool) -> None:
        """Shows a claim, and keeps whether it held."""
        show.claim(text, holds)
        self.claims.append(holds)


def tell(demo: Demo, stop: list[str]) -> None:
    """The story."""
    demo.get_ready()
    token = demo.log_in()
    alice = {"authorization": f"Bearer {token}", "x-user-id": "admin"}

    show.heading(1, "An MCP client brings alice's token, and claims to be another user")
    tools, received = demo.send(alice)
    upstream = received.get("authorization", "").removeprefix("Bearer ")
    said, issued = claims_of(token), claims_of(upstream) if upstream else {}
    demo.claim("the MCP server listed its tools and ran one", tools == ["whoami"])
    demo.claim("it got another token than the client's", bool(upstream) and token not in received.values())
    demo.claim(
        "that token is for it, and about the same user",
        (issued.get("aud"), issued.get("sub")) == ("tools", said["sub"]),
    )
    demo.claim("x-user-id is what the client's token says", received.get("x-user-id") == said["preferred_username"])

    show.heading(2, "The same again")
    _, received = demo.send(alice)
    demo.claim("the token came from memory", received.get("authorization") == f"Bearer {upstream}")

    show.heading(3, "No token")
    status, answer = demo.refused({"x-user-id": "admin"})
    challenge = answer.get("www-authenticate", "")
    show.say(f"WWW-Authenticate: {challenge}")
    demo.claim("401, and nothing reached the MCP server", status == 401)
    demo.claim("the challenge says where to learn more", "resource_metadata=" in challenge)
    _, _, metadata = fetch(f"{demo.mcp}/.well-known/oauth-protected-resource")
    show.say(f"there: {metadata.decode()}")
    demo.claim("and there Keycloak is named", json.loads(metadata)["authorization_servers"] == [said["iss"]])

    show.heading(4, "Keycloak is down, and alice comes with a new token")
    new = {"authorization": f"Bearer {demo.log_in()}"}
    subprocess.run(stop, check=True, stdin=subprocess.DEVNULL)
    status, answer = demo.refused(new)
    show.say(f"Retry-After: {answer.get('retry-after', '')}")
    demo.claim("503, and nothing reached the MCP server", status == 503)


def main() -> int:
    """Tells the story; 0 when everything it claims was so."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keycloak", default="http://127.0.0.1:8080")
    parser.add_argument("--gateway", default="http://127.0.0.1:8000")
    parser.add_argument("--stop", type=shlex.split, required=True, help="the command that ends Keycloak")
    options = parser.parse_args()
    demo = Demo(options.keycloak, options.gateway)
    try:
        tell(demo, options.stop)
    except TimeoutError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"\n{sum(demo.claims)} of {len(demo.claims)} claims held")
    return 0 if all(demo.claims) else 1


if __name__ == "__main__":
    sys.exit(main())

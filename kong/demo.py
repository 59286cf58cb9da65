"""What `make kong-demo` shows: alice's token goes into Kong, another one comes out at the upstream.

It talks to what kong/compose.yaml started: Keycloak for the token, then Kong, whose upstream echoes what
it received.
"""

from __future__ import annotations

import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

import show

KEYCLOAK = "http://127.0.0.1:8080/realms/demo/protocol/openid-connect/token"
KONG = "http://127.0.0.1:8000/mcp"
PATIENCE = 180.0
ALICE = {"grant_type": "password", "client_id": "agent", "username": "alice", "password": "demo-only-alice"}


def fetch(request: urllib.request.Request) -> tuple[int, dict[str, str], bytes]:
    """Status, header and body, whatever the status."""
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as refusal:
        return refusal.code, dict(refusal.headers), refusal.read()


def alices_token() -> str:
    """An access token of alice's, as soon as Keycloak is there."""
    form = urllib.parse.urlencode(ALICE).encode()
    request = urllib.request.Request(KEYCLOAK, form, {"host": "keycloak:8080"})
    ends = time.monotonic() + PATIENCE
    while True:
        try:
            status, _, body = fetch(request)
            if status == 200:
                return str(json.loads(body)["access_token"])
        except (OSError, ValueError):
            status = 0
        if time.monotonic() > ends:
            raise TimeoutError(f"Keycloak gives no token within {PATIENCE:.0f} s (last status {status})")
        time.sleep(1)


def send(headers: dict[str, str]) -> tuple[int, dict[str, str], dict[str, str]]:
    """Sends a request through Kong, shows it beside what the upstream received, and returns both."""
    status, answer, body = fetch(urllib.request.Request(KONG, headers=headers))
    received: dict[str, str] = {}
    if status == 200:
        echoed: dict[str, Any] = json.loads(body)
        received = {name.lower(): str(value) for name, value in echoed["headers"].items()}
    lines = [(name.encode(), value.encode()) for name, value in received.items()]
    sent = [(name.encode(), value.encode()) for name, value in headers.items()]
    upstream = show.request("GET", "/mcp", lines) if received else ["(nothing)"]
    show.side_by_side(show.request("GET", "/mcp", sent), upstream)
    show.say(f"the client got {status}")
    return status, answer, received


def main() -> int:
    """Tells the story; 0 when everything it claims was so."""
    token = alices_token()
    claims: list[bool] = []

    def claim(text: str, holds: bool) -> None:
        show.claim(text, holds)
        claims.append(holds)

    show.heading(1, "A client brings alice's token, and claims to be somebody else")
    status, _, received = send({"authorization": f"Bearer {token}", "x-user-id": "admin"})
    upstream = received.get("authorization", "")
    claim("the request passed", status == 200)
    claim("the upstream got another token than the client's", upstream.startswith("Bearer ") and token not in upstream)
    claim("x-user-id is what the token says", received.get("x-user-id") == "alice")
    show.heading(2, "No token")
    status, answer, received = send({"x-user-id": "admin"})
    challenge = {name.lower(): value for name, value in answer.items()}.get("www-authenticate", "")
    show.say(f"WWW-Authenticate: {challenge}")
    claim("401, and nothing reached the upstream", status == 401 and not received)
    print(f"\n{sum(claims)} of {len(claims)} claims held")
    return 0 if all(claims) else 1


if __name__ == "__main__":
    sys.exit(main())

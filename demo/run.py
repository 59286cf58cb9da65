"""The demo: a client's token goes into a real gateway, another one comes out.

Ends by itself, with 0 when everything it claims was so. `--stay` leaves all of it running instead.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

import show
from gateway_suite.envoy import EnvoyDriver
from gateway_suite.model import Address, Request, Response, Site, values
from processes import Event, Server
from setting import configuration

Line = tuple[bytes, bytes]


class Demo:
    """The parts, running."""

    def __init__(self, wasm: Path, stack: ExitStack) -> None:
        print("starting the authorization server ...", flush=True)
        self.authorization_server = Server("authorization-server")
        stack.callback(self.authorization_server.stop)
        print("starting the upstream ...", flush=True)
        self.upstream = Server("upstream")
        stack.callback(self.upstream.stop)
        print("starting Envoy with the filter ...", flush=True)
        self.gateway = EnvoyDriver()
        stack.callback(self.gateway.stop)
        workdir = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="token-exchange-demo-")))
        self.site = self._site()
        self.gateway.start([self.site], wasm, workdir)
        self.address = self.gateway.address(self.site)
        self.claims: list[tuple[str, bool]] = []
        self.exchanges = 0

    def _site(self) -> Site:
        endpoints: dict[str, str] = self.authorization_server.about["endpoints"]
        authorities = [url.split("/")[2] for url in endpoints.values()]
        return Site(
            name="demo",
            group="demo",
            variant=EnvoyDriver.variants[0],
            config=json.dumps(configuration(endpoints)),
            upstream=Address("127.0.0.1", self.upstream.about["port"]),
            callouts={each: Address("127.0.0.1", int(each.split(":")[1])) for each in authorities},
        )

    def token(self, name: str) -> str:
        """The access token that a client holds."""
        return str(self.authorization_server.about["tokens"][name])

    def send(self, *headers: Line) -> tuple[Response, list[Event]]:
        """Sends a request, shows it beside what the upstream received, and returns both."""
        lines = [(b"host", b"api.example.com"), *headers]
        response = self.gateway.send(self.site, Request(path=b"/tools", headers=lines))
        arrivals = self.upstream.events()
        received = ["(nothing)"]
        for arrival in arrivals:
            fields = [(name.encode(), value.encode()) for name, value in arrival["headers"]]
            received = show.request(arrival["method"], arrival["path"], fields)
        show.side_by_side(show.request("GET", "/tools", lines), received)
        show.say(f"the client got {response.status}")
        return response, arrivals

    def calls(self) -> list[str]:
        """Shows and returns the endpoints that were called since the last look."""
        called = [event["called"] for event in self.authorization_server.events()]
        self.exchanges += called.count("token")
        show.say(f"the authorization server was asked for: {', '.join(called) or 'nothing'}")
        show.say(f"calls to its token endpoint so far: {self.exchanges}")
        return called

    def claim(self, text: str, holds: bool) -> None:
        """Shows a claim, and keeps whether it held."""
        show.claim(text, holds)
        self.claims.append((text, holds))


def upstream_header(arrivals: list[Event], name: str) -> list[str]:
    """The values of a header in everything that reached the upstream."""
    return [value for arrival in arrivals for key, value in arrival["headers"] if key.lower() == name]


def tell(demo: Demo) -> None:
    """The story."""
    alice = (b"authorization", f"Bearer {demo.token('alice')}".encode())
    others = [(b"x-user-id", b"admin"), (b"x-trace", b"42")]

    show.heading(1, "A client brings its token, and claims to be another user")
    response, arrivals = demo.send(alice, *others)
    first = upstream_header(arrivals, "authorization")
    calls = demo.calls()
    demo.claim("the request passed", response.status == 200 and len(arrivals) == 1)
    demo.claim("the upstream got another token than the client's", _other(first, demo.token("alice")))
    demo.claim("the token was validated, then exchanged", calls == ["introspection", "token"])
    demo.claim("x-user-id is what the token says", upstream_header(arrivals, "x-user-id") == ["alice"])

    show.heading(2, "The same again")
    response, arrivals = demo.send(alice, *others)
    calls = demo.calls()
    demo.claim("the request passed", response.status == 200)
    demo.claim(
        "the token came from memory: no call", calls == [] and upstream_header(arrivals, "authorization") == first
    )

    show.heading(3, "No token")
    response, arrivals = demo.send(*others)
    challenge = values(response.headers, "www-authenticate")
    show.say(f"WWW-Authenticate: {', '.join(challenge)}")
    demo.claim("401, and nothing reached the upstream", response.status == 401 and arrivals == [])
    demo.claim("the challenge says where to learn more", any("resource_metadata=" in each for each in challenge))

    show.heading(4, "The authorization server is down, and a new user comes")
    demo.authorization_server.stop()
    response, arrivals = demo.send((b"authorization", f"Bearer {demo.token('bob')}".encode()), *others)
    show.say(f"Retry-After: {', '.join(values(response.headers, 'retry-after'))}")
    demo.claim("503, and nothing reached the upstream", response.status == 503 and arrivals == [])


def _other(seen: list[str], token: str) -> bool:
    return len(seen) == 1 and seen[0].startswith("Bearer issued-") and token not in seen[0]


def stay(demo: Demo) -> None:
    """Says what to try, then shows what reaches the upstream until the user has enough."""
    url = f"http://{demo.address}"
    print("\nEverything runs. Try, in another terminal:\n")
    print(f"  TOKEN={demo.token('alice')}\n")
    print(f'  curl -i {url}/tools -H "Authorization: Bearer $TOKEN"')
    print(f'  curl -i {url}/tools -H "Authorization: Bearer $TOKEN" -H "X-User-Id: admin" -d "some body"')
    print(f"  curl -i {url}/tools")
    print(f'  curl -i {url}/tools -H "Authorization: Bearer not-a-token"')
    print(f"  curl -i {url}/.well-known/oauth-protected-resource/mcp\n")
    print("The upstream echoes what it received. What happens shows here; Ctrl-C ends it.\n", flush=True)
    while True:
        for event in demo.authorization_server.events(patience=0.1):
            print(f"authorization server: {event['called']} endpoint called", flush=True)
        for event in demo.upstream.events(patience=0.1):
            print(f"upstream: {event['method']} {event['path']}", flush=True)


def interrupt(_signal: int, _frame: FrameType | None) -> None:
    """Lets a signal end the demo as Ctrl-C does, so that it cleans up."""
    raise KeyboardInterrupt


def main() -> int:
    """Runs the demo."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wasm", type=Path, required=True)
    parser.add_argument("--stay", action="store_true")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, interrupt)
    with ExitStack() as stack:
        try:
            demo = Demo(options.wasm.resolve(), stack)
            if options.stay:
                stay(demo)
            tell(demo)
        except KeyboardInterrupt:
            print("\nended")
            return 0 if options.stay else 130
    held = sum(holds for _, holds in demo.claims)
    print(f"\n{held} of {len(demo.claims)} claims held")
    return 0 if held == len(demo.claims) else 1


if __name__ == "__main__":
    sys.exit(main())

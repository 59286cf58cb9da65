"""What a flood of refused tokens costs another user, on a real Envoy with one worker.

Four P-521 keys without kid are the dearest that an issuer can publish for one token. The flood comes on 24 connections,
each of which sends again as soon as it is answered; the user comes at a steady pace, whatever the flood does.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import re
import statistics
import sys
import tempfile
import time
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

import aiohttp
from aiohttp import web

from gateway_suite import signed_tokens, signing_keys
from gateway_suite.background import BackgroundLoop
from gateway_suite.envoy import EnvoyDriver
from gateway_suite.listener import Listener
from gateway_suite.model import Site
from gateway_suite.runner import ISSUER, RESOURCE

MAX_99TH = 50.0
"""Milliseconds within which 99 of 100 requests of the user have to be answered."""
TRIES = 3
"""How often a flood is measured that misses this: the machine may have had other things to do."""
MAX_SHARE = 0.1
"""What answering a refused token again may take of what it took first."""
CONNECTIONS = 24
PACE = 50
"""Requests of the user in a second."""
NICE = 10
"""Of the flood, which comes from other machines, and is not to take this one's processors from the gateway."""
KEYS = 4
REPEATED = 8
"""Tokens that are refused once and then again, for the comparison."""
PAUSE = 0.5
"""Seconds in which the budget is whole again."""
END_OF_HEAD = b"\r\n\r\n"
LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n")
NUMBER_BYTES = 66
"""Of r and of s in a signature with P-521."""


class Envoy(EnvoyDriver):
    """With the log level that it has by itself."""

    def _options(self) -> list[str]:
        return ["--concurrency", "1", "--disable-hot-restart", "--log-level", "info"]


class Flood(asyncio.Protocol):
    """A connection that sends as soon as it is answered."""

    def __init__(self, tokens: Iterator[str], answers: Counter[int]) -> None:
        self._tokens = tokens
        self._answers = answers
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Sends the first request."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        """Counts an answer that is whole, and sends the next request."""
        self._received += data
        head, end, body = self._received.partition(END_OF_HEAD)
        length = LENGTH.search(head + b"\r\n")
        if end and length is not None and len(body) >= int(length[1]):
            self._answers[int(head[9:12])] += 1
            self._received = b""
            self._send()

    def _send(self) -> None:
        if self._transport.is_closing():
            return
        lines = f"GET /tools HTTP/1.1\r\nhost: api.example.com\r\nauthorization: Bearer {next(self._tokens)}\r\n\r\n"
        self._transport.write(lines.encode())


def refused(header_and_payload: str) -> Iterator[str]:
    """Tokens without end, each with a signature of its own that is well formed and that no key has made."""
    while True:
        numbers = b"".join(b"\0" + os.urandom(NUMBER_BYTES - 1) for _ in range(2))
        yield f"{header_and_payload}.{urlsafe_b64encode(numbers).rstrip(b'=').decode()}"


def again_and_again(token: str) -> Iterator[str]:
    """One token without end."""
    while True:
        yield token


def flood(port: int, header_and_payload: str, one: bool, pipe: Connection) -> None:
    """Floods until it is told to end, and reports what was answered. Runs in a process of its own."""
    os.nice(NICE)

    async def run() -> Counter[int]:
        answers: Counter[int] = Counter()
        bad = refused(header_and_payload)
        tokens = again_and_again(next(bad)) if one else bad
        loop = asyncio.get_running_loop()
        for _ in range(CONNECTIONS):
            await loop.create_connection(lambda: Flood(tokens, answers), "127.0.0.1", port)
        await loop.run_in_executor(None, pipe.recv)
        return answers

    pipe.send(asyncio.run(run()))


@contextmanager
def flooded(port: int, header_and_payload: str, one: bool) -> Iterator[Counter[int]]:
    """A flood meanwhile; what it was answered is there when it has ended."""
    answers: Counter[int] = Counter()
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=flood, args=(port, header_and_payload, one, theirs))
    process.start()
    try:
        yield answers
        ours.send("end")
        answers.update(ours.recv() if ours.poll(10) else {})
    finally:
        process.terminate()
        process.join()


class Bench:
    """The gateway, and those who ask it."""

    def __init__(self, wasm: Path, stack: ExitStack) -> None:
        keys = signing_keys.read({f"k{number}": {"alg": "ES512", "kid": None} for number in range(KEYS)})
        claims = {"iss": ISSUER, "sub": "alice", "aud": RESOURCE, "exp": int(time.time()) + 3600}
        self._good = signed_tokens.mint(claims, keys[f"k{KEYS - 1}"])
        self._refused = self._good.rpartition(".")[0]
        loop, upstream = BackgroundLoop(), Listener(_ok)
        stack.callback(loop.close)
        loop.run(upstream.listen())
        stack.callback(lambda: loop.run(upstream.close()))
        config = {
            "resource": RESOURCE,
            "authorization_servers": [ISSUER],
            "jwks": {"keys": [key.public for key in keys.values()]},
            "passthrough_credentials": True,
        }
        site = Site("flood", "flood", EnvoyDriver.variants[0], json.dumps(config), upstream.address, {})
        gateway = Envoy()
        stack.callback(gateway.stop)
        gateway.start([site], wasm, Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="flood-"))))
        self.port = gateway.address(site).port
        self.faults: list[str] = []

    def flood(self, title: str, one: bool, seconds: float) -> None:
        """A flood of so many seconds, and what the user notices of it."""
        for _ in range(TRIES):
            time.sleep(PAUSE)
            with flooded(self.port, self._refused, one) as answers:
                late = self.user(title, seconds)
            counts = ", ".join(f"{status}: {count}" for status, count in sorted(answers.items())) or "nothing"
            print(f"  the flood on {CONNECTIONS} connections was answered {counts}", flush=True)
            if set(answers) - {401, 503} or not answers:
                self.faults.append(f"the flood was answered {counts}")
            if late < MAX_99TH:
                return
        self.faults.append(f"the 99th percentile is {late:.1f} ms, and has to be under {MAX_99TH:.0f} ms")

    def user(self, title: str, seconds: float) -> float:
        """The user's requests for so long; prints how long they took and returns the 99th percentile, in ms."""
        waits = sorted(1000 * wait for wait in asyncio.run(self._paced(round(PACE * seconds))))
        median, late = statistics.median(waits), waits[int(len(waits) * 0.99)]
        print(f"{title:<42}{median:>11.1f}{late:>11.1f}{waits[-1]:>11.1f}", flush=True)
        return late

    async def _paced(self, requests: int) -> list[float]:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            start = time.perf_counter()

            async def request(number: int) -> float:
                due = start + number / PACE
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                status, _ = await self._ask(session, self._good)
                if status != 200:
                    self.faults.append(f"the user was answered {status}")
                # The user does not wait for an earlier answer, so that waiting counts from when a request is due.
                return time.perf_counter() - due

            return await asyncio.gather(*(request(number) for number in range(requests)))

    async def _ask(self, session: aiohttp.ClientSession, token: str) -> tuple[int, float]:
        start = time.perf_counter()
        headers = {"Authorization": f"Bearer {token}"}
        async with session.get(f"http://127.0.0.1:{self.port}/tools", headers=headers) as response:
            await response.read()
        return response.status, time.perf_counter() - start

    def repetition(self) -> tuple[float, float]:
        """How long it takes to refuse a token, and to refuse it again, in milliseconds."""
        return asyncio.run(self._refuse())

    async def _refuse(self) -> tuple[float, float]:
        first: list[float] = []
        again: list[float] = []
        async with aiohttp.ClientSession() as session:
            await self._ask(session, "warm.up.connection")
            for _, token in zip(range(REPEATED), refused(self._refused), strict=False):
                await asyncio.sleep(PAUSE)
                for times in (first, *[again] * 5):
                    status, wait = await self._ask(session, token)
                    times.append(1000 * wait)
                    if status != 401:
                        self.faults.append(f"a bad token was answered {status}")
        return statistics.median(first), statistics.median(again)


async def _ok(request: web.BaseRequest) -> web.StreamResponse:
    return web.Response(text="ok")


def main() -> int:
    """Prints a line for each flood; 1 where the user had to wait."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wasm", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=10.0, help="how long each flood lasts")
    options = parser.parse_args()
    with ExitStack() as stack:
        bench = Bench(options.wasm, stack)
        print(f"{'a user meanwhile, in ms':<42}{'median':>11}{'99th':>11}{'slowest':>11}")
        quiet = bench.user("no flood", options.seconds / 2)
        first, again = bench.repetition()
        bench.flood("one refused token, again and again", one=True, seconds=options.seconds)
        bench.flood("refused tokens, each another", one=False, seconds=options.seconds)
    print(f"refusing a token took {first:.2f} ms, refusing it again {again:.2f} ms")
    if quiet >= MAX_99TH / 2:
        print("the machine has much else to do, as the figures without a flood show")
    if again > MAX_SHARE * first:
        bench.faults.append(f"refusing again takes more than {MAX_SHARE:.0%} of refusing first")
    for fault, count in Counter(bench.faults).items():
        print(f"{fault} ({count} times)" if count > 1 else fault)
    return 1 if bench.faults else 0


if __name__ == "__main__":
    sys.exit(main())

"""Takes the time of the filter's work inside of a Wasm engine, for each algorithm, and holds it to its limits."""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import wasmtime
from joserfc.errors import SecurityWarning

from gateway_suite import signed_tokens, signing_keys
from gateway_suite.runner import ISSUER, RESOURCE
from kong_model.guest import engine

ALGORITHMS = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "HS256", "HS384", "HS512",
)  # fmt: skip
MAX_RATIO = 1.15
"""How much longer than the bare operation RSA and ECDSA may take."""
MAX_ABOVE = 25.0
"""How much longer the others may take, whose bare operation is short, in microseconds."""
WAYS = ("bare", "cold", "warm")
ROUNDS = 150
ROUND = 0.004
"""Seconds that a way is measured for in a round."""
NOW = 1_800_000_000
SECRET = "a secret of this benchmark, long enough for any of the three algorithms"


class Bench:
    """The module with one plan in it."""

    def __init__(self, module: wasmtime.Module, plan: dict[str, Any]) -> None:
        self._store = wasmtime.Store(engine())
        self._store.set_wasi(wasmtime.WasiConfig())
        linker = wasmtime.Linker(engine())
        linker.define_wasi()
        linker.define_unknown_imports_as_traps(module)  # no gateway is there to be called
        self._exports = linker.instantiate(self._store, module).exports(self._store)
        self._call("_initialize")
        text = json.dumps(plan).encode()
        room = self._call("bench_room", len(text))
        memory = self._exports["memory"]
        if not isinstance(memory, wasmtime.Memory):
            raise TypeError("the module exports no memory")
        memory.write(self._store, text, room)
        self._call("bench_prepare", room, len(text))

    def seconds(self, way: str, times: int) -> float:
        """How long a way takes, once."""
        start = time.perf_counter()
        self._call(f"bench_{way}", times)
        return (time.perf_counter() - start) / times

    def _call(self, name: str, *arguments: int) -> Any:
        function = self._exports[name]
        if not isinstance(function, wasmtime.Func):
            raise TypeError(f"{name} is no function")
        return function(self._store, *arguments)

    def quickest(self) -> dict[str, float]:
        """The least time of each way, in microseconds, measured in turns."""
        times = {way: max(1, round(ROUND / self.seconds(way, 3))) for way in WAYS}
        least = dict.fromkeys(WAYS, float("inf"))
        for _ in range(ROUNDS):
            for way in WAYS:
                least[way] = min(least[way], 1e6 * self.seconds(way, times[way]))
        return least


def plan(algorithm: str) -> dict[str, Any]:
    """A token of an algorithm, of about a kilobyte, and a filter that verifies it."""
    secret = SECRET if algorithm.startswith("HS") else None
    key = signing_keys.read({"k1": {"alg": algorithm, "secret": secret}})["k1"]
    source = {"jwks": {"keys": [key.public]}} if secret is None else {"jwt_secret": secret}
    claims = {
        "iss": ISSUER,
        "sub": "f:0b9c6a4e-4a8f-4b52-9f0e-8d5ad9d0ffb2:alice",
        "aud": [RESOURCE, "account"],
        "exp": 2 * NOW,
        "iat": NOW,
        "jti": "7e1c0f5a-8f43-4f4c-8a52-2f9a3f4c1b77",
        "client_id": "agent",
        "scope": "openid profile mcp:read",
        "realm_access": {"roles": ["offline_access", "uma_authorization", "default-roles-demo"]},
        "groups": [f"/department/team-{number:02}" for number in range(24)],
    }
    config = {
        "resource": RESOURCE,
        "authorization_servers": [ISSUER],
        "passthrough_credentials": True,
        "jwks_cache_ttl": 1,
        **source,
    }
    token = signed_tokens.mint(claims, key)
    return {"algorithm": algorithm, "jwk": key.public, "config": config, "token": token, "now": NOW}


def main() -> int:
    """Prints a line for each algorithm; 1 where one is too slow."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wasm", type=Path, required=True)
    warnings.simplefilter("ignore", SecurityWarning)  # EdDSA has another name now
    module = wasmtime.Module(engine(), parser.parse_args().wasm.read_bytes())
    print(f"in Wasm:{'bare us':>12}{'cold us':>12}{'ratio':>10}{'above us':>12}{'warm us':>12}")
    slow = []
    for algorithm in ALGORITHMS:
        least = Bench(module, plan(algorithm)).quickest()
        ratio, above = least["cold"] / least["bare"], least["cold"] - least["bare"]
        print(
            f"{algorithm:<8}{least['bare']:>12.1f}{least['cold']:>12.1f}{ratio:>10.3f}{above:>12.1f}{least['warm']:>12.1f}"
        )
        is_long = algorithm[:2] in ("RS", "PS", "ES")
        if ratio > MAX_RATIO if is_long else above > MAX_ABOVE:
            slow.append(algorithm)
    if slow:
        print(f"too slow: {', '.join(slow)}")
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())

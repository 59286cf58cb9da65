"""An Envoy that takes sites in while it runs.

Compiling the filter takes an Envoy longer than most tests take, and a process compiles it once. So tests that each need
a filter which knows nothing yet are sites of one process, every one with VMs and shared data of its own. A trap ends
the VMs of its own site only.
"""

from __future__ import annotations

import itertools
import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .envoy import READY_WITHIN, TYPE, EnvoyDriver, administer, bootstrap, is_live, listeners
from .model import Site

NUMBERS = itertools.count(1)
"""For names that no other site has."""


class RunningEnvoy(EnvoyDriver):
    """Envoy with its listeners and clusters in files that it watches."""

    def __init__(self, wasm: Path, workers: int, workdir: Path) -> None:
        super().__init__(workers)
        self.admin = workdir / "admin-address"
        self._wasm = wasm
        self._workdir = workdir
        self._listeners: dict[str, dict[str, Any]] = {}
        self._clusters: dict[str, dict[str, Any]] = {}
        self._first_lines: dict[str, int] = {}
        """How many lines the log had when a site was added."""
        self._offer("listener.v3.Listener", self._listeners)
        self._offer("cluster.v3.Cluster", self._clusters)
        try:
            self._launch({**bootstrap([], wasm), **self._dynamic()}, workdir)
            self._until(lambda: is_live(self.admin))
        except BaseException:
            self.stop()
            raise

    def add(self, site: Site, wasm: Path | None = None) -> None:
        """Takes a site in, with another filter where one is given, and returns when it can be reached."""
        self._first_lines[site.name] = len(self._log.lines())
        resources = bootstrap([site], wasm or self._wasm)["static_resources"]
        self._clusters |= {cluster["name"]: cluster for cluster in resources["clusters"]}
        self._listeners |= {listener["name"]: listener for listener in resources["listeners"]}
        # A listener is refused whose cluster is not known yet.
        self._offer("cluster.v3.Cluster", self._clusters)
        self._until(lambda: self._clusters.keys() <= self._known_clusters())
        self._offer("listener.v3.Listener", self._listeners)
        self._until(lambda: site.name in listeners(self.admin))
        self._ports = listeners(self.admin)

    def remove(self, site: Site) -> None:
        """Has Envoy drop a site when the next is added. The first stays, and with it what is compiled for all."""
        if site.name != next(iter(self._listeners), None):
            self._listeners.pop(site.name, None)

    def trapped(self, site: Site) -> str | None:
        """A line since the site was added that tells of a trap."""
        return self._ended() or self._log.trap(site.name, self._first_lines[site.name])

    def statistic(self, name: str) -> int:
        """One number of Envoy's."""
        answer = administer(self.admin, f"/stats?format=json&filter=^{name.replace('.', '[.]')}$")
        (statistic,) = json.loads(answer)["stats"]
        return int(statistic["value"])

    def _options(self) -> list[str]:
        return [*super()._options(), "--drain-time-s", "1"]

    def _dynamic(self) -> dict[str, Any]:
        def watched(kind: str) -> dict[str, Any]:
            return {"resource_api_version": "V3", "path_config_source": {"path": str(self._file(kind))}}

        return {
            "node": {"id": "tests", "cluster": "tests"},
            "dynamic_resources": {"lds_config": watched("Listener"), "cds_config": watched("Cluster")},
        }

    def _file(self, kind: str) -> Path:
        return self._workdir / f"{kind.rpartition('.')[2]}.json"

    def _offer(self, kind: str, resources: Mapping[str, dict[str, Any]]) -> None:
        typed = [{"@type": f"{TYPE}envoy.config.{kind}", **resource} for resource in resources.values()]
        # Envoy reads the file when another is moved to its place.
        new = self._workdir / "new.json"
        new.write_text(json.dumps({"resources": typed}), "utf-8")
        os.replace(new, self._file(kind))

    def _known_clusters(self) -> set[str]:
        clusters = json.loads(administer(self.admin, "/clusters?format=json")).get("cluster_statuses", [])
        return {cluster["name"] for cluster in clusters}

    def _until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + READY_WITHIN
        while not condition():
            if self._process is None or self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"Envoy did not start, or did not take the site in:\n{self._log.last()}")
            time.sleep(0.02)


class Envoys:
    """The Envoys of a run, one for each build of the filter and number of workers."""

    def __init__(self, workdir: Callable[[], Path]) -> None:
        self._workdir = workdir
        self._running: dict[tuple[Path, int], RunningEnvoy] = {}

    def of(self, wasm: Path, workers: int = 1) -> RunningEnvoy:
        """The one with this build and so many workers."""
        if (wasm, workers) not in self._running:
            self._running[wasm, workers] = RunningEnvoy(wasm, workers, self._workdir())
        return self._running[wasm, workers]

    def stop(self) -> None:
        """Ends all."""
        for envoy in self._running.values():
            envoy.stop()

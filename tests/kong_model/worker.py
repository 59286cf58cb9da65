"""A worker process: its instance, its root contexts, and how a callback is run in it."""

from __future__ import annotations

from contextlib import suppress

from kong_model.abi import GuestTrap, Metric, StartFailed, WorkerCrash
from kong_model.callout import Callout, Outcome
from kong_model.effect import Hostcall
from kong_model.guest import Clock, Guest, Import, RandomBytes
from kong_model.hostcalls import TABLE
from kong_model.hostcalls.host import Execution, Host
from kong_model.route import Filter, Route
from kong_model.settings import Settings
from kong_model.shared_data import Zones
from kong_model.step import Step
from kong_model.stream import FilterContext, Root, Stream


class Worker:
    """S5: isolation none, Kong's default: one instance for all chains, configurations and root contexts."""

    def __init__(self, wasm: bytes, settings: Settings | None = None, zones: Zones | None = None) -> None:
        self.wasm = wasm
        self.settings = settings or Settings()
        self.zones = zones or Zones(self.settings.shm_kv)
        self.clock = Clock()
        self.random_bytes = RandomBytes()
        self.guest: Guest | None = None
        self.routes: list[Route] = []
        self.roots: dict[tuple[str, int], Root] = {}
        self.old_roots: list[Root] = []
        self.metrics: dict[str, tuple[Metric, int]] = {}
        self.violations: list[str] = []
        self.hostcalls: list[Hostcall] = []
        self.log: list[str] = []
        self.traps: list[str] = []
        self.ticks = 0
        self.runs_chains = True
        self.current_outcome: Outcome | None = None
        self._execution: Execution | None = None
        self._numbers = 0

    def _next_number(self) -> int:
        self._numbers += 1
        return self._numbers

    def write_log(self, level: str, message: str, stream: Stream | None, root: Root | None = None) -> None:
        """A line of the error log, kept with what it is about."""
        line = f"[{level}] {message}"
        self.log.append(line)
        if stream is not None:
            stream.effect.log.append(line)
        elif root is not None:
            root.log.append(line)

    def _imports(self) -> dict[str, tuple[str, Import]]:
        return {name: (signature, self._bound(name)) for name, (signature, _) in TABLE.items()}

    def _bound(self, name: str) -> Import:
        function = TABLE[name][1]

        def call(*arguments: int) -> int:
            execution = self._execution
            if execution is None:
                raise GuestTrap("a hostcall outside of any callback")
            host = Host(self, execution)  # type: ignore[arg-type]
            result = "no result"
            try:
                status = function(host, *arguments)
                result = status.name
            except (GuestTrap, WorkerCrash) as end:
                result = f"{'crash' if isinstance(end, WorkerCrash) else 'trap'}: {end}"
                raise
            finally:
                record = Hostcall(execution.step.value, execution.number, name, host.note, result)
                (execution.stream.effect.hostcalls if execution.stream else self.hostcalls).append(record)
            return int(status)

        return call

    def _run(self, execution: Execution, export: str, *arguments: int) -> int:
        """Runs a callback. A trap is noted, with all it may do to others left to the caller."""
        before, self._execution = self._execution, execution
        try:
            return execution.guest.call(export, *arguments)
        except GuestTrap as trap:
            why = f"{execution.step.value}: {trap}"
            self.traps.append(why)
            if execution.stream is not None:
                execution.stream.effect.traps.append(why)
            self.write_log("error", f"trap in {why}", execution.stream, execution.root)
            raise
        finally:
            self._execution = before

    def _living_guest(self) -> Guest:
        """D3, S2: after a trap the next that needs an instance makes a new one, with nothing in it."""
        if self.guest is None or self.guest.trapped:
            self.guest = Guest(self.wasm, self._imports(), self.settings.environment, self.clock, self.random_bytes)
            starting = Root(0, Filter())
            self._run(Execution(Step.CREATE, self.guest, starting), "_initialize")
        return self.guest

    def _start_root(self, root: Root, *, at_start: bool) -> None:
        """S2: on_vm_start runs at start-up only; on_configure again in every new instance."""
        guest = self._living_guest()
        if root.guest is guest:
            return
        root.tick_period = 0
        self._run(Execution(Step.CREATE, guest, root), "proxy_on_context_create", root.number, 0)
        if at_start and guest.has("proxy_on_vm_start"):
            started = self._run(Execution(Step.VM_START, guest, root), "proxy_on_vm_start", root.number, 0)
            if not started:
                raise StartFailed("on_vm_start returned false")
        size = len(root.filter.configuration)
        execution = Execution(Step.CONFIGURE, guest, root)
        if guest.has("proxy_on_configure") and not self._run(execution, "proxy_on_configure", root.number, size):
            raise StartFailed("on_configure returned false")
        root.guest = guest

    def start(self) -> None:
        """K1: a filter that fails to start takes every chain away, the good ones, too; all requests go through."""
        self.runs_chains = True
        self.guest = None
        self.old_roots = []
        self.roots = {
            (route.name, index): Root(self._next_number(), each)
            for route in self.routes
            for index, each in enumerate(route.filters)
        }
        try:
            for root in self.roots.values():
                self._start_root(root, at_start=True)
        except (GuestTrap, StartFailed) as failure:
            self.runs_chains = False
            self.write_log("critical", f"this node must be restarted: {failure}", None)

    def reconfigure(self, route: Route) -> bool:
        """K2: a chain that fails keeps the old configuration. Q9: new roots are made, old ones stay and tick on."""
        fresh = {(route.name, index): Root(self._next_number(), each) for index, each in enumerate(route.filters)}
        try:
            for root in fresh.values():
                self._start_root(root, at_start=False)
        except (GuestTrap, StartFailed) as failure:
            self.write_log("error", f"declarative reconfigure failed: {failure}", None)
            return False
        self.old_roots += [root for key, root in self.roots.items() if key[0] == route.name]
        self.roots = {key: root for key, root in self.roots.items() if key[0] != route.name} | fresh
        self.routes = [other for other in self.routes if other.name != route.name] + [route]
        return True

    def _tick(self) -> None:
        """Q9: every root that set a period ticks, the replaced ones, too."""
        for root in [root for root in [*self.roots.values(), *self.old_roots] if root.tick_period]:
            with suppress(GuestTrap, StartFailed):
                self._start_root(root, at_start=False)
                self.ticks += 1
                self._run(Execution(Step.TICK, self._living_guest(), root), "proxy_on_tick", root.number)

    def _root_call_ended(self, root: Root, callout: Callout, outcome: Outcome) -> None:
        """S4: the answer to a tick's callout."""
        self.current_outcome = outcome
        execution = Execution(Step.ROOT_CALL_RESPONSE, self._living_guest(), root)
        with suppress(GuestTrap):
            self._run(
                execution, "proxy_on_http_call_response", root.number,
                callout.token, len(outcome.headers), outcome.told_size, 0,
            )  # fmt: skip
        self.current_outcome = None

    def _make_contexts(self, stream: Stream) -> None:
        """The contexts of all filters of a chain are made before the first callback."""
        for index in range(len(stream.route.filters)):
            root = self.roots[stream.route.name, index]
            self._start_root(root, at_start=False)
            context = FilterContext(self._next_number(), root, self._living_guest())
            stream.contexts.append(context)
            self._create(stream, context)

    def _create(self, stream: Stream, context: FilterContext) -> None:
        execution = Execution(Step.CREATE, context.guest, context.root, stream, context)
        self._run(execution, "proxy_on_context_create", context.number, context.root.number)

    def _callback(self, stream: Stream, context: FilterContext, step: Step, export: str, *arguments: int) -> int:
        """D3: a context whose instance has trapped is made anew in the next one, which knows nothing of it."""
        if context.guest.trapped:
            self._start_root(context.root, at_start=False)
            context.guest = self._living_guest()
            self._create(stream, context)
        first = context.root.number if step is Step.CALL_RESPONSE else context.number
        if step not in (Step.DONE, Step.DELETE, Step.LOG):
            stream.effect.arrived.append(step.value)
        if not context.guest.has(export):
            return 0
        execution = Execution(step, context.guest, context.root, stream, context)
        return self._run(execution, export, first, *arguments)

"""The model as a test uses it: routes, requests, and the events between them."""

from __future__ import annotations

import queue
from collections.abc import Callable

from kong_model.abi import Pairs, WorkerCrash
from kong_model.callout import Callout, Outcome
from kong_model.chain import Chain
from kong_model.effect import Answer, Effect, UpstreamRequest
from kong_model.hostcalls.host import Execution
from kong_model.message import ClientRequest, accepted_lines, normalised_path, split_target
from kong_model.ports import CalloutPort, ScriptedCallouts, ScriptedUpstream, UpstreamPort
from kong_model.route import Route
from kong_model.settings import Settings
from kong_model.shared_data import Zones
from kong_model.stream import Stream


class KongModel(Chain):
    """One worker of a Kong. Everything in it runs on the thread that calls `run`, as in nginx.

    With scripted ports, `send` is all a test needs; `open`, `end_callout` and `run` interleave requests.
    """

    def __init__(
        self,
        wasm: bytes,
        settings: Settings | None = None,
        *,
        callouts: CalloutPort | None = None,
        upstream: UpstreamPort | None = None,
        zones: Zones | None = None,
    ) -> None:
        super().__init__(wasm, settings, zones)
        self.callouts: CalloutPort = callouts or ScriptedCallouts()
        self.upstream: UpstreamPort = upstream or ScriptedUpstream()
        self.crashes: list[str] = []
        self.dead = False
        self.streams: list[Stream] = []
        self._events: queue.Queue[Callable[[], None]] = queue.Queue()
        self._unsent: list[Callout] = []
        self._calls: dict[int, tuple[Callout, Execution]] = {}
        self._tokens = 0
        self._under_way = 0

    def add_route(self, route: Route) -> None:
        """Declares a route, before `start`."""
        self.routes.append(route)

    def start(self) -> None:
        """Q2: what crashes at start crashes for ever, and nobody is served."""
        try:
            super().start()
        except WorkerCrash as crash:
            self.crashes.append(str(crash))
            self.dead = True

    def reload(self) -> None:
        """S6, K7: `kong reload` starts anew, with empty zones."""
        self.zones.clear()
        self.start()

    def post(self, event: Callable[[], None]) -> None:
        """Puts an event into the worker's queue, from any thread."""
        self._events.put(event)

    def open(self, request: ClientRequest, route: Route | None = None) -> Stream:
        """A request arrives. It goes as far as it can without waiting."""
        stream = self._stream(request, route or self._matching(request))
        self._handle(lambda: self._arrive(stream))
        return stream

    def open_later(
        self,
        request: ClientRequest,
        route: Route,
        opened: Callable[[Stream], None],
        when_done: Callable[[Stream], None],
    ) -> None:
        """The same from another thread; the functions are called on the worker's."""

        def event() -> None:
            stream = self._stream(request, route)
            opened(stream)
            stream.when_done = when_done
            self._arrive(stream)

        self.post(event)

    def send(self, request: ClientRequest | None = None, route: Route | None = None) -> Effect:
        """A request from its arrival to its end. One that only a test can bring on stays pending."""
        stream = self.open(request or ClientRequest(), route)
        self.run()
        if not stream.done and not stream.pending():
            stream.effect.hung = True
        return stream.effect

    def run(self) -> None:
        """Handles events until nothing is under way."""
        while not self._events.empty() or self._under_way:
            self.step(timeout=30)

    def step(self, timeout: float) -> bool:
        """Handles one event; False where none came in time."""
        try:
            event = self._events.get(timeout=timeout)
        except queue.Empty:
            return False
        self._handle(event)
        return True

    def end_callout(self, callout: Callout, outcome: Outcome) -> None:
        """Ends a callout that the script left pending."""
        self._handle(lambda: self._callout_event(callout.token, outcome))

    def disconnect(self, stream: Stream) -> None:
        """S2, K14: the client's leaving is not noticed before there is something to write."""
        stream.client_left = True

    def _matching(self, request: ClientRequest) -> Route | None:
        path = normalised_path(split_target(request.target)[0])
        found = [route for route in self.routes if path.startswith(route.path)]
        return max(found, key=lambda route: len(route.path), default=None)

    def _stream(self, request: ClientRequest, route: Route | None) -> Stream:
        lines = accepted_lines(request, self.settings.header_line_limit, self.settings.header_limit)
        known = lines if isinstance(lines, list) else []
        stream = Stream(request, known, route or Route(name="none", filters=()), self.settings)
        if isinstance(lines, int):
            stream.refused_by_nginx = lines
        elif route is None:
            stream.refused_by_nginx = 404
        self.streams.append(stream)
        return stream

    def _arrive(self, stream: Stream) -> None:
        """Q4, S8: what nginx or Kong's router answers by itself, no filter sees."""
        if self.dead:
            self._end(stream, Answer(None, why="connection refused"))
        elif stream.refused_by_nginx:
            self._kong_answer(stream, stream.refused_by_nginx, "Bad request")
        else:
            self._begin(stream)

    def _handle(self, event: Callable[[], None]) -> None:
        try:
            event()
        except WorkerCrash as crash:
            self._crash(str(crash))
        self._send_callouts()
        for stream in [stream for stream in self.streams if stream.effect.hung and not stream.done]:
            if stream.when_done is not None:
                stream.when_done(stream)
                stream.when_done = None
        self.streams = [stream for stream in self.streams if not stream.done]

    def _crash(self, why: str) -> None:
        """D3, D5, D6: signal 11. All connections of the worker end; another one is started; zones outlive it."""
        self.crashes.append(why)
        for stream in self.streams:
            if not stream.done:
                stream.effect.crashes.append(why)
                stream.contexts.clear()
                self._end(stream, Answer(None, why="connection closed"))
        self._unsent.clear()
        self._calls.clear()
        self.start()

    def tick(self) -> None:
        """S4: lets all timers fire once."""
        self._handle(self._tick)

    def next_token(self) -> int:
        """S1: a number of the process, counted up."""
        self._tokens += 1
        return self._tokens

    def add_callout(self, callout: Callout, execution: Execution) -> None:
        """Takes a callout; it is sent after the callback."""
        if execution.stream is not None and execution.context is not None:
            execution.context.pending[callout.token] = callout
            execution.stream.effect.callouts.append(callout)
        self._calls[callout.token] = (callout, execution)
        self._unsent.append(callout)

    def _send_callouts(self) -> None:
        """S3: what a reply has cancelled meanwhile is never sent."""
        unsent, self._unsent = self._unsent, []
        for callout in unsent:
            if not callout.cancelled:
                self._under_way += 1
                self._start_callout(callout)

    def _start_callout(self, callout: Callout) -> None:
        ended: list[bool] = []

        def finish(outcome: Outcome) -> None:
            def event() -> None:
                self._under_way -= 1
                self._callout_event(callout.token, outcome)

            ended.append(True)
            self.post(event)

        self.callouts.start(callout, finish)
        if isinstance(self.callouts, ScriptedCallouts) and not ended:
            self._under_way -= 1

    def _callout_event(self, token: int, outcome: Outcome) -> None:
        """D3: poisoned by another request's trap, a callback crashes the worker if a third request came before it."""
        found = self._calls.pop(token, None)
        if found is None or found[0].cancelled:
            return
        callout, execution = found
        if callout.doomed:
            raise WorkerCrash("a callout ended whose request had gone on")
        stream, context = execution.stream, execution.context
        if stream is None or context is None:
            self._root_call_ended(execution.root, callout, outcome)
            return
        if stream.done:
            return
        if context.guest.trapped and self.guest is not context.guest:
            raise WorkerCrash("a callout ended whose instance is gone")
        self._call_ended(stream, context, callout, outcome)

    def _send_upstream(self, stream: Stream, request: UpstreamRequest) -> None:
        self._under_way += 1
        self.upstream.start(stream.route.service, request, _Listener(self, stream))

    def upstream_head(self, stream: Stream, status: int, headers: Pairs) -> None:
        """The upstream has begun to answer."""
        stream.upstream_status = status
        self._response_head(stream, status, headers)

    def upstream_end(self, stream: Stream, why: str | None) -> None:
        """The upstream has ended; Q4: a dead one is Kong's own 502, which no filter sees."""
        self._under_way -= 1
        if why is None:
            self._response_end(stream)
        elif stream.upstream_status is None:
            self._kong_answer(stream, 502, "An invalid response was received from the upstream server")
        else:
            stream.answer.why = why
            self._end(stream, stream.answer)

    def upstream_piece(self, stream: Stream, data: bytes) -> None:
        """A piece of the upstream's body."""
        self._response_piece(stream, data)


class _Listener:
    """Hands an upstream's answer to the worker's thread."""

    def __init__(self, model: KongModel, stream: Stream) -> None:
        self._model = model
        self._stream = stream

    def head(self, status: int, headers: Pairs) -> None:
        self._model.post(lambda: self._model.upstream_head(self._stream, status, headers))

    def piece(self, data: bytes) -> None:
        self._model.post(lambda: self._model.upstream_piece(self._stream, data))

    def end(self) -> None:
        self._model.post(lambda: self._model.upstream_end(self._stream, None))

    def failed(self, why: str) -> None:
        self._model.post(lambda: self._model.upstream_end(self._stream, why))

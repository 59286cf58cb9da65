"""Where callouts and forwarded requests go: a test's script, or (network.py) a server on this machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from kong_model.abi import Pairs
from kong_model.callout import Callout, Outcome
from kong_model.effect import UpstreamRequest
from kong_model.message import UpstreamAnswer
from kong_model.route import Service

Finish = Callable[[Outcome], None]


class UpstreamListener(Protocol):
    """Takes an upstream's answer as it arrives; may be called from any thread."""

    def head(self, status: int, headers: Pairs) -> None:
        """Status and headers."""

    def piece(self, data: bytes) -> None:
        """A piece of the body."""

    def end(self) -> None:
        """The whole answer has arrived."""

    def failed(self, why: str) -> None:
        """It will not."""


class CalloutPort(Protocol):
    """Makes callouts."""

    def start(self, callout: Callout, finish: Finish) -> None:
        """Starts one; `finish` is called once, from any thread, or never where the test does it."""


class UpstreamPort(Protocol):
    """Forwards requests."""

    def start(self, service: Service, request: UpstreamRequest, listener: UpstreamListener) -> None:
        """Sends a request and reports the answer."""


class ScriptedCallouts:
    """Callouts that end as a function says; None leaves one pending until the test ends it."""

    def __init__(self, script: Callable[[Callout], Outcome | None] | None = None) -> None:
        self.script = script or (lambda _callout: None)

    def start(self, callout: Callout, finish: Finish) -> None:
        """Ends it at once, or leaves it."""
        outcome = self.script(callout)
        if outcome is not None:
            finish(outcome)


class ScriptedUpstream:
    """An upstream that answers as a function says."""

    def __init__(self, script: Callable[[UpstreamRequest], UpstreamAnswer] | None = None) -> None:
        self.script = script or (lambda _request: UpstreamAnswer())

    def start(self, service: Service, request: UpstreamRequest, listener: UpstreamListener) -> None:
        """Answers at once."""
        del service
        answer = self.script(request)
        listener.head(answer.status, answer.lines())
        if request.method != b"HEAD":
            listener.piece(answer.body)
        listener.end()

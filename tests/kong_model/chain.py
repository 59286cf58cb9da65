"""A request's way through nginx's phases and the filters of its chain."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial

from kong_model import access
from kong_model.abi import Action, GuestTrap, Pairs, StartFailed
from kong_model.callout import Callout, Outcome
from kong_model.effect import Answer, UpstreamRequest
from kong_model.header_lines import ResponseHeaders
from kong_model.step import Step
from kong_model.stream import FilterContext, Stream
from kong_model.worker import Worker

_PIECE = 8192


class Chain(Worker):
    """What happens to a request between its arrival and its forwarding."""

    def _begin(self, stream: Stream) -> None:
        """Q5 (c): with buffered proxying the upstream is called first, and the request's callbacks never run."""
        if not self.runs_chains or not stream.route.filters:
            self._proxy(stream)
            return
        try:
            self._make_contexts(stream)
        except (GuestTrap, StartFailed):
            self._kong_error(stream)
            return
        if stream.route.buffered and not stream.request.is_upgrade():
            self._proxy_buffered(stream)
        else:
            self._request_headers(stream, 0)

    def _request_headers(self, stream: Stream, first: int) -> None:
        """Q3: end_of_stream is always false. D9: the count is true. D2: a trap here is 500, nothing forwarded."""
        for index in range(first, len(stream.contexts)):
            context = stream.contexts[index]
            try:
                action = self._callback(
                    stream, context, Step.REQUEST_HEADERS, "proxy_on_request_headers", stream.headers.count, 0
                )
            except (GuestTrap, StartFailed):
                if stream.local is None:
                    self._kong_error(stream)
                    return
                break
            if self._stops(stream, context, action, partial(self._request_headers, stream, index + 1)):
                return
        if stream.local is not None:
            self._reply(stream)
        else:
            self._request_body(stream, 0)

    def _request_body(self, stream: Stream, first: int) -> None:
        """Q3: once, at its end, with the full length; never for an empty body. A trap is 500."""
        body = stream.request.body
        for index in range(first, len(stream.contexts) if body and not stream.request.is_upgrade() else 0):
            context = stream.contexts[index]
            if context.failed:
                continue
            before = len(stream.effect.callouts)
            try:
                action = self._callback(
                    stream, context, Step.REQUEST_BODY, "proxy_on_request_body", len(stream.request.body), 1
                )
            except (GuestTrap, StartFailed):
                self._kong_error(stream)
                return
            stream.dispatched_in_body |= len(stream.effect.callouts) > before
            if self._stops(stream, context, action, partial(self._request_body, stream, index + 1)):
                return
        if stream.local is not None:
            self._reply(stream)
        else:
            self._proxy(stream)

    def _stops(self, stream: Stream, context: FilterContext, action: int, resume: Callable[[], None]) -> bool:
        """After a request callback: does the chain stop here?

        D5: Continue with a callout under way forwards at once, and the callout's end crashes the worker.
        S2: Pause without a callout hangs for ever.
        """
        if stream.local is not None:
            self._reply(stream)
            return True
        if context.pending and action == Action.PAUSE:
            stream.resume = resume
            return True
        for callout in context.pending.values():
            callout.doomed = True
        if action == Action.PAUSE:
            stream.effect.hung = True
            return True
        return False

    def _call_ended(self, stream: Stream, context: FilterContext, callout: Callout, outcome: Outcome) -> None:
        """D1: unless the callback replies or calls again, the request goes on. D2: also when the callback traps.

        M4, Q7: further filters' request callbacks still run, even after a reply.
        """
        context.pending.pop(callout.token, None)
        stream.lost_body = callout.method == b"POST" and not outcome.body
        self.current_outcome = outcome
        try:
            self._callback(
                stream, context, Step.CALL_RESPONSE, "proxy_on_http_call_response",
                callout.token, len(outcome.headers), outcome.told_size, 0,
            )  # fmt: skip
        except (GuestTrap, StartFailed):
            context.failed = True
            self.cancel_callouts(stream)
        finally:
            self.current_outcome = None
        if stream.done or context.pending or stream.resume is None:
            return
        resume, stream.resume = stream.resume, None
        resume()

    def cancel_callouts(self, stream: Stream) -> None:
        """S3: a reply cancels what is under way, even before it was sent."""
        for context in stream.contexts:
            for callout in context.pending.values():
                callout.cancelled = True
            context.pending.clear()

    def _proxy(self, stream: Stream) -> None:
        """M2: a scheme nginx cannot proxy to stops the request: 500, but Q3: hung where a body was announced.

        Q10: where no filter runs, it is 500 for every request.
        """
        why = access.why_not_proxied(stream.variables["upstream_scheme"], stream.variables["upstream_uri"])
        if why is None:
            self._forward(stream)
            return
        self.write_log("error", why, stream)
        if stream.route.service.is_grpc or (stream.request.http2 and stream.request.announces_body()):
            self._end(stream, Answer(None, why="stream reset"))
        elif stream.contexts and stream.request.announces_body() and not stream.dispatched_in_body:
            stream.effect.hung = True
        else:
            self._kong_error(stream)

    def _proxy_buffered(self, stream: Stream) -> None:
        """Q5 (c), Q10: where nginx cannot proxy the subrequest, the filters see Kong's own response to it."""
        why = access.why_not_proxied(stream.variables["upstream_scheme"], stream.variables["upstream_uri"])
        if why is None:
            self._forward(stream)
            return
        self.write_log("error", why, stream)
        text = b'{"message": "An unexpected error occurred"}'
        head = [(b"Content-Type", b"application/json; charset=utf-8"), (b"Content-Length", str(len(text)).encode())]
        self._response_head(stream, 500, head)
        self._response_piece(stream, b"" if stream.method == b"HEAD" else text)
        self._response_end(stream)

    def _forward(self, stream: Stream) -> None:
        """D7, D8: the lines as nginx keeps them. Q3: the length is stated, also for a chunked body."""
        service = stream.route.service
        scheme = stream.variables["upstream_scheme"].decode()
        if scheme != service.scheme:
            stream.effect.violations.append(f"the scheme is {scheme}, the service's {service.scheme}")
        host = stream.variables["upstream_host"]
        named = access.authority(stream.scheme_read, host) if service.is_grpc else host
        lines: Pairs = [(b"Host", named), (b"Connection", b"keep-alive")]
        if stream.request.body or b"content-length" in {name.lower() for name, _ in stream.request.lines()}:
            lines.append((b"Content-Length", str(len(stream.request.body)).encode()))
        lines += stream.headers.upstream_lines()
        uri, pool = stream.variables["upstream_uri"], access.pool(stream.route, stream.scheme_read, host)
        request = UpstreamRequest(stream.method, uri, lines, stream.request.body, scheme, pool)
        stream.effect.upstream.append(request)
        self._send_upstream(stream, request)

    def _send_upstream(self, stream: Stream, request: UpstreamRequest) -> None:
        raise NotImplementedError

    def _reply(self, stream: Stream) -> None:
        """S7: headers are set, not added; a line end is appended; the length is the host's own.

        T1: after a POST callout that brought no body, a reply with one closes the connection instead.
        """
        local, stream.local = stream.local, None
        if local is None:
            return
        if stream.lost_body and local.body:
            self.write_log("alert", "zero size buf in writer", stream)
            self._end(stream, Answer(None, why="zero size buf in writer"))
            return
        fields: dict[bytes, tuple[bytes, bytes]] = {}
        for name, value in local.headers:
            fields[name.lower()] = (name, value)
        body = local.body + b"\n" if local.body else b""
        fields[b"content-length"] = (b"Content-Length", str(len(body)).encode())
        if body:
            fields.setdefault(b"content-type", (b"Content-Type", b"text/plain"))
        fields.setdefault(b"server", (b"Server", f"kong/{self.settings.kong_version}".encode()))
        self._response_head(stream, local.status, list(fields.values()))
        if not stream.effect.hung:
            self._response_piece(stream, b"" if stream.method == b"HEAD" else body)
            self._response_end(stream)

    def _kong_error(self, stream: Stream) -> None:
        """K12."""
        self._kong_answer(stream, 500, "An unexpected error occurred")

    def _kong_answer(self, stream: Stream, status: int, message: str) -> None:
        """Q4: no callback of the response runs for what Kong answers by itself."""
        headers = [(b"Content-Type", b"application/json; charset=utf-8"), (b"Server", b"kong")]
        answer = Answer(status, headers)
        answer.add_piece(json.dumps({"message": message, "request_id": "0" * 32}).encode())
        self._end(stream, answer)

    def _response_head(self, stream: Stream, status: int, headers: Pairs) -> None:
        """Q4: for upstream answers and for a filter's own. A trap lets the answer pass."""
        if stream.done:
            return
        stream.response_status = status
        stream.response_headers = ResponseHeaders(headers)
        if stream.response_headers.get(b"connection") is None:
            stream.response_headers.add(b"Connection", b"keep-alive")
        if stream.upstream_status is not None:
            stream.response_headers.add(b"Via", b"1.1 kong/" + self.settings.kong_version.encode())
        for context in stream.contexts:
            if context.failed:
                continue
            try:
                self._callback(
                    stream, context, Step.RESPONSE_HEADERS, "proxy_on_response_headers",
                    len(stream.response_headers.lines), 0,
                )  # fmt: skip
            except (GuestTrap, StartFailed):
                context.failed = True
        stream.answer = Answer(stream.response_status, stream.response_headers.lines)

    def _response_piece(self, stream: Stream, data: bytes) -> None:
        """Q4: in pieces of at most 8 kB, and end_of_stream may never be true."""
        for start in range(0, len(data), _PIECE):
            if stream.done or stream.effect.hung:
                return
            stream.response_piece = data[start : start + _PIECE]
            for context in stream.contexts:
                if context.failed:
                    continue
                size = len(stream.response_piece or b"")
                try:
                    self._callback(stream, context, Step.RESPONSE_BODY, "proxy_on_response_body", size, 0)
                except (GuestTrap, StartFailed):
                    context.failed = True
            stream.answer.add_piece(stream.response_piece or b"")

    def _response_end(self, stream: Stream) -> None:
        """Q5 (c): a body shorter than the Content-Length that stayed leaves the client waiting."""
        if stream.done or stream.effect.hung:
            return
        answer = stream.answer
        length = next(iter(answer.all(b"content-length")), None)
        if length is not None and stream.method != b"HEAD" and answer.status not in (204, 304):
            if len(answer.body) < int(length):
                stream.effect.hung = True
                return
            answer.body = answer.body[: int(length)]
        self._end(stream, answer)

    def _end(self, stream: Stream, answer: Answer) -> None:
        """The answer is out: the filters' last callbacks run, in instances that still live."""
        if stream.done:
            return
        stream.done = True
        if not stream.client_left:
            stream.effect.answers.append(answer)
        for context in stream.contexts:
            for step, export in (
                (Step.DONE, "proxy_on_done"), (Step.LOG, "proxy_on_log"), (Step.DELETE, "proxy_on_delete"),
            ):  # fmt: skip
                if context.guest.trapped:
                    break
                try:
                    self._callback(stream, context, step, export)
                except (GuestTrap, StartFailed):
                    break
        if stream.when_done is not None:
            stream.when_done(stream)

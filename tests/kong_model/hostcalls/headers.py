"""Header maps."""

from __future__ import annotations

from kong_model.abi import GuestTrap, Map, Status, WorkerCrash, pack_pairs, unpack_pairs
from kong_model.callout import Outcome
from kong_model.header_lines import Listing, RequestHeaders, ResponseHeaders
from kong_model.hostcalls.host import Host, Signature
from kong_model.step import IN_REQUEST, Step

_SHOWN = {Step.RESPONSE_HEADERS, Step.RESPONSE_BODY, Step.LOG, Step.DONE}


def _all(host: Host, which: int) -> Listing | None:
    """Pseudo-headers and lines of a map, as a filter sees them."""
    if which == Map.REQUEST_HEADERS:
        return Listing(host.stream.pseudo_headers(), host.stream.headers.visible())
    if which == Map.RESPONSE_HEADERS:
        stream = host.stream
        lines = stream.response_headers.lines if stream.response_headers else []
        status = [(b":status", str(stream.response_status).encode())] if stream.response_status else []
        return Listing.of_response(status, lines)
    outcome = _outcome(host) if which == Map.CALL_RESPONSE_HEADERS else None
    if outcome is None:
        return None
    pseudo = [(b":status", outcome.status)] if outcome.status else []
    return Listing([*pseudo, (b":dispatch_status", outcome.dispatch_status)], outcome.headers)


def _outcome(host: Host) -> Outcome | None:
    """The answer to the callout whose callback runs."""
    found = host.model.current_outcome
    return found if host.step in (Step.CALL_RESPONSE, Step.ROOT_CALL_RESPONSE) else None


def get_pairs(host: Host, which: int, data_out: int, size_out: int) -> Status:
    """D9: never more than 100, and in a room of another size. S2: without an answer, too, a dispatch status."""
    host.note = (which,)
    listing = _all(host, which)
    if listing is None:
        return Status.BAD_ARGUMENT
    data = pack_pairs(listing.pairs)
    if len(data) > listing.room:
        host.violation("a list of headers that overruns its room")
    return host.give(data, data_out, size_out, listing.room)


def get_value(host: Host, which: int, name: int, name_size: int, data_out: int, size_out: int) -> Status:
    """S8: in any letter case; D9: finds what a listing leaves out."""
    wanted = host.read(name, name_size)
    host.note = (which, wanted)
    value = _value(host, which, wanted)
    return Status.NOT_FOUND if value is None else host.give(value, data_out, size_out)


def _value(host: Host, which: int, wanted: bytes) -> bytes | None:
    if wanted.startswith(b":"):
        listing = _all(host, which)
        return next((value for name, value in listing.pairs if name == wanted), None) if listing else None
    if which == Map.REQUEST_HEADERS:
        return host.stream.headers.get(wanted)
    if which == Map.RESPONSE_HEADERS:
        headers = host.stream.response_headers
        return headers.get(wanted) if headers else None
    outcome = _outcome(host) if which == Map.CALL_RESPONSE_HEADERS else None
    return ResponseHeaders(outcome.headers).get(wanted) if outcome else None


def _editable(host: Host, which: int) -> RequestHeaders | ResponseHeaders | None:
    """D4: an edit in the wrong phase traps."""
    stream = host.stream
    if which == Map.REQUEST_HEADERS:
        if host.step not in IN_REQUEST:
            raise GuestTrap("can only set request headers before response is produced")
        return stream.headers
    if which == Map.RESPONSE_HEADERS:
        if host.step not in IN_REQUEST | {Step.RESPONSE_HEADERS}:
            raise GuestTrap('can only set response headers before "on_response_body"')
        stream.response_headers = stream.response_headers or ResponseHeaders([])
        return stream.response_headers
    return None


def _edit_pseudo(host: Host, which: int, name: bytes, value: bytes | None) -> bool:
    """K11: :method counts, :path does not; S8: :scheme and :authority are read-only. Q4: :status counts."""
    if not name.startswith(b":"):
        return False
    stream = host.stream
    if which == Map.RESPONSE_HEADERS and name == b":status" and value is not None and value.isdigit():
        stream.response_status = int(value)
    elif which == Map.REQUEST_HEADERS and name == b":method" and value:
        stream.method = value
    else:
        host.log("error", f'cannot set read-only "{name.decode("latin-1")}" header')
    return True


def replace_value(host: Host, which: int, name: int, name_size: int, value: int, value_size: int) -> Status:
    """D7, D8 for requests; Q4 for responses."""
    field, content = host.read(name, name_size), host.read(value, value_size)
    host.note = (which, field)
    headers = _editable(host, which)
    if headers is None:
        return Status.BAD_ARGUMENT
    if not _edit_pseudo(host, which, field, content):
        headers.set(field, content)
    return Status.OK


def add_value(host: Host, which: int, name: int, name_size: int, value: int, value_size: int) -> Status:
    """S8: a second line of a header nginx knows is refused, with a line in the log and status 0."""
    field, content = host.read(name, name_size), host.read(value, value_size)
    host.note = (which, field)
    headers = _editable(host, which)
    if headers is None:
        return Status.BAD_ARGUMENT
    if not _edit_pseudo(host, which, field, content) and headers.add(field, content) is False:
        host.log("error", "cannot add new builtin header")
        host.violation(f"an added {field.decode('latin-1')} line never comes to be")
    return Status.OK


def remove_value(host: Host, which: int, name: int, name_size: int) -> Status:
    """D7: of a request, nothing goes away. T2: removing a response's Connection crashes the worker."""
    field = host.read(name, name_size)
    host.note = (which, field)
    headers = _editable(host, which)
    if headers is None:
        return Status.BAD_ARGUMENT
    if which == Map.RESPONSE_HEADERS and field.lower() == b"connection":
        raise WorkerCrash("the response's Connection header removed")
    if which == Map.REQUEST_HEADERS and host.stream.headers.get(field) is not None:
        host.violation(f"a removed {field.decode('latin-1')} line still reaches the upstream")
    if not _edit_pseudo(host, which, field, None):
        headers.remove(field)
    return Status.OK


def set_pairs(host: Host, which: int, data: int, size: int) -> Status:
    """D7: replacing a request's whole map does not clear it for the upstream. Of a response nginx's own stay."""
    host.note = (which,)
    pairs = unpack_pairs(host.read(data, size))
    if pairs is None:
        return Status.INTERNAL_FAILURE
    headers = _editable(host, which)
    if headers is None:
        return Status.BAD_ARGUMENT
    current = headers.visible() if isinstance(headers, RequestHeaders) else Listing.of_response([], headers.lines).lines
    for name, _ in list(current):
        headers.remove(name)
    for name, value in pairs:
        if not _edit_pseudo(host, which, name, value):
            headers.set(name, value)
    return Status.OK


TABLE: dict[str, Signature] = {
    "proxy_get_header_map_pairs": ("iii", get_pairs),
    "proxy_set_header_map_pairs": ("iii", set_pairs),
    "proxy_get_header_map_value": ("iiiii", get_value),
    "proxy_replace_header_map_value": ("iiiii", replace_value),
    "proxy_add_header_map_value": ("iiiii", add_value),
    "proxy_remove_header_map_value": ("iii", remove_value),
}

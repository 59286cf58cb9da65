"""The two header lists a filter can edit, with nginx's ways of editing them."""

from __future__ import annotations

from dataclasses import dataclass

from kong_model.abi import Pairs

LISTED_AT_MOST = 100
_BUILTIN_REQUEST = {
    b"host", b"connection", b"if-modified-since", b"if-unmodified-since", b"if-match", b"if-none-match", b"user-agent",
    b"referer", b"content-length", b"content-type", b"range", b"if-range", b"transfer-encoding", b"expect", b"upgrade",
    b"accept-encoding", b"via", b"authorization", b"keep-alive",
}  # fmt: skip
_WRITTEN_BY_NGINX = {
    b"host", b"connection", b"content-length", b"transfer-encoding", b"keep-alive", b"expect", b"upgrade", b"te",
}  # fmt: skip


_WRITTEN_LAST = {b"content-type", b"transfer-encoding", b"connection", b"keep-alive", b"vary"}


@dataclass(frozen=True)
class Listing:
    """A header map as the host lists it: first what it makes up (`extras`), then the lines."""

    extras: Pairs
    lines: Pairs

    @classmethod
    def of_response(cls, status: Pairs, lines: Pairs) -> Listing:
        """Of a response, nginx makes up some headers itself."""
        made_up = [line for line in lines if line[0].lower() in _WRITTEN_LAST]
        return cls([*status, *made_up], [line for line in lines if line not in made_up])

    @property
    def pairs(self) -> Pairs:
        """D9: a listing ends after 100 elements, pseudo-headers included, and says so only in the log."""
        return [*self.extras, *self.lines][:LISTED_AT_MOST]

    @property
    def room(self) -> int:
        """D9: the bytes the host asks for: for the first 100 lines, and for as many extras as then fit, at least one.

        So it writes other elements than it counted, and may need more or less (from its source).
        """
        counted = self.lines[:LISTED_AT_MOST]
        counted = counted + self.extras[: max(LISTED_AT_MOST - len(counted) + 1, 1)]
        return 4 + sum(8 + len(name) + 1 + len(value) + 1 for name, value in counted)


def escaped(value: bytes) -> bytes:
    """S8: what a filter sets is escaped; a tab is kept."""
    return b"".join(b"%%%02X" % byte if (byte < 32 and byte != 9) or byte == 127 else bytes([byte]) for byte in value)


@dataclass
class Line:
    """A header line; a hidden one has lost its hash."""

    name: bytes
    value: bytes
    hidden: bool = False

    def is_named(self, name: bytes) -> bool:
        """Whether a lookup of `name` finds it: in any letter case, unless hidden."""
        return not self.hidden and self.name.lower() == name.lower()


class RequestHeaders:
    """The client's header lines, as filters see and edit them and as nginx's proxy module sends them."""

    def __init__(self, lines: Pairs) -> None:
        self._lines = [Line(name, value) for name, value in lines]
        self.count = len(lines)
        """D9: the true number of lines, whatever a listing shows."""

    def get(self, name: bytes) -> bytes | None:
        """The first visible line; finds lines beyond the listing, too (D9)."""
        return next((line.value for line in self._lines if line.is_named(name)), None)

    def visible(self) -> Pairs:
        """The lines a filter can see."""
        return [(line.name, line.value) for line in self._lines if not line.hidden]

    def set(self, name: bytes, value: bytes) -> None:
        """D8: the first line is replaced; further ones are only hidden, and with them the first."""
        found = [line for line in self._lines if line.is_named(name)]
        for line in found[:1]:
            line.name, line.value = name, escaped(value)
        if len(found) > 1:
            for line in found:
                line.hidden = True
        if not found:
            self._lines.append(Line(name, escaped(value)))

    def add(self, name: bytes, value: bytes) -> bool:
        """S8: a line more, but not of a header nginx knows by itself; False where refused."""
        if name.lower() in _BUILTIN_REQUEST and self.get(name) is not None:
            return False
        self._lines.append(Line(name, escaped(value)))
        return True

    def remove(self, name: bytes) -> None:
        """D7: only hides."""
        for line in self._lines:
            line.hidden = line.hidden or line.is_named(name)

    def upstream_lines(self) -> Pairs:
        """D7: the proxy module does not look whether a line is hidden; it writes only its own ones itself."""
        return [(line.name, line.value) for line in self._lines if line.name.lower() not in _WRITTEN_BY_NGINX]


class ResponseHeaders:
    """The header lines of an answer on its way to the client."""

    def __init__(self, lines: Pairs) -> None:
        self.lines = list(lines)

    def all(self, name: bytes) -> list[bytes]:
        """Every value of a header."""
        return [value for candidate, value in self.lines if candidate.lower() == name.lower()]

    def get(self, name: bytes) -> bytes | None:
        """The first line."""
        return next(iter(self.all(name)), None)

    def set(self, name: bytes, value: bytes) -> None:
        """Q4: one line is replaced; of two or more, all are removed and nothing is put in their place."""
        count = len(self.all(name))
        if count == 1:
            self.lines = [
                (name, escaped(value)) if candidate.lower() == name.lower() else (candidate, old)
                for candidate, old in self.lines
            ]
        elif count > 1:
            self.remove(name)
        else:
            self.lines.append((name, escaped(value)))

    def add(self, name: bytes, value: bytes) -> None:
        """Q4: a line more."""
        self.lines.append((name, escaped(value)))

    def remove(self, name: bytes) -> None:
        """Q4: unlike a request's, a response's header does go away."""
        self.lines = [(candidate, value) for candidate, value in self.lines if candidate.lower() != name.lower()]

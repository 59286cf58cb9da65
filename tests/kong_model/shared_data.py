"""Shared memory zones (S6, S13, D10, D11, Q6): shared by all workers, and trusted by nobody."""

from __future__ import annotations

import zlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from kong_model.abi import GuestTrap, Status, WorkerCrash
from kong_model.settings import parse_size

_NODE_BYTES = 96
"""What an entry costs beside its key and value: the tree's node."""
_PAGE_BYTES = 4096
"""What nginx's slab gives out whole to what is longer than half of it; shorter pieces are powers of two."""
_ZONE_BYTES = 16 * 1024
"""What a zone keeps for itself."""


@dataclass
class Entry:
    """A stored value with its compare-and-set number."""

    key: bytes
    value: bytes
    cas: int
    evicted: bool = False
    """Whether its memory has gone to another entry."""

    @property
    def size(self) -> int:
        """The bytes it takes."""
        needed = len(self.key) + len(self.value) + _NODE_BYTES
        if needed > _PAGE_BYTES // 2:
            return -(-needed // _PAGE_BYTES) * _PAGE_BYTES
        return 1 << (needed - 1).bit_length()


class Zone:
    """One zone. Entries are found by the CRC32 of their key and by nothing else (D10)."""

    def __init__(self, size: int, eviction: str = "slru") -> None:
        self.capacity = size - _ZONE_BYTES
        self.eviction = eviction
        self.entries: OrderedDict[int, Entry] = OrderedDict()
        self.tear: Callable[[bytes], bytes] | None = None
        """D11: what another worker's write does to a value while it is copied; None for nothing."""
        self.meanwhile: Callable[[], None] | None = None
        """S13: what other workers do between two looks of a reader at one entry; None for nothing."""
        self.writes = 0

    def get(self, key: bytes) -> Entry | None:
        """D10: an entry of another key with the same CRC32 answers, too."""
        number = zlib.crc32(key)
        entry = self.entries.get(number)
        if entry is None:
            return None
        self.entries.move_to_end(number)
        self._race(number, entry)
        value = self.tear(entry.value) if self.tear else entry.value
        return Entry(entry.key, value, entry.cas)

    def _race(self, number: int, entry: Entry) -> None:
        """S13: the lock is let go before the value is copied, and its length is read again for each step."""
        if self.meanwhile:
            self.meanwhile()
        size, now = len(entry.value), self.entries.get(number)
        if entry.evicted:
            raise WorkerCrash(f"the memory of an entry of {size} bytes was given to another while it was read")
        if now and len(now.value) != size:
            raise WorkerCrash(f"an entry of {size} bytes was replaced by one of {len(now.value)} while it was read")

    def set(self, key: bytes, value: bytes | None, cas: int) -> Status:
        """S6, Q6: 0 means "only if absent"; numbers start at 1; only the right number overwrites or deletes."""
        number = zlib.crc32(key)
        entry = self.entries.get(number)
        if cas != (entry.cas if entry else 0):
            return Status.CAS_MISMATCH
        if value is None:
            if entry is None:
                return Status.CAS_MISMATCH
            del self.entries[number]
            return Status.OK
        written = Entry(key, value, cas + 1)
        self._make_room(number, written)
        self.entries[number] = written
        self.entries.move_to_end(number)
        self.writes += 1
        return Status.OK

    def _make_room(self, number: int, written: Entry) -> None:
        """D4: a value no zone can hold evicts everything, then traps; a full zone without eviction traps."""
        used = sum(entry.size for other, entry in self.entries.items() if other != number)
        while used + written.size > self.capacity:
            victim = next((other for other in self.entries if other != number), None)
            if victim is None or self.eviction == "none":
                raise GuestTrap("failed setting value to shm (could not write to slab)")
            evicted = self.entries.pop(victim)
            evicted.evicted = True
            used -= evicted.size


class Zones:
    """The zones of one Kong. A worker that crashes leaves them as they are; a reload empties them (S6)."""

    def __init__(self, declared: dict[str, str]) -> None:
        self._declared = declared
        self.by_name: dict[str, Zone] = {}
        self.clear()

    def clear(self) -> None:
        """Starts all zones afresh."""
        for name, text in self._declared.items():
            size, *options = text.split()
            eviction = next((option.partition("=")[2] for option in options if option.startswith("eviction=")), "slru")
            self.by_name[name] = Zone(parse_size(size), eviction)

    def of(self, key: bytes) -> Zone:
        """S6: "NAME/..." lies in a zone of that name, all else in "*". K6: without a zone the host traps."""
        name = key.partition(b"/")[0].decode("latin-1") if b"/" in key else "*"
        zone = self.by_name.get(name) or self.by_name.get("*")
        if zone is None:
            raise GuestTrap("shm (could not resolve namespace)")
        return zone

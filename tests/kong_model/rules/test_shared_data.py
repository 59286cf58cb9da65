"""Shared data: S6, S13, D4, D10, D11, K6, Q6."""

from __future__ import annotations

import zlib

import pytest

from kong_model import Route
from kong_model.abi import GuestTrap, Status, WorkerCrash
from kong_model.model import KongModel
from kong_model.rules.guests import OUT, Guest
from kong_model.rules.models import HEADERS, started, texts
from kong_model.settings import Settings
from kong_model.shared_data import Entry, Zone, Zones

KEY, ALIAS = b"tok108ddf9", b"tok3008894"
ZONE = Settings(shm_kv={"*": "1m"})


def zone(eviction: str = "slru", size: int = 64 * 1024) -> Zone:
    """A small zone."""
    return Zone(size, eviction)


def overwrite(each: Zone, value: bytes) -> None:
    """Another worker's write."""
    assert each.set(b"k", value, 1) is Status.OK


def test_s6_zero_means_only_if_absent() -> None:
    each = zone()
    assert each.set(b"k", b"1", 5) is Status.CAS_MISMATCH
    assert each.get(b"k") is None
    assert each.set(b"k", b"1", 0) is Status.OK
    assert each.set(b"k", b"2", 0) is Status.CAS_MISMATCH
    assert each.set(b"k", b"2", 1) is Status.OK
    assert each.set(b"k", b"3", 1) is Status.CAS_MISMATCH
    entry = each.get(b"k")
    assert entry is not None
    assert (entry.value, entry.cas) == (b"2", 2)


def test_q6_deleting_starts_the_numbers_again() -> None:
    each = zone()
    assert each.set(b"k", None, 0) is Status.CAS_MISMATCH
    each.set(b"k", b"1", 0)
    assert each.set(b"k", None, 0) is Status.CAS_MISMATCH
    assert each.set(b"k", None, 1) is Status.OK
    each.set(b"k", b"2", 0)
    assert each.set(b"k", b"3", 1) is Status.OK


def test_d10_keys_of_equal_crc32_are_one_entry() -> None:
    assert zlib.crc32(KEY) == zlib.crc32(ALIAS)
    each = zone()
    each.set(KEY, b"first's", 0)
    entry = each.get(ALIAS)
    assert entry is not None
    assert entry.value == b"first's"
    assert each.set(ALIAS, b"second's", 0) is Status.CAS_MISMATCH


def test_d11_a_value_can_be_torn() -> None:
    each = zone()
    each.set(b"k", b"abcdef", 0)
    each.tear = lambda value: value[:3] + b"XYZ"
    entry = each.get(b"k")
    assert entry is not None
    assert entry.value == b"abcXYZ"


@pytest.mark.parametrize("replaced_by", [b"abcde", b"abcdefg", b""])
def test_s13_an_entry_replaced_by_one_of_another_length_while_it_is_read_ends_the_worker(replaced_by: bytes) -> None:
    each = zone()
    each.set(b"k", b"abcdef", 0)
    each.meanwhile = lambda: overwrite(each, replaced_by)
    with pytest.raises(WorkerCrash):
        each.get(b"k")


def test_s13_one_of_the_same_length_does_not() -> None:
    each = zone()
    each.set(b"k", b"abcdef", 0)
    each.meanwhile = lambda: overwrite(each, b"uvwxyz")
    entry = each.get(b"k")
    assert entry is not None
    assert len(entry.value) == 6


@pytest.mark.parametrize(("writes", "ends"), [(9, False), (10, True)])
def test_s13_in_a_full_zone_an_entry_that_has_to_go_while_it_is_read_ends_the_worker(writes: int, ends: bool) -> None:
    each = zone(size=16 * 1024 + 10 * 4096)

    def write(number: int) -> None:
        assert each.set(b"%d" % number, b"v" * 3840, 0) is Status.OK

    def others() -> None:
        for number in range(10, 10 + writes):
            write(number)

    for number in range(10):
        write(number)
    each.meanwhile = others
    if ends:
        with pytest.raises(WorkerCrash):
            each.get(b"0")
    else:
        assert each.get(b"0") is not None, "what was read last goes last"


def test_s6_an_entry_takes_a_power_of_two_or_pages() -> None:
    for size, expected in (
        (1, 128),
        (32, 256),
        (900, 1024),
        (1_951, 2_048),
        (1_952, 4_096),
        (3_999, 4_096),
        (4_000, 8_192),
    ):
        assert Entry(b"k", b"v" * size, 1).size == expected, size


def test_s6_a_full_zone_evicts_or_traps() -> None:
    each = zone()
    for number in range(100):
        each.set(b"k%d" % number, b"v" * 1000, 0)
    assert each.get(b"k0") is None
    assert each.get(b"k99") is not None
    full = zone("none")
    full.set(b"k0", b"v" * 40_000, 0)
    with pytest.raises(GuestTrap):
        full.set(b"k1", b"v" * 40_000, 0)
    assert full.get(b"k0") is not None


def test_d4_a_value_no_zone_holds_evicts_all_and_traps() -> None:
    each = zone()
    each.set(b"k", b"v", 0)
    with pytest.raises(GuestTrap):
        each.set(b"large", b"v" * 100_000, 0)
    assert each.get(b"k") is None


def test_s6_namespaces() -> None:
    zones = Zones({"foo": "1m"})
    assert zones.of(b"foo/key") is zones.by_name["foo"]
    for key in (b"key", b"bar/key"):
        with pytest.raises(GuestTrap):
            zones.of(key)
    zones = Zones({"foo": "1m", "*": "2m eviction=none"})
    assert zones.of(b"bar/key") is zones.of(b"key") is zones.by_name["*"]
    assert zones.by_name["*"].eviction == "none"


def reading(guest: Guest) -> str:
    """Reads a key."""
    return guest.call("proxy_get_shared_data", b"k", OUT, OUT + 4, OUT + 8)


def test_k6_without_a_zone_every_call_traps() -> None:
    guest = Guest()
    for instruction in (reading(guest), guest.call("proxy_set_shared_data", b"k", b"v", 0)):
        tried = Guest()
        tried._data = guest._data
        assert started(tried.on(HEADERS, instruction)).send().answer.status == 500


def test_s6_a_filter_reads_writes_and_deletes() -> None:
    guest = Guest()
    write = guest.call("proxy_set_shared_data", b"k", b"v", 0)
    empty = guest.call("proxy_set_shared_data", b"k", b"", 1)
    delete = guest.call("proxy_set_shared_data", b"k", 0, 0, 2)
    guest.on(HEADERS, reading(guest), write, reading(guest), guest.log_result(), empty, reading(guest), delete)
    effect = started(guest, settings=ZONE).send()
    assert effect.statuses("proxy_get_shared_data") == ["NOT_FOUND", "OK", "OK"]
    assert effect.statuses("proxy_set_shared_data") == ["OK", "OK", "OK"]
    assert texts(effect) == ["v"]


def test_q6_workers_share_zones_and_a_reload_empties_them() -> None:
    guest = Guest()
    guest.on(HEADERS, reading(guest), guest.call("proxy_set_shared_data", b"k", b"v", 0))
    zones = Zones(ZONE.shm_kv)
    workers = [KongModel(guest.wasm(), ZONE, zones=zones) for _ in range(2)]
    for worker in workers:
        worker.add_route(Route())
        worker.start()
    assert workers[0].send().statuses("proxy_get_shared_data") == ["NOT_FOUND"]
    assert workers[1].send().statuses("proxy_get_shared_data") == ["OK"]
    workers[0].reload()
    assert workers[1].send().statuses("proxy_get_shared_data") == ["NOT_FOUND"]

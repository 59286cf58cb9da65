"""Shared memory on Kong's host (S6, S13, D10, D11, K6, Q1, Q6): trusted by nobody, and never a reason to fail."""

from __future__ import annotations

import copy
import itertools
import zlib
from collections.abc import Callable, Mapping

import pytest

from kong_model import Settings
from kong_model.abi import Status
from kong_model.filter.site import (
    ACTIVE,
    CONFIG,
    EXCHANGE,
    GOOD,
    INTROSPECT,
    ISSUED,
    Site,
    answered,
    configuration,
    good,
    route,
)
from kong_model.message import ClientRequest
from kong_model.shared_data import Entry, Zone

ZONE = Settings(shm_kv={"*": "1m"})


def worker(like: Site | None = None, *, settings: Settings = ZONE, changes: Mapping[str, object] | None = None) -> Site:
    """A worker of a Kong with a zone; `like` is another worker of the same Kong, with the same server."""
    site = Site(route(configuration(**(changes or {}))), settings=settings)
    if like is not None:
        site.model.zones = like.model.zones
        site.server.answers = like.server.answers
    return site


def zone_of(site: Site) -> Zone:
    """The zone."""
    return site.model.zones.by_name["*"]


def shared_calls(site: Site) -> int:
    """How many shared-data calls a good request makes."""
    effect = site.model.send(good())
    assert effect.harm == []
    return sum("shared_data" in call.name for call in effect.hostcalls)


def test_what_one_worker_fetched_another_has() -> None:
    first = worker()
    second = worker(first)
    for site in (first, second):
        effect = site.model.send(good())
        assert effect.harm == []
        assert effect.upstream[0].all(b"authorization") == [b"Bearer the-issued-token"]
    assert (first.server.count(EXCHANGE), second.server.count(EXCHANGE), second.server.count(INTROSPECT)) == (1, 0, 0)


def test_after_a_reload_everything_is_fetched_again() -> None:
    site = worker()
    site.model.send(good())
    site.model.reload()
    assert site.model.send(good()).harm == []
    assert site.server.count(EXCHANGE) == 2


def test_after_a_trap_or_a_crash_of_the_worker_the_zone_still_helps() -> None:
    site = worker()
    site.model.send(good())
    assert site.model.guest is not None
    site.model.guest.trapped = True
    assert site.model.send(good()).harm == []
    assert site.server.count(EXCHANGE) == 1


def test_another_configuration_finds_nothing() -> None:
    first = worker()
    first.model.send(good())
    for changes in ({"realm": "other"}, {"client_secret": "other"}):
        other = worker(first, changes=changes)
        assert other.model.send(good()).harm == []
        assert other.server.count(EXCHANGE) == 1


@pytest.mark.parametrize(
    "tear",
    [
        lambda value: value[:-1],
        lambda value: value + b"\0",
        lambda value: b"",
        lambda value: value[:20],
        lambda value: value[: len(value) // 2] + bytes(len(value) - len(value) // 2),
        lambda value: value[:45] + b"X" + value[46:],
        lambda value: bytes([value[0] ^ 1]) + value[1:],
        lambda value: value[:1] + b"\xff" * 8 + value[9:],
        lambda value: b"\xff" * len(value),
    ],
)
def test_a_torn_entry_is_a_miss(tear: Callable[[bytes], bytes]) -> None:
    first = worker()
    first.model.send(good())
    second = worker(first)
    zone_of(first).tear = tear
    effect = second.model.send(good())
    assert (effect.harm, effect.upstream[0].all(b"authorization")) == ([], [b"Bearer the-issued-token"])
    assert second.server.count(EXCHANGE) == 1


class Confused(Zone):
    """A zone in which every key is the same to the host: as if all had equal CRC32."""

    def get(self, key: bytes) -> Entry | None:
        """Answers with the entry written last, whoever's it is."""
        last = next(reversed(self.entries), None)
        return None if last is None else self.entries[last]


def test_another_keys_entry_is_a_miss() -> None:
    site = worker()
    site.model.zones.by_name["*"] = Confused(1 << 20)
    for user in (b"alice", b"bob", b"alice", b"carol"):
        issued = f"issued-for-{user.decode()}"
        site.server.answers[INTROSPECT] = answered({**ACTIVE, "sub": user.decode()})
        site.server.answers[EXCHANGE] = answered({**ISSUED, "access_token": issued})
        another = worker(site)
        another.model.zones = site.model.zones
        effect = another.model.send(ClientRequest(headers=[(b"authorization", b"Bearer token-of-" + user)]))
        assert effect.harm == []
        assert effect.upstream[0].all(b"authorization") == [b"Bearer " + issued.encode()]


class Contested(Zone):
    """A zone in which somebody else always writes first."""

    def set(self, key: bytes, value: bytes | None, cas: int) -> Status:
        """Loses."""
        return Status.CAS_MISMATCH


def test_losing_every_write_harms_nothing_and_is_not_tried_for_ever() -> None:
    site = worker()
    site.model.zones.by_name["*"] = Contested(1 << 20)
    assert shared_calls(site) < 20


@pytest.mark.parametrize(
    "declared",
    [{}, {"other": "1m"}, {"*": "1m eviction=none"}, {"*": "24M eviction=none"}, {"*": "127k"}],
)
def test_a_zone_that_could_trap_is_left_alone(declared: dict[str, str]) -> None:
    site = worker(settings=Settings(shm_kv=declared))
    assert shared_calls(site) == 0
    site.model.clock.advance(3600)
    assert shared_calls(site) == 0


def test_before_3_6_the_zone_cannot_be_known_and_is_left_alone() -> None:
    assert shared_calls(worker(settings=Settings(kong_version="3.5.0", shm_kv={"*": "1m"}))) == 0


def test_switched_off_it_is_left_alone() -> None:
    assert shared_calls(worker(changes={"cache": {"shared": "off"}})) == 0
    assert shared_calls(worker(changes={"cache": {"enabled": False}})) == 0


@pytest.mark.parametrize("declared", ["128k", "1m", "1m eviction=lru"])
def test_tokens_of_any_length_and_a_full_zone_harm_nothing(declared: str) -> None:
    site = worker(settings=Settings(shm_kv={"*": declared}))
    for number, size in itertools.product(range(40), (10, 3_000, 9_000, 60_000)):
        site.server.answers[EXCHANGE] = answered({**ISSUED, "access_token": "t" * size + str(number)})
        token = (b"authorization", b"Bearer client-%d-%d" % (number, size))
        effect = site.model.send(ClientRequest(headers=[token]))
        assert (effect.harm, len(effect.upstream)) == ([], 1)
    assert zone_of(site).writes > 0


def test_entries_overwritten_while_another_worker_reads_them_harm_nothing() -> None:
    few = {"cache": {"shared_slots": 2}}
    first = worker(changes=few)
    second = worker(changes=few)
    second.model.zones = first.model.zones
    zone, numbers = zone_of(first), itertools.count()

    def request(site: Site, size: int) -> None:
        issued = f"{next(numbers)}".rjust(size, "t")
        site.server.answers[EXCHANGE] = answered({**ISSUED, "access_token": issued})
        effect = site.model.send(ClientRequest(headers=[(b"authorization", b"Bearer for-%d" % next(numbers))]))
        assert effect.harm == []
        assert effect.upstream[0].all(b"authorization") == [b"Bearer " + issued.encode()]

    def overwrite() -> None:
        zone.meanwhile = None
        request(first, (10, 3_000, 400, 5_000)[next(numbers) % 4])

    for size in (20, 2_000, 30, 3_500) * 5:
        request(first, size)
        zone.meanwhile = overwrite
        request(second, size)
        assert zone.meanwhile is None, "nothing was read"
    assert zone.writes > 40


def test_in_the_smallest_zone_that_is_used_no_few_writes_take_the_entry_that_is_read() -> None:
    smallest = Settings(shm_kv={"*": "128k"})
    first = worker(settings=smallest)
    second = worker(first, settings=smallest)
    zone, numbers = zone_of(first), itertools.count()

    def request(site: Site, times: int) -> None:
        for _ in range(times):
            effect = site.model.send(ClientRequest(headers=[(b"authorization", b"Bearer for-%d" % next(numbers))]))
            assert (effect.harm, len(effect.upstream)) == ([], 1)

    def write() -> None:
        zone.meanwhile = None
        request(first, 8)

    request(first, 100)
    assert zone.writes > 2 * len(zone.entries), "it is full"
    for number in range(20):
        last = (b"authorization", b"Bearer for-%d" % (next(numbers) - 1))
        zone.meanwhile = write
        assert second.model.send(ClientRequest(headers=[last])).harm == []
        assert zone.meanwhile is None, number


def test_every_entry_of_the_zone_has_one_length() -> None:
    site = worker()
    for size in (10, 500, 3_000, 3_700, 3_800, 20_000):
        site.server.answers[EXCHANGE] = answered({**ISSUED, "access_token": "t" * size})
        token = (b"authorization", b"Bearer client-%d" % size)
        assert site.model.send(ClientRequest(headers=[token])).harm == []
    entries = zone_of(site).entries.values()
    assert {len(entry.value) for entry in entries} == {3840}
    assert {entry.size for entry in entries} == {4096}
    assert all(entry.key.startswith(b"token_exchange.3840.") for entry in entries)
    assert len(entries) == 6 + 4, "claims, and the issued tokens that fit"


@pytest.mark.parametrize("value", [b"", b"1", b"v" * 3839, b"v" * 3841])
def test_what_another_filter_has_in_a_slot_of_ours_is_left_alone(value: bytes) -> None:
    first = worker(changes={"cache": {"shared_slots": 2}})
    entries = zone_of(first).entries
    number = zlib.crc32(b"token_exchange.3840.0000000")
    entries[number] = Entry(b"another filter's key with this CRC32", value, 1)
    second = worker(first, changes={"cache": {"shared_slots": 2}})
    assert [site.model.send(good()).harm for site in (first, second)] == [[], []]
    assert (entries[number].value, len(entries)) == (value, 2), "the other slot is used"


@pytest.mark.parametrize("filling", [b"\0", b"\3", b"\xff"])
def test_garbage_of_the_right_length_is_a_miss_and_makes_room(filling: bytes) -> None:
    site = worker(changes={"cache": {"shared_slots": 2}})
    for number in range(2):
        assert zone_of(site).set(b"token_exchange.3840.%07d" % number, filling * 3840, 0) is Status.OK
    effect = site.model.send(good())
    assert (effect.harm, effect.upstream[0].all(b"authorization")) == ([], [b"Bearer the-issued-token"])
    second = worker(site, changes={"cache": {"shared_slots": 2}})
    assert second.model.send(good()).harm == []
    assert (site.server.count(EXCHANGE), second.server.count(EXCHANGE)) == (1, 0)


def test_the_zone_holds_at_most_the_configured_slots() -> None:
    site = worker(changes={"cache": {"shared_slots": 8}})
    for number in range(100):
        token = (b"authorization", b"Bearer client-%d" % number)
        assert site.model.send(ClientRequest(headers=[token])).harm == []
    assert 0 < len(zone_of(site).entries) <= 8


def test_nothing_in_the_zone_outlives_the_token() -> None:
    first = worker()
    first.model.send(good())
    second = worker(first)
    second.model.clock.advance(301)
    effect = second.model.send(good())
    assert (effect.harm, second.server.count(EXCHANGE)) == ([], 1)


def test_no_client_token_is_in_the_zone() -> None:
    site = worker()
    site.model.send(good())
    stored = b"".join(entry.key + entry.value for entry in zone_of(site).entries.values())
    assert stored
    secrets = [GOOD[1], *(str(CONFIG[name]).encode() for name in ("client_secret",))]
    assert all(secret.removeprefix(b"Bearer ") not in stored for secret in secrets)


def stored_in(site: Site) -> list[bytes]:
    """Every key and every value in the zone."""
    return [part for entry in zone_of(site).entries.values() for part in (entry.key, entry.value)]


def test_sec_10_another_filter_of_the_zone_reads_neither_tokens_nor_claims() -> None:
    site = worker()
    site.model.send(good())
    stored = stored_in(site)
    assert len(stored) == 4, "claims and an issued token"
    readable = [b"the-issued-token", b"alice", b"active", b"example.com", b"the-clients-token"]
    assert not [(part, value) for value in stored for part in readable if part in value]


def test_workers_with_the_same_random_bytes_harm_nothing() -> None:
    first = worker()
    second = worker(first)
    first.model.send(good())
    second.server.answers[EXCHANGE] = answered({**ISSUED, "access_token": "another-issued-token"})
    token = (b"authorization", b"Bearer another-token")
    assert second.model.send(ClientRequest(headers=[token])).harm == []
    for site in (first, second):
        for headers, issued in (([GOOD], b"the-issued-token"), ([token], b"another-issued-token")):
            effect = site.model.send(ClientRequest(headers=headers))
            assert (effect.harm, effect.upstream[0].all(b"authorization")) == ([], [b"Bearer " + issued])
    assert (first.server.count(EXCHANGE), second.server.count(EXCHANGE)) == (1, 1)


def test_without_random_bytes_nothing_is_written_and_one_line_says_so() -> None:
    site = worker()
    site.model.random_bytes.unavailable = True
    for token in (b"alice", b"bob", b"alice", b"bob"):
        effect = site.model.send(ClientRequest(headers=[(b"authorization", b"Bearer " + token)]))
        assert (effect.harm, len(effect.upstream)) == ([], 1)
    assert site.server.count(EXCHANGE) == 2, "the worker caches for itself"
    assert stored_in(site) == []
    assert len([line for line in site.model.log if "shared cache not written to" in line]) == 1


def test_a_refused_token_is_not_made_good_by_the_zone() -> None:
    first = worker()
    answers = copy.copy(first.server.answers)
    first.server.answers[INTROSPECT] = answered({"active": False})
    assert first.model.send(good()).answer.status == 401
    second = worker(first)
    second.server.answers = answers
    assert second.model.send(good()).answer.status == 200

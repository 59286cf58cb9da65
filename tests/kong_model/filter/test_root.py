"""Root contexts and configurations: K1, K2, Q2, Q8, Q9, S5."""

from __future__ import annotations

import json

import pytest

from kong_model import Filter, Settings
from kong_model.filter.site import CONFIG, INTROSPECT, Site, configuration, good, route

BAD = {
    "nothing": b"",
    "not JSON": b"{",
    "not UTF-8": b"\xff",
    "not an object": b"[]",
    "an unknown member": json.dumps({**CONFIG, "no_such_member": 1}).encode(),
    "deep": b'{"a":' * 5000 + b"1" + b"}" * 5000,
    "a vault reference": json.dumps({**CONFIG, "client_secret": "{vault://hcv/secret}"}).encode(),
    "certificates": json.dumps({**CONFIG, "ssl_verify": False}).encode(),
}


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_configuration_refuses_its_own_requests_and_keeps_the_chains(bad: str) -> None:
    site = Site(route(Filter(BAD[bad]), name="bad"), route(name="good"))
    assert site.model.runs_chains and not site.model.traps
    first, second = (site.model.send(good(), each) for each in site.model.routes)
    assert (first.harm, first.answer.status, first.upstream) == ([], 500, [])
    assert (second.harm, second.answer.status) == ([], 200)


def test_a_root_context_only_reads_its_configuration_and_logs() -> None:
    site = Site(route(), route(Filter(b"{"), name="bad"))
    assert {call.name for call in site.model.hostcalls} <= {"proxy_get_buffer_bytes", "proxy_log"} | {
        "proxy_set_effective_context"
    }
    site.model.tick()
    assert site.model.ticks == 0


def test_a_new_configuration_serves_at_once_and_the_old_one_is_forgotten() -> None:
    site = Site()
    assert site.model.send(good()).answer.status == 200
    stricter = route(configuration(scopes_required=["never-granted"]))
    assert site.model.reconfigure(stricter)
    assert site.model.send(good(), stricter).answer.status == 403


def test_configurations_in_one_instance_share_nothing() -> None:
    site = Site(route(name="a"), route(configuration(client_id="other"), name="b"))
    for each in site.model.routes:
        assert site.model.send(good(), each).harm == []
    assert site.server.count(INTROSPECT) == 2


def test_equal_configurations_share_what_they_know() -> None:
    site = Site(route(name="a"), route(name="b"))
    for each in site.model.routes:
        assert site.model.send(good(), each).harm == []
    assert site.server.count(INTROSPECT) == 1


def test_a_secret_comes_from_the_variables_nginx_keeps() -> None:
    entry = configuration(client_secret="{vault://env/idp-secret}")
    with_it = Site(route(entry), settings=Settings(environment={"IDP_SECRET": "s"}))
    assert with_it.model.send(good()).answer.status == 200
    without = Site(route(entry))
    assert without.model.send(good()).answer.status == 500


@pytest.mark.parametrize("zones", [{}, {"*": "1m"}, {"*": "64k eviction=none"}, {"other": "1m"}])
def test_no_shared_memory_call_traps(zones: dict[str, str]) -> None:
    site = Site(settings=Settings(shm_kv=zones))
    for _ in range(5):
        site.model.clock.advance(3600)
        assert site.model.send(good()).harm == []

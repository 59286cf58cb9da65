"""Header rules D7, D8, D9, S8, and those of the response (Q4)."""

from __future__ import annotations

from kong_model import UpstreamAnswer
from kong_model.abi import pack_pairs
from kong_model.rules.guests import OUT, PAUSE, REQUEST, RESPONSE, Guest
from kong_model.rules.models import HEADERS, RESPONSE_HEADERS, get, lines, started, texts, upstream_values


def edited(*instructions: str, guest: Guest, headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The X-User lines that reach the upstream after some edits."""
    guest.on(HEADERS, *instructions)
    return [(b"x-user", value) for value in upstream_values(started(guest).send(get(*headers)), b"x-user")]


def test_d7_a_removed_header_reaches_the_upstream() -> None:
    guest = Guest()
    removal = guest.call("proxy_remove_header_map_value", REQUEST, b"x-user")
    guest.on(HEADERS, removal, guest.get(REQUEST, b"x-user"))
    effect = started(guest).send(get((b"X-User", b"eve")))
    assert effect.statuses("proxy_get_header_map_value") == ["NOT_FOUND"]
    assert upstream_values(effect, b"x-user") == [b"eve"]
    assert effect.violations


def test_d7_replacing_the_whole_map_clears_nothing() -> None:
    guest = Guest()
    guest.on(HEADERS, guest.call("proxy_set_header_map_pairs", REQUEST, pack_pairs([(b"x-new", b"n")])))
    effect = started(guest).send(get((b"x-user", b"eve")))
    assert (upstream_values(effect, b"x-user"), upstream_values(effect, b"x-new")) == ([b"eve"], [b"n"])


def test_d7_a_header_can_be_replaced_or_emptied() -> None:
    for value in (b"bob", b""):
        guest = Guest()
        assert edited(guest.set(REQUEST, b"x-user", value), guest=guest, headers=[(b"X-User", b"eve")]) == [
            (b"x-user", value)
        ]


def test_d8_further_lines_of_a_replaced_header_stay() -> None:
    guest = Guest()
    seen = edited(guest.set(REQUEST, b"x-user", b"bob"), guest=guest, headers=[(b"x-user", b"a"), (b"x-user", b"eve")])
    assert [value for _, value in seen] == [b"bob", b"eve"]


def test_d8_odd_names_are_dropped_but_not_an_underscore() -> None:
    effect = started(Guest()).send(get((b"x.user", b"eve"), (b"x_user", b"eve")))
    assert (upstream_values(effect, b"x.user"), upstream_values(effect, b"x_user")) == ([], [b"eve"])


def test_d9_a_listing_ends_at_100_with_the_pseudo_headers() -> None:
    guest = Guest()
    guest.on(HEADERS, guest.call("proxy_get_header_map_pairs", REQUEST, OUT, OUT + 4), guest.log_result())
    many = [*((b"h-%d" % number, b"v" * 20) for number in range(120)), (b"x-user", b"last")]
    listed = texts(started(guest).send(get(*many)))[0]
    assert ":authority" in listed
    assert "h-94" in listed
    assert "h-95" not in listed


def test_d9_a_listing_may_overrun_its_room() -> None:
    guest = Guest()
    guest.on(HEADERS, guest.call("proxy_get_header_map_pairs", REQUEST, OUT, OUT + 4))
    for count, overruns in ((90, False), (95, False), (99, True), (120, True)):
        effect = started(guest).send(get(*((b"h", b"") for _ in range(count))))
        assert bool(effect.violations) == overruns, count
    longer = [*((b"h", b"") for _ in range(96)), *((b"h", b"v" * 100) for _ in range(20))]
    assert started(guest).send(get(*longer)).violations == []


def test_d9_the_count_is_true_and_a_single_header_is_found() -> None:
    guest = Guest()
    count = "(if (i32.ne (local.get $2) (i32.const 122)) (then unreachable))"
    guest.on(HEADERS, count, guest.get(REQUEST, b"X-USER"), guest.log_result())
    many = [*lines(*(b"h-%d" % number for number in range(120))), (b"x-user", b"last")]
    effect = started(guest).send(get(*many))
    assert (texts(effect), effect.traps) == (["last"], [])


def test_s8_a_repeated_authorization_is_400_by_nginx() -> None:
    effect = started(Guest().on(HEADERS)).send(get((b"Authorization", b"a"), (b"authorization", b"b")))
    assert (effect.answer.status, effect.arrived) == (400, [])


def test_s14_what_connection_names_is_gone_before_any_filter_runs() -> None:
    guest = Guest()
    guest.on(
        HEADERS, guest.get(REQUEST, b"authorization"), guest.get(REQUEST, b"x-user"), guest.get(REQUEST, b"upgrade")
    )
    lines = [(b"Authorization", b"a"), (b"X-User", b"b"), (b"Upgrade", b"websocket")]
    for value, expected in (
        (b"upgrade", ["OK", "OK", "OK"]),
        (b"Upgrade, authorization", ["NOT_FOUND", "OK", "OK"]),
        (b"x_user, X-USER", ["OK", "NOT_FOUND", "OK"]),
    ):
        effect = started(guest).send(get((b"connection", value), *lines))
        assert effect.statuses("proxy_get_header_map_value") == expected, value


def test_t4_a_header_longer_than_a_buffer_is_400_by_nginx() -> None:
    effect = started(Guest().on(HEADERS)).send(get((b"authorization", b"t" * 9000)))
    assert (effect.answer.status, effect.arrived) == (400, [])


def test_s8_adding_to_a_builtin_header_does_nothing() -> None:
    guest = Guest()
    guest.on(HEADERS, guest.call("proxy_add_header_map_value", REQUEST, b"authorization", b"b"))
    effect = started(guest).send(get((b"authorization", b"a")))
    assert effect.statuses("proxy_add_header_map_value") == ["OK"]
    assert upstream_values(effect, b"authorization") == [b"a"]


def test_s8_values_are_escaped() -> None:
    guest = Guest()
    assert edited(guest.set(REQUEST, b"x-user", b"a\r\n\tb"), guest=guest, headers=[]) == [(b"x-user", b"a%0D%0A\tb")]


def test_s8_the_path_is_normalised_and_decoded() -> None:
    guest = Guest()
    guest.on(HEADERS, guest.get(REQUEST, b":path"), guest.log_result())
    assert texts(started(guest).send(get(target=b"//a/./b/../c%41%20?q=%41"))) == ["/a/cA ?q=%41"]


def test_k11_setting_the_path_has_no_effect_but_the_method_has() -> None:
    guest = Guest()
    guest.on(HEADERS, guest.set(REQUEST, b":path", b"/other"), guest.set(REQUEST, b":method", b"PUT"))
    effect = started(guest).send(get(target=b"/mine"))
    assert (effect.upstream[0].target, effect.upstream[0].method) == (b"/mine", b"PUT")


def test_s8_authority_is_not_the_host() -> None:
    guest = Guest()
    guest.on(HEADERS, guest.get(REQUEST, b":authority"), guest.log_result())
    assert texts(started(guest).send(get((b"host", b"api.example.com")))) == ["kong:8000"]


def test_d4_request_headers_are_read_only_in_the_response() -> None:
    guest = Guest()
    guest.on(RESPONSE_HEADERS, guest.set(REQUEST, b"x", b"y"))
    assert started(guest).send().traps


def challenged(instruction: str, guest: Guest, count: int) -> list[bytes]:
    """The challenges a client gets of an upstream's `count` ones after an edit."""
    guest.on(RESPONSE_HEADERS, instruction)
    answer = UpstreamAnswer(401, [(b"WWW-Authenticate", b"up-%d" % number) for number in range(count)])
    return started(guest, answer=answer).send().answer.all(b"www-authenticate")


def test_q4_setting_a_response_header() -> None:
    for count, expected in ((0, [b"ours"]), (1, [b"ours"]), (2, []), (3, [])):
        guest = Guest()
        assert challenged(guest.set(RESPONSE, b"www-authenticate", b"ours"), guest, count) == expected


def test_q4_adding_and_removing_a_response_header() -> None:
    guest = Guest()
    add = guest.call("proxy_add_header_map_value", RESPONSE, b"www-authenticate", b"ours")
    assert challenged(add, guest, 1) == [b"up-0", b"ours"]
    guest = Guest()
    assert challenged(guest.call("proxy_remove_header_map_value", RESPONSE, b"www-authenticate"), guest, 2) == []


def test_q4_replacing_all_response_headers_leaves_nginxs_own() -> None:
    guest = Guest()
    guest.on(RESPONSE_HEADERS, guest.call("proxy_set_header_map_pairs", RESPONSE, pack_pairs([(b"x-ours", b"v")])))
    answer = (
        started(guest, answer=UpstreamAnswer(headers=[(b"X-Up", b"v"), (b"Content-Type", b"text/html")])).send().answer
    )
    assert {name.lower() for name, _ in answer.headers} == {b"x-ours", b"content-type", b"connection"}


def test_q4_the_status_can_be_set() -> None:
    guest = Guest()
    guest.on(RESPONSE_HEADERS, guest.set(RESPONSE, b":status", b"500"))
    assert started(guest).send().answer.status == 500


def test_t2_removing_connection_from_a_response_crashes() -> None:
    guest = Guest()
    guest.on(RESPONSE_HEADERS, guest.call("proxy_remove_header_map_value", RESPONSE, b"Connection"))
    assert started(guest).send().crashes


def test_q4_a_filters_own_answer_runs_the_response_callback() -> None:
    guest = Guest()
    guest.on(HEADERS, guest.reply(401), PAUSE)
    guest.on(RESPONSE_HEADERS, guest.set(RESPONSE, b"x-seen", b"yes"))
    assert started(guest).send().answer.all(b"x-seen") == [b"yes"]

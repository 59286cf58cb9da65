"""The worker's own memory, without a zone behind it."""

from __future__ import annotations

from kong_model.filter.site import ACTIVE, EXCHANGE, INTROSPECT, ISSUED, Site, answered, configuration, route
from kong_model.message import ClientRequest


def visit(site: Site, token: str, lifetime: int) -> None:
    """A request whose introspection and exchange bring a token of a usual length."""
    expires = int(site.model.clock.now()) + lifetime
    site.server.answers[INTROSPECT] = answered({**ACTIVE, "sub": token, "exp": expires, "detail": "d" * 300})
    site.server.answers[EXCHANGE] = answered({**ISSUED, "expires_in": lifetime, "access_token": f"{token}{'x' * 1000}"})
    headers = [(b"authorization", b"Bearer " + token.encode())]
    effect = site.model.send(ClientRequest(headers=headers))
    assert (effect.harm, len(effect.upstream)) == ([], 1)


def test_sec_09_long_lived_entries_of_one_client_leave_others_their_memory() -> None:
    site = Site(route(configuration(cache={"max_bytes": 1_048_576}, introspection_cache_ttl=86_400)))
    for number in range(1300):
        visit(site, f"flood-{number}", 86_400)
    site.server.calls.clear()
    for number in range(40):
        visit(site, f"user-{number % 2}", 300)
    assert (site.server.count(INTROSPECT), site.server.count(EXCHANGE)) == (2, 2)

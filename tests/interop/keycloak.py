"""A Keycloak of our own on loopback, with the demo's realm."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from joserfc.jwk import KeySetSerialization

from gateway_suite.model import Address

READY_WITHIN = 180.0
STOPS_WITHIN = 20.0
REALM = "demo"
ADMIN = {"username": "admin", "password": "test-only-admin"}
USER = {"username": "alice", "password": "demo-only-alice"}
EVENTS = ("TOKEN_EXCHANGE", "TOKEN_EXCHANGE_ERROR", "INTROSPECT_TOKEN", "INTROSPECT_TOKEN_ERROR")


@dataclass(frozen=True)
class Login:
    """What a client got when its user logged in."""

    client: str
    access_token: str
    refresh_token: str


class Keycloak:
    """The process, and what the tests ask of it."""

    def __init__(self, home: Path, realm: Path, output: Path) -> None:
        self.address = Address("127.0.0.1", free_port())
        self.issuer = f"http://{self.address}/realms/{REALM}"
        imported = home / "data" / "import"
        imported.mkdir(parents=True)
        shutil.copy(realm, imported)
        self._output = output
        with output.open("wb") as log:
            # A group of its own: kc.sh starts Java, and both have to end.
            self._process = subprocess.Popen(
                [home / "bin" / "kc.sh", "start-dev", "--import-realm"],
                env={**os.environ, **self._settings()},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self._wait()
            self._record()
        except BaseException:
            self.stop()
            raise

    def _settings(self) -> dict[str, str]:
        return {
            "KC_DB": "dev-mem",
            "KC_CACHE": "local",
            "KC_HTTP_HOST": self.address.host,
            "KC_HTTP_PORT": str(self.address.port),
            "KC_HOSTNAME": f"http://{self.address}",
            "KC_BOOTSTRAP_ADMIN_USERNAME": ADMIN["username"],
            "KC_BOOTSTRAP_ADMIN_PASSWORD": ADMIN["password"],
        }

    def _wait(self) -> None:
        deadline = time.monotonic() + READY_WITHIN
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise RuntimeError("Keycloak did not start:\n" + self._tail())
            try:
                self.metadata = _call(f"{self.issuer}/.well-known/openid-configuration")
                return
            except OSError:
                time.sleep(0.2)
        raise RuntimeError(f"Keycloak was not ready within {READY_WITHIN} s:\n" + self._tail())

    def _tail(self) -> str:
        return "\n".join(self._output.read_text("utf-8", "replace").splitlines()[-30:])

    def _record(self) -> None:
        events = {"eventsEnabled": True, "enabledEventTypes": EVENTS, "eventsExpiration": 3600}
        self._administer("/events/config", "PUT", events)

    def log_in(self, client: str = "agent") -> Login:
        """Alice logs in with a client."""
        form = {"grant_type": "password", "client_id": client, **USER}
        answer = _call(self.metadata["token_endpoint"], "POST", form=form)
        return Login(client, answer["access_token"], answer["refresh_token"])

    def log_out(self, login: Login) -> None:
        """Ends the session that a login began."""
        form = {"client_id": login.client, "refresh_token": login.refresh_token}
        _call(self.metadata["end_session_endpoint"], "POST", form=form)

    def add_client(self, client: str, audiences: list[str], **attributes: str) -> None:
        """Registers a public client whose tokens name these audiences."""
        mappers = [
            {
                "name": audience,
                "protocol": "openid-connect",
                "protocolMapper": "oidc-audience-mapper",
                "config": {"included.custom.audience": audience, "access.token.claim": "true"},
            }
            for audience in audiences
        ]
        settings = {
            "clientId": client,
            "publicClient": True,
            "standardFlowEnabled": False,
            "directAccessGrantsEnabled": True,
            "fullScopeAllowed": False,
            "protocolMappers": mappers,
            "attributes": attributes,
        }
        self._administer("/clients", "POST", settings)

    def count(self, event: str) -> int:
        """How many events of a type have been so far."""
        return len(self._administer(f"/events?max=1000&type={event}"))

    def keys(self) -> KeySetSerialization:
        """The published keys."""
        keys: KeySetSerialization = _call(self.metadata["jwks_uri"])
        return keys

    def _administer(self, path: str, method: str = "GET", document: Any = None) -> Any:
        form = {"grant_type": "password", "client_id": "admin-cli", **ADMIN}
        answer = _call(f"http://{self.address}/realms/master/protocol/openid-connect/token", "POST", form=form)
        url = f"http://{self.address}/admin/realms/{REALM}{path}"
        return _call(url, method, document=document, token=answer["access_token"])

    @property
    def ends_it(self) -> list[str]:
        """A command that ends Keycloak at once."""
        return ["kill", "-KILL", "--", f"-{self._process.pid}"]

    def stop(self) -> None:
        """Ends Keycloak, whatever it is at."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self._process.poll() is not None:
                return
            os.killpg(self._process.pid, number)
            try:
                self._process.wait(STOPS_WITHIN)
            except subprocess.TimeoutExpired:
                continue


def _call(
    url: str, method: str = "GET", form: dict[str, str] | None = None, document: Any = None, token: str | None = None
) -> Any:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    data = None
    if form is not None:
        data = urllib.parse.urlencode(form).encode()
    elif document is not None:
        data = json.dumps(document).encode()
        headers["Content-Type"] = "application/json"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers, method=method), timeout=20) as answer:
            text = answer.read()
    except urllib.error.HTTPError as error:
        error.add_note(error.read().decode("utf-8", "replace"))
        raise
    return json.loads(text) if text else None


def free_port() -> int:
    """A port of loopback that nothing listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

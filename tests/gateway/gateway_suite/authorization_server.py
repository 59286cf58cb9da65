"""An OAuth 2.0 authorization server with introspection (RFC 7662) and token exchange (RFC 8693).

It does what one does: it keeps clients, keys and tokens, authenticates the caller, answers about tokens,
issues new ones, and publishes its keys and its metadata (RFC 8414). Each endpoint listens at a port of its
own, so that a test can break one alone.
"""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import time
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlsplit

from aiohttp import web

from . import faults, signed_tokens
from .listener import Listener, body_of
from .model import HeaderLines
from .signing_keys import SigningKey

ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
PATHS = {"introspection": "/introspect", "token": "/token"}
JWKS = "jwks"
OTHER_JWKS = "other-jwks"
METADATA = "metadata"
NORMAL = "normal"
Behaviour = str | Mapping[str, Any]


@dataclass(frozen=True)
class Client:
    """A registered client; without a secret it is a public one."""

    identifier: str
    secret: str | None = None


@dataclass(frozen=True)
class Call:
    """A request that reached an endpoint."""

    method: str
    path: str
    headers: HeaderLines
    body: bytes

    @property
    def form(self) -> list[tuple[str, str]]:
        """The form parameters, in order."""
        return parse_qsl(self.body.decode("latin-1"), keep_blank_values=True)


@dataclass
class Token:
    """A token of this server and what introspection says about it."""

    value: str
    claims: dict[str, Any]
    lifetime: int
    active: bool = True

    def begin(self) -> None:
        """Starts its life, now."""
        now = int(time.time())
        self.claims |= {"iat": now, "exp": now + self.lifetime}


class Refusal(Exception):
    """An OAuth error response (RFC 6749 section 5.2)."""

    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(error)
        self.status = status
        self.error = error
        self.description = description


@dataclass
class Endpoint:
    """One endpoint: where it listens, what it does with a call, and the calls it got."""

    listener: Listener
    paths: Sequence[str]
    """Where it is; the first is the one in its URL."""
    host: str | None = None
    """The name in its URL, where that is https; None for http at its address."""
    behaviours: Sequence[Behaviour] = (NORMAL,)
    calls: list[Call] = field(default_factory=list)
    observe: Callable[[Call], None] = lambda call: None
    """Called with each call as it comes in."""

    @property
    def url(self) -> str:
        """The endpoint's URL."""
        scheme = "http" if self.host is None else "https"
        return f"{scheme}://{self.authority}{self.paths[0]}"

    @property
    def authority(self) -> str:
        """Host and port of its URL."""
        address = self.listener.address
        return str(address) if self.host is None else f"{self.host}:{address.port}"

    def next_behaviour(self) -> Behaviour:
        """What the call that was recorded last is answered with; the last behaviour stays."""
        return self.behaviours[min(len(self.calls), len(self.behaviours)) - 1]


class AuthorizationServer:
    """The server. Create it inside a running event loop or before; ``start`` needs the loop."""

    def __init__(self, issuer: str, clients: Sequence[Client], keys: Mapping[str, SigningKey] | None = None) -> None:
        self.issuer = issuer
        self.clients = {client.identifier: client for client in clients}
        self.keys = dict(keys or {})
        self.published = [key for key in self.keys.values() if key.published]
        self.unreadable_keys: list[Mapping[str, Any]] = []
        """Entries that are published at the first endpoint before the keys, as they are."""
        self.tokens: dict[str, Token] = {}
        self.issued: list[str] = []
        self.lifetime = 300
        handlers = {"introspection": self._introspect, "token": self._token}
        self.endpoints: dict[str, Endpoint] = {}
        for name, handler in handlers.items():
            self.endpoints[name] = Endpoint(Listener(self._serve(name, handler)), (PATHS[name],))
        for name in sorted({JWKS, *(key.at for key in self.keys.values())} if self.keys else ()):
            self.endpoints[name] = Endpoint(Listener(self._serve(name, self._jwks(name))), ("/jwks",))
        if self.keys:
            self.endpoints[METADATA] = Endpoint(Listener(self._serve(METADATA, self._metadata)), ())
            self.be(issuer)

    def be(self, issuer: str) -> None:
        """Takes an issuer identifier, from which the places of its metadata follow (RFC 8414, OpenID Connect)."""
        self.issuer = issuer
        path = urlsplit(issuer).path.rstrip("/")
        places = f"/.well-known/oauth-authorization-server{path}", f"{path}/.well-known/openid-configuration"
        self.endpoints[METADATA].paths = places

    async def start(self) -> None:
        """Listens at every endpoint."""
        for endpoint in self.endpoints.values():
            await endpoint.listener.listen()

    async def stop(self) -> None:
        """Ends all listening."""
        await asyncio.gather(*(endpoint.listener.close() for endpoint in self.endpoints.values()))

    def mint(
        self, subject: str, lifetime: int = 300, active: bool = True, value: str | None = None, **claims: Any
    ) -> str:
        """Registers a token for a subject, a new one, and returns it. A claim of None is left out."""
        value = value or f"{subject}-{secrets.token_urlsafe(24)}"
        known = {"sub": subject, "iss": self.issuer, "token_type": "Bearer", **claims}
        token = Token(value, {name: claim for name, claim in known.items() if claim is not None}, lifetime, active)
        token.begin()
        self.tokens[value] = token
        return value

    def mint_signed(
        self,
        subject: str,
        lifetime: int = 300,
        key: str | None = None,
        alg: str | None = None,
        header: Mapping[str, Any] | None = None,
        forged: str | None = None,
        **claims: Any,
    ) -> str:
        """The same for a JWT that lives from now on, signed by a key of this server, the first if none is named."""
        now = int(time.time())
        known = {"sub": subject, "iss": self.issuer, "iat": now, "exp": now + lifetime, **claims}
        known = {name: claim for name, claim in known.items() if claim is not None}
        signer = self.keys[key] if key is not None else next(iter(self.keys.values()))
        value = signed_tokens.mint(known, signer, alg, header, forged)
        self.tokens[value] = Token(value, {**known, "token_type": "Bearer"}, lifetime)
        return value

    def _jwks(self, at: str) -> Callable[[Call], dict[str, Any]]:
        def publish(call: Call) -> dict[str, Any]:
            del call
            odd = self.unreadable_keys if at == JWKS else []
            return {"keys": [*odd, *(key.public for key in self.published if key.at == at)]}

        return publish

    def _metadata(self, call: Call) -> dict[str, Any]:
        del call
        urls = {"token_endpoint": "token", "introspection_endpoint": "introspection", "jwks_uri": JWKS}
        endpoints = {name: self.endpoints[endpoint].url for name, endpoint in urls.items()}
        return {"issuer": self.issuer, **endpoints, "response_types_supported": ["code"]}

    def _serve(self, name: str, handler: Any) -> Any:
        async def serve(request: web.BaseRequest) -> web.StreamResponse:
            endpoint = self.endpoints[name]
            call = Call(request.method, request.raw_path, list(request.raw_headers), await body_of(request))
            endpoint.calls.append(call)
            endpoint.observe(call)
            if request.path not in endpoint.paths:
                return web.Response(status=404)
            return await self._answer(request, call, endpoint.next_behaviour(), handler)

        return serve

    async def _answer(
        self, request: web.BaseRequest, call: Call, behaviour: Behaviour, handler: Any
    ) -> web.StreamResponse:
        plan = _plan(behaviour)
        if not _says(call, plan.get("insists_on", {})):
            plan = _plan(plan["otherwise"])
        if "text" in plan:
            text = plan["text"]
            if "${new}" in text:
                text = text.replace("${new}", self._issue({}))
            for name, sent in call.form:
                text = text.replace(f"${{sent.{name}}}", sent)
            return web.Response(
                status=plan.get("status", 200),
                body=text.encode("latin-1"),
                headers={"Content-Type": "application/json", **plan.get("headers", {})},
            )
        try:
            members = handler(call)
        except Refusal as refusal:
            return _refused(refusal)
        members.update(plan.get("change", {}))
        for name in plan.get("omit", ()):
            members.pop(name, None)
        if "fault" in plan:
            await faults.commit(request, plan["fault"], json.dumps(members).encode(), plan)
        return web.json_response(members, status=plan.get("status", 200), headers={"Cache-Control": "no-store"})

    def _introspect(self, call: Call) -> dict[str, Any]:
        form = _form_of(call)
        self._authenticate(call, form)
        token = self.tokens.get(form.get("token", ""))
        if token is None or not token.active or token.claims.get("exp", float("inf")) <= time.time():
            return {"active": False}
        return {"active": True, **token.claims}

    def _token(self, call: Call) -> dict[str, Any]:
        form = _form_of(call)
        client = self._authenticate(call, form)
        if form.get("grant_type") != TOKEN_EXCHANGE:
            raise Refusal(400, "unsupported_grant_type", "only token exchange is known here")
        subject = self._known(form, "subject")
        claims: dict[str, Any] = {"sub": subject.claims["sub"], "client_id": client.identifier}
        if "actor_token" in form:
            claims["act"] = {"sub": self._known(form, "actor").claims["sub"]}
        if "audience" in form:
            claims["aud"] = [value for name, value in call.form if name == "audience"]
        if "scope" in form:
            claims["scope"] = form["scope"]
        answer = {
            "access_token": self._issue(claims),
            "issued_token_type": form.get("requested_token_type", ACCESS_TOKEN),
            "token_type": "Bearer",
            "expires_in": self.lifetime,
        }
        return answer | ({"scope": form["scope"]} if "scope" in form else {})

    def _issue(self, claims: dict[str, Any]) -> str:
        value = f"issued-{secrets.token_urlsafe(24)}"
        self.tokens[value] = Token(value, claims, self.lifetime)
        self.tokens[value].begin()
        self.issued.append(value)
        return value

    def _known(self, form: Mapping[str, str], role: str) -> Token:
        if not form.get(f"{role}_token_type"):
            raise Refusal(400, "invalid_request", f"{role}_token_type is missing")
        token = self.tokens.get(form.get(f"{role}_token", ""))
        if token is None or not token.active:
            raise Refusal(400, "invalid_grant", f"the {role} token is not valid")
        return token

    def _authenticate(self, call: Call, form: Mapping[str, str]) -> Client:
        lines = [value for name, value in call.headers if name.lower() == b"authorization"]
        if len(lines) > 1 or (lines and "client_secret" in form):
            raise Refusal(400, "invalid_request", "more than one way of client authentication")
        if lines:
            identifier, secret = _basic(lines[0])
        else:
            identifier, secret = form.get("client_id", ""), form.get("client_secret")
        client = self.clients.get(identifier)
        if client is None or client.secret != secret:
            raise Refusal(401, "invalid_client", "unknown client, or the wrong secret")
        return client


def _plan(behaviour: Behaviour) -> dict[str, Any]:
    if not isinstance(behaviour, str):
        return dict(behaviour)
    if behaviour != NORMAL:
        raise ValueError(f"unknown behaviour {behaviour}")
    return {}


def _says(call: Call, insists_on: Mapping[str, str]) -> bool:
    """Whether a call has each of these header fields, in one line, with a value that matches."""
    for name, expression in insists_on.items():
        lines = [value for known, value in call.headers if known.lower() == name.encode()]
        if len(lines) != 1 or re.fullmatch(expression, lines[0].decode("latin-1")) is None:
            return False
    return True


def _form_of(call: Call) -> dict[str, str]:
    kinds = [value for name, value in call.headers if name.lower() == b"content-type"]
    if call.method != "POST" or kinds != [b"application/x-www-form-urlencoded"]:
        raise Refusal(400, "invalid_request", "a form is expected, by POST")
    return dict(call.form)


def _basic(line: bytes) -> tuple[str, str | None]:
    scheme, _, encoded = line.decode("latin-1").partition(" ")
    if scheme.lower() != "basic":
        raise Refusal(401, "invalid_client", "only Basic is known here")
    identifier, _, secret = b64decode(encoded).decode().partition(":")
    return unquote_plus(identifier), unquote_plus(secret)


def _refused(refusal: Refusal) -> web.Response:
    headers = {"WWW-Authenticate": 'Basic realm="clients"'} if refusal.status == 401 else {}
    body = {"error": refusal.error, "error_description": refusal.description}
    return web.json_response(body, status=refusal.status, headers=headers)

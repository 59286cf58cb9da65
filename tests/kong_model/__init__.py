"""Kong's Wasm host as a model: the built filter runs, and the host forgives as little as Kong does."""

from kong_model.callout import Callout, Outcome
from kong_model.effect import Answer, Effect, UpstreamRequest
from kong_model.message import ClientRequest, UpstreamAnswer
from kong_model.model import KongModel
from kong_model.route import Filter, Route, Service
from kong_model.settings import Settings

__all__ = [
    "Answer",
    "Callout",
    "ClientRequest",
    "Effect",
    "Filter",
    "KongModel",
    "Outcome",
    "Route",
    "Service",
    "Settings",
    "UpstreamAnswer",
    "UpstreamRequest",
]

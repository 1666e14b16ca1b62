"""Delivery policies: how notifications over HTTP are retried, throttled and labelled. Pure.

    topic         {"http": {"defaultHealthyRetryPolicy": {...}, "disableSubscriptionOverrides": ...,
                   "defaultThrottlePolicy": {...}, "defaultRequestPolicy": {...}}}
    subscription  {"healthyRetryPolicy": {...}, "throttlePolicy": {...}, "requestPolicy": {...}}

AWS: SNS Developer Guide, "Creating an HTTP/S delivery policy", for names, ranges and defaults; the
texts of refusals are guesses.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from redrive.core.time import SECOND_MS
from redrive.services.ports import BACKOFFS, HTTP_TOPICS_RETRY, Retry, steps_of

DELAY_S_MAX = 3_600
RETRIES_MAX = 100
CONTENT_TYPE = "text/plain; charset=UTF-8"

CONTENT_TYPES = (
    "text/html",
    "text/css",
    "text/plain",
    "text/xml",
    "application/atom+xml",
    "application/json",
    "application/octet-stream",
    "application/soap+xml",
    "application/x-www-form-urlencoded",
    "application/xhtml+xml",
    "application/xml",
)
"""AWS: "headerContentType": the values that take effect without raw delivery are the first of each
kind; all are taken."""

_DEFAULT_RETRIES: Mapping[str, Any] = {
    "minDelayTarget": 20,
    "maxDelayTarget": 20,
    "numRetries": 3,
    "numMaxDelayRetries": 0,
    "numNoDelayRetries": 0,
    "numMinDelayRetries": 0,
    "backoffFunction": "linear",
}
_COUNTS = ("numMaxDelayRetries", "numNoDelayRetries", "numMinDelayRetries")
_OF_TOPIC = (
    "defaultHealthyRetryPolicy",
    "defaultSicklyRetryPolicy",
    "defaultThrottlePolicy",
    "defaultRequestPolicy",
    "disableSubscriptionOverrides",
)
_OF_SUBSCRIPTION = (
    "healthyRetryPolicy",
    "sicklyRetryPolicy",
    "throttlePolicy",
    "requestPolicy",
    "guaranteed",
)


class Terms(NamedTuple):
    """How a subscription over HTTP is delivered to."""

    retry: Retry
    interval_ms: int  # between the beginnings of deliveries; 0: no throttle
    content_type: str


class PolicyError(ValueError):
    """What is wrong with a delivery policy."""


def check_topic_policy(text: str) -> None:
    """Refuse a topic's DeliveryPolicy. Raises PolicyError."""
    given = _parsed(text)
    _check_names(given, ("http",), "")
    http = _object(given, "http", "")
    _check_names(http, _OF_TOPIC, "http.")
    if not isinstance(http.get("disableSubscriptionOverrides", False), bool):
        raise PolicyError("http.disableSubscriptionOverrides must be true or false")
    _check_retries(http, "defaultHealthyRetryPolicy", "http.")
    _check_retries(http, "defaultSicklyRetryPolicy", "http.")
    _check_throttle(http, "defaultThrottlePolicy", "http.")
    _check_request(http, "defaultRequestPolicy", "http.")


def check_subscription_policy(text: str) -> None:
    """Refuse a subscription's DeliveryPolicy. Raises PolicyError."""
    given = _parsed(text)
    _check_names(given, _OF_SUBSCRIPTION, "")
    if not isinstance(given.get("guaranteed", False), bool):
        raise PolicyError("guaranteed must be true or false")
    _check_retries(given, "healthyRetryPolicy", "")
    _check_retries(given, "sicklyRetryPolicy", "")
    _check_throttle(given, "throttlePolicy", "")
    _check_request(given, "requestPolicy", "")


def _parsed(text: str) -> dict[str, Any]:
    try:
        given = orjson.loads(text)
    except orjson.JSONDecodeError:
        given = None
    if not isinstance(given, dict):
        raise PolicyError("failed to parse JSON.")
    return given


def _object(given: Mapping[str, Any], name: str, path: str) -> Mapping[str, Any]:
    value = given.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise PolicyError(f"{path}{name} must be an object")
    return value


def _check_names(given: Mapping[str, Any], known: tuple[str, ...], path: str) -> None:
    for name in given:
        if name not in known:
            raise PolicyError(f"Unexpected JSON member: {path}{name}")


def _check_retries(holder: Mapping[str, Any], name: str, path: str) -> None:
    given = _object(holder, name, path)
    path = f"{path}{name}."
    _check_names(given, tuple(_DEFAULT_RETRIES), path)
    for member, value in given.items():
        if member == "backoffFunction":
            if value not in BACKOFFS:
                raise PolicyError(f"{path}{member} must be one of {', '.join(sorted(BACKOFFS))}")
        elif isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise PolicyError(f"{path}{member} must be an integer of at least 0")
    whole = {**_DEFAULT_RETRIES, **given}
    if not 1 <= whole["minDelayTarget"] <= whole["maxDelayTarget"] <= DELAY_S_MAX:
        raise PolicyError(
            f"{path}minDelayTarget must be at least 1 and at most maxDelayTarget, which must be at"
            f" most {DELAY_S_MAX}"
        )
    if whole["numRetries"] > RETRIES_MAX:
        raise PolicyError(f"{path}numRetries must be at most {RETRIES_MAX}")
    if sum(whole[member] for member in _COUNTS) > whole["numRetries"]:
        raise PolicyError(f"{path}numRetries must be at least the sum of {', '.join(_COUNTS)}")


def _check_throttle(holder: Mapping[str, Any], name: str, path: str) -> None:
    given = _object(holder, name, path)
    _check_names(given, ("maxReceivesPerSecond",), f"{path}{name}.")
    rate = given.get("maxReceivesPerSecond", 1)
    if isinstance(rate, bool) or not isinstance(rate, int) or rate < 1:
        raise PolicyError(f"{path}{name}.maxReceivesPerSecond must be an integer of at least 1")


def _check_request(holder: Mapping[str, Any], name: str, path: str) -> None:
    given = _object(holder, name, path)
    _check_names(given, ("headerContentType",), f"{path}{name}.")
    kind = given.get("headerContentType", CONTENT_TYPE)
    if not isinstance(kind, str) or kind.partition(";")[0].strip() not in CONTENT_TYPES:
        raise PolicyError(f"{path}{name}.headerContentType is not a supported content type")
    if any(sign < " " or sign > "~" for sign in kind):
        raise PolicyError(f"{path}{name}.headerContentType is not a supported content type")


# --- what they come to --------------------------------------------------------------------------


def effective_topic_policy(text: str | None) -> str:
    """Return EffectiveDeliveryPolicy of a topic, as JSON. AWS: as captured."""
    http = _http(text)
    shown: dict[str, Any] = {
        "defaultHealthyRetryPolicy": {
            **_DEFAULT_RETRIES,
            **(http.get("defaultHealthyRetryPolicy") or {}),
        },
        "disableSubscriptionOverrides": http.get("disableSubscriptionOverrides", False),
        "defaultRequestPolicy": {
            "headerContentType": CONTENT_TYPE,
            **(http.get("defaultRequestPolicy") or {}),
        },
    }
    if http.get("defaultThrottlePolicy"):
        shown["defaultThrottlePolicy"] = http["defaultThrottlePolicy"]
    return orjson.dumps({"http": shown}).decode()


def effective_policy(topic: str | None, subscription: str | None) -> dict[str, Any]:
    """Return EffectiveDeliveryPolicy of a subscription: its own parts, else those of its topic."""
    http = _http(topic)
    own: dict[str, Any] = orjson.loads(subscription) if subscription else {}
    if http.get("disableSubscriptionOverrides"):
        own = {}
    retries = own.get("healthyRetryPolicy") or http.get("defaultHealthyRetryPolicy") or {}
    request = own.get("requestPolicy") or http.get("defaultRequestPolicy") or {}
    return {
        "healthyRetryPolicy": {**_DEFAULT_RETRIES, **retries},
        "sicklyRetryPolicy": own.get("sicklyRetryPolicy"),
        "throttlePolicy": own.get("throttlePolicy") or http.get("defaultThrottlePolicy"),
        "requestPolicy": {"headerContentType": CONTENT_TYPE, **request},
        "guaranteed": own.get("guaranteed", False),
    }


@lru_cache(maxsize=1_000)
def terms(topic: str | None, subscription: str | None) -> Terms:
    """Return how a subscription is delivered to, from both policies' texts."""
    policy = effective_policy(topic, subscription)
    rate = (policy["throttlePolicy"] or {}).get("maxReceivesPerSecond", 0)
    return Terms(
        HTTP_TOPICS_RETRY._replace(steps=steps_of(policy["healthyRetryPolicy"])),
        -(-SECOND_MS // rate) if rate else 0,
        policy["requestPolicy"]["headerContentType"],
    )


def _http(text: str | None) -> dict[str, Any]:
    given: dict[str, Any] = orjson.loads(text) if text else {}
    return given.get("http") or {}

"""PutMetricData: clients' own metrics, in the store before the answer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from redrive.core.effects import Context, Params, Result
from redrive.core.errors import ServiceError
from redrive.core.time import DAY_MS, HOUR_MS
from redrive.services.metrics.gatherer import Key
from redrive.services.metrics.model import Set
from redrive.services.metrics.operations.gathered import write_sets
from redrive.services.metrics.room import Metrics
from redrive.services.metrics.rules import minute_of
from redrive.services.metrics.spreads import VALUES_MAX, compact
from redrive.store.store import Tx

DATA_MAX = 1_000
PAST_MS_MAX = 14 * DAY_MS
FUTURE_MS_MAX = 2 * HOUR_MS
VALUE_MAX = 2.0**360
"""AWS: API_PutMetricData; API_MetricDatum."""


def put_metric_data(room: Metrics, tx: Tx, params: Params, context: Context) -> Result:
    """Add samples to metrics, each in its minute: a value, values with counts, or a statistic set.

    All or nothing is written. A StorageResolution of 1 is taken, and kept by the minute as well;
    what EntityMetricData says of entities is let go, and its data are as the others.
    AWS: API_PutMetricData; the codes are the operation's, most texts are guesses.
    """
    namespace = params["Namespace"]
    if namespace.startswith("AWS/"):
        raise _bad("The value AWS/ for parameter Namespace is invalid.")
    data = list(params.get("MetricData") or ())
    for group in params.get("EntityMetricData") or ():
        data += group.get("MetricData") or ()
    if not data:
        raise ServiceError(
            "MissingRequiredParameterException", "The parameter MetricData is required."
        )
    if len(data) > DATA_MAX:
        raise _bad(f"The collection MetricData must not have a size greater than {DATA_MAX}.")
    caller = context.caller
    sets: dict[Key, list[Set]] = {}
    for n, datum in enumerate(data, 1):
        path = f"MetricData.member.{n}"
        key = Key(
            caller.account,
            caller.region,
            namespace,
            datum["MetricName"],
            _dimensions(datum, path),
            datum.get("Unit") or "None",
            minute_of(_instant(datum, path, context.now_ms)),
        )
        if datum.get("StorageResolution", 60) not in (1, 60):
            raise _bad(f"The parameter {path}.StorageResolution must be 1 or 60.")
        sets.setdefault(key, []).append(_set(datum, path))
    write_sets(tx, ((key, one) for key, ones in sets.items() for one in ones))
    return {}


def _bad(message: str) -> ServiceError:
    return ServiceError("InvalidParameterValueException", message)


def _clash(message: str) -> ServiceError:
    return ServiceError("InvalidParameterCombinationException", message)


def _dimensions(datum: Mapping[str, Any], path: str) -> tuple[tuple[str, str], ...]:
    named = sorted((one["Name"], one["Value"]) for one in datum.get("Dimensions") or ())
    if len({name for name, _value in named}) < len(named):
        raise _bad(f"The parameter {path}.Dimensions has a name twice.")
    return tuple(named)


def _instant(datum: Mapping[str, Any], path: str, now_ms: int) -> int:
    at_ms: int = datum.get("Timestamp", now_ms)
    if not now_ms - PAST_MS_MAX <= at_ms <= now_ms + FUTURE_MS_MAX:
        raise _bad(
            f"The parameter {path}.Timestamp must specify a time within the past two weeks and no"
            " more than two hours in the future."
        )
    return at_ms


def _set(datum: Mapping[str, Any], path: str) -> Set:
    given = [name for name in ("Value", "Values", "StatisticValues") if name in datum]
    if not given:
        raise ServiceError(
            "MissingRequiredParameterException",
            f"At least one of the parameters {path}.Value, {path}.Values and"
            f" {path}.StatisticValues must be specified.",
        )
    if len(given) > 1:
        raise _clash(
            f"The parameters {path}.{given[0]} and {path}.{given[1]} are mutually exclusive."
        )
    if "Counts" in datum and given != ["Values"]:
        raise _clash(f"The parameter {path}.Counts needs {path}.Values.")
    if given == ["StatisticValues"]:
        return _statistic_set(datum["StatisticValues"], f"{path}.StatisticValues")
    if given == ["Value"]:
        value = _number(datum["Value"], f"{path}.Value")
        return Set(
            1.0, value, value, value, ((value, 1.0),)
        )  # to be told from others of its minute
    values = [_number(value, f"{path}.Values") for value in datum["Values"]]
    counts = datum.get("Counts") or [1.0] * len(values)
    if not values or len(values) > VALUES_MAX:
        raise _bad(f"The parameter {path}.Values must have 1 to {VALUES_MAX} members.")
    if len(counts) != len(values):
        raise _clash(f"The parameters {path}.Values and {path}.Counts must be of the same size.")
    samples: dict[float, float] = {}
    for value, count in zip(values, counts, strict=True):
        if _number(count, f"{path}.Counts") <= 0:
            raise _bad(f"The parameter {path}.Counts must hold numbers greater than 0.")
        samples[value] = samples.get(value, 0) + count
    total = sum(value * count for value, count in samples.items())
    return Set(sum(samples.values()), total, min(samples), max(samples), compact(samples))


def _statistic_set(given: Mapping[str, float], path: str) -> Set:
    samples, total, least, most = (
        _number(given[name], f"{path}.{name}")
        for name in ("SampleCount", "Sum", "Minimum", "Maximum")
    )
    if samples <= 0 or least > most:
        raise _bad(f"The parameter {path} needs a SampleCount above 0 and Minimum <= Maximum.")
    return Set(samples, total, least, most)


def _number(value: float, path: str) -> float:
    if not math.isfinite(value) or abs(value) > VALUE_MAX:
        raise _bad(f"The value {value} for parameter {path} is invalid.")
    return float(value)

"""GetMetricData: many metrics at once, metric math over them, a page at a time."""

from __future__ import annotations

import math
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from hashlib import sha256
from typing import Any, NamedTuple

import orjson

from redrive.core.effects import Context, Result
from redrive.core.errors import ServiceError
from redrive.services.metrics.expressions import Apply, Tree, names_in, parse, refuse
from redrive.services.metrics.mathematics import Budget, Line, Scope, Value, as_lines, evaluate
from redrive.services.metrics.reading import find_sources, read_points
from redrive.services.metrics.room import Metrics
from redrive.services.metrics.shapes import GetMetricDataParams, MetricDataQuery
from redrive.services.metrics.statistics import align, is_period, over, parse_statistic
from redrive.store.store import Tx

QUERIES_MAX = 500
DATAPOINTS_MAX = 100_800
"""AWS: API_GetMetricData, MetricDataQueries and MaxDatapoints."""

ROWS_PAGE_MAX = 100_000
"""Points read for one page: a tenth of a second in which nobody else is served. What is left is on
the next page."""

ROWS_MAX = 1_000_000
"""Points read for one page when a single expression needs them all; more is refused."""

_ID = re.compile(r"[a-z][a-zA-Z0-9_]*")
_WORDS = frozenset(("REPEAT", "LINEAR"))


def get_metric_data(room: Metrics, tx: Tx, params: GetMetricDataParams, context: Context) -> Result:
    """Return the values of each query that has ReturnData, the newest first unless ScanBy says
    otherwise.

    Results stand in the order of the queries. A page ends after MaxDatapoints values, or when
    enough points were read for it; the NextToken goes on from there. An expression that comes to
    several time series has several results. AWS: API_GetMetricData.
    """
    check_queries(params)
    work = Work(tx, params, context)
    most = params.get("MaxDatapoints", DATAPOINTS_MAX)
    is_descending = params.get("ScanBy", "TimestampDescending") == "TimestampDescending"
    place = _place(params)
    results: list[dict[str, Any]] = []
    following: _Place | None = None
    shown = [query for query in params["MetricDataQueries"] if query.get("ReturnData", True)]
    for k, query in enumerate(shown[place.query :], place.query):
        if results and (most <= 0 or work.rows >= ROWS_PAGE_MAX):
            following = _Place(k, 0, None)
            break
        lines = work.lines(query)
        first = place.line if k == place.query else 0
        for n, line in enumerate(lines[first:], first):
            after = place.after_ms if (k, n) == (place.query, place.line) else None
            values = _in_order(line, is_descending, after)
            cut = values[:most]
            most -= len(cut)
            is_whole = len(cut) == len(values)
            results.append(_result(query, cut, work, is_whole=is_whole))
            if not is_whole:
                following = _Place(k, n, cut[-1][0] if cut else after)
                break
        if following is not None:
            break
    answer: dict[str, Any] = {"MetricDataResults": results, "Messages": []}
    if following is not None:
        answer["NextToken"] = _token(params, following)
    return answer


def _in_order(line: Line, is_descending: bool, after_ms: int | None) -> list[tuple[int, float]]:
    values = sorted(
        ((at, value) for at, value in line.values.items() if math.isfinite(value)),
        reverse=is_descending,
    )
    if after_ms is None:
        return values
    return [one for one in values if (one[0] < after_ms) == is_descending and one[0] != after_ms]


def _result(
    query: MetricDataQuery, values: Sequence[tuple[int, float]], work: Work, *, is_whole: bool
) -> dict[str, Any]:
    stat = query.get("MetricStat")
    default = stat["Metric"].get("MetricName", "") if stat else query["Id"]
    status = "Complete" if is_whole else "PartialData"
    return {
        "Id": query["Id"],
        "Label": query.get("Label", default),
        "Timestamps": [at_ms for at_ms, _value in values],
        "Values": [value for _at_ms, value in values],
        "StatusCode": "Forbidden" if work.is_foreign(query) else status,
    }


class Work:
    """The queries of one request, each carried out when it is first needed."""

    def __init__(self, tx: Tx, params: GetMetricDataParams, context: Context) -> None:
        self._tx = tx
        self._context = context
        self._params = params
        self._queries = {query["Id"]: query for query in params["MetricDataQueries"]}
        self._trees = {
            query["Id"]: parse(query["Expression"])
            for query in params["MetricDataQueries"]
            if "Expression" in query
        }
        self._metrics = [name for name, query in self._queries.items() if "MetricStat" in query]
        self._values: dict[str, Value] = {}
        self._budget = Budget()
        self._order = self._sorted()
        self.rows = 0  # points read

    def lines(self, query: MetricDataQuery) -> list[Line]:
        """Return the time series of a query."""
        name = query["Id"]
        for needed in self._order[name]:
            if needed not in self._values:
                self._values[needed] = self._value(self._queries[needed])
        value = self._values[name]
        if name not in self._trees:
            return [value] if isinstance(value, Line) else []
        return as_lines(value, self._scope(query))

    def is_foreign(self, query: MetricDataQuery) -> bool:
        """Tell whether a query is about another account, which is nobody's to see."""
        account = self._context.caller.account
        return query.get("AccountId", account) != account

    def _sorted(self) -> dict[str, list[str]]:
        """Return, by id, what must be known for a query, itself last. Raises for circles."""
        order: dict[str, list[str]] = {}

        def visit(name: str, above: tuple[str, ...]) -> list[str]:
            if name in above:
                raise refuse(self._queries[name]["Expression"], f"{name} depends on itself")
            if name not in order:
                needed: dict[str, None] = {}
                for other in self._needs(name):
                    needed |= dict.fromkeys(visit(other, (*above, name)))
                order[name] = [*needed, name]
            return order[name]

        for name in self._queries:
            visit(name, ())
        return order

    def _needs(self, name: str) -> list[str]:
        tree = self._trees.get(name)
        if tree is None:
            return []
        found = [other for other in names_in(tree) if other not in _WORDS]
        unknown = [other for other in found if other not in self._queries]
        if unknown:
            raise refuse(self._queries[name]["Expression"], f"Unknown id {unknown[0]}")
        if _has_metrics(tree):
            found += self._metrics
        return list(dict.fromkeys(found))

    def _value(self, query: MetricDataQuery) -> Value:
        if query["Id"] in self._trees:
            return evaluate(self._trees[query["Id"]], self._scope(query))
        stat = query["MetricStat"]
        period_ms = stat["Period"] * 1_000
        params, now_ms = self._params, self._context.now_ms
        span = align(params["StartTime"], params["EndTime"], stat["Period"], now_ms)
        metric = stat["Metric"]
        sources = find_sources(
            self._tx,
            self._context.caller,
            metric.get("Namespace"),
            metric.get("MetricName"),
            metric.get("Dimensions") or (),
            stat.get("Unit"),
        )
        statistic = parse_statistic(stat["Stat"])
        assert statistic is not None
        if not sources or self.is_foreign(query):
            return Line({}, period_ms)
        points = [point for source in sources for point in read_points(self._tx, source, span)]
        self.rows += len(points)
        if self.rows > ROWS_MAX:
            raise _invalid(
                f"The request needs more than {ROWS_MAX} datapoints at once. Decrease the time"
                " range or the number of metrics."
            )
        values = over(sorted(points, key=lambda point: point.at_ms), span, statistic)
        return Line(dict(values), period_ms)

    def _scope(self, query: MetricDataQuery) -> Scope:
        params = self._params
        span = align(params["StartTime"], params["EndTime"], 60, self._context.now_ms)
        return Scope(
            query["Expression"],
            self._values,
            self._metrics,
            span.start_ms,
            span.end_ms,
            self._budget,
        )


def _has_metrics(tree: Tree) -> bool:
    if not isinstance(tree, Apply):
        return False
    return tree.name == "METRICS" or any(_has_metrics(part) for part in tree.arguments)


# --- checks -----------------------------------------------------------------------------------


def _invalid(message: str) -> ServiceError:
    return ServiceError("ValidationError", message, status=400)


def check_queries(params: GetMetricDataParams) -> None:
    """Refuse what CloudWatch refuses; the texts are guesses."""
    queries = params["MetricDataQueries"]
    if not queries:
        raise _invalid("The parameter MetricDataQueries must not be empty.")
    if len(queries) > QUERIES_MAX:
        raise _invalid(
            f"The collection MetricDataQueries must not have a size greater than {QUERIES_MAX}."
        )
    if params["StartTime"] >= params["EndTime"]:
        raise _invalid("The parameter StartTime must be less than the parameter EndTime.")
    most = params.get("MaxDatapoints", DATAPOINTS_MAX)
    if not 1 <= most <= DATAPOINTS_MAX:
        raise _invalid(f"The parameter MaxDatapoints must be between 1 and {DATAPOINTS_MAX}.")
    names = [query["Id"] for query in queries]
    if len(set(names)) < len(names):
        raise _invalid("The values for parameter Id in MetricDataQueries are not unique.")
    for n, query in enumerate(queries, 1):
        _check_query(query, f"MetricDataQueries.member.{n}")
    if not any(query.get("ReturnData", True) for query in queries):
        raise _invalid("At least one of the MetricDataQueries must have ReturnData set to true.")


def _check_query(query: MetricDataQuery, path: str) -> None:
    if _ID.fullmatch(query["Id"]) is None:
        raise _invalid(
            f"The value {query['Id']} for parameter {path}.Id is not matching the expected pattern"
            f" ^{_ID.pattern}$."
        )
    stat = query.get("MetricStat")
    if (stat is None) == ("Expression" not in query):
        raise _invalid(
            f"The parameter {path} must have either a MetricStat or an Expression, and not both."
        )
    if stat is None:
        if "Period" in query and not is_period(query["Period"]):
            raise _no_period(path)
        return
    if not stat["Metric"].get("MetricName") or not stat["Metric"].get("Namespace"):
        raise _invalid(f"The parameter {path}.MetricStat.Metric needs Namespace and MetricName.")
    if not is_period(stat["Period"]):
        raise _no_period(f"{path}.MetricStat")
    if parse_statistic(stat["Stat"]) is None:
        raise _invalid(
            f"The value {stat['Stat']} for parameter {path}.MetricStat.Stat is not supported: it"
            " takes SampleCount, Average, Sum, Minimum, Maximum and percentiles, p0 to p100."
        )


def _no_period(path: str) -> ServiceError:
    return _invalid(f"The parameter {path}.Period must be 1, 5, 10, 20, 30 or a multiple of 60.")


# --- pages ------------------------------------------------------------------------------------


class _Place(NamedTuple):
    """Where a page begins: a query that returns data, a time series of it, an instant."""

    query: int
    line: int
    after_ms: int | None  # None: at its beginning


def _digest(params: GetMetricDataParams) -> str:
    """Return what must be the same for a token to go on with."""
    asked = {name: value for name, value in params.items() if name not in _NOT_ASKED}
    return sha256(orjson.dumps(asked, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


_NOT_ASKED = ("NextToken", "MaxDatapoints")


def _token(params: GetMetricDataParams, place: _Place) -> str:
    return urlsafe_b64encode(orjson.dumps([_digest(params), *place])).decode()


def _place(params: GetMetricDataParams) -> _Place:
    token = params.get("NextToken")
    if token is None:
        return _Place(0, 0, None)
    try:
        digest, *place = orjson.loads(urlsafe_b64decode(token.encode("ascii")))
        begins = _Place(*place)
        is_ours = digest == _digest(params) and min(begins.query, begins.line) >= 0
        is_ours = is_ours and (begins.after_ms is None or begins.after_ms >= 0)
    except (ValueError, TypeError):
        is_ours = False
    if not is_ours:
        raise ServiceError("InvalidNextToken", "The token is not one of this request's.")
    return begins

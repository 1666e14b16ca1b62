"""A template drawn as the picture that the lessons look at (`core.lessons.graph`).

Lenient where `resolve` is strict: a template for AWS holds types and properties that are not
served here, and parameters that nobody has given yet. What cannot be worked out stays unknown; only
what CloudFormation would refuse as well is told as a trouble. Pure; sources are given.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from redrive.core.arn import parse_arn
from redrive.core.lessons.catalogue import IDS
from redrive.core.lessons.graph import (
    Code,
    Function,
    Graph,
    InvokeConfig,
    Queue,
    Source,
    Trouble,
)
from redrive.services.stacks.intrinsics import (
    INVALID,
    REFUSED,
    Resolver,
    Scope,
    function_name,
    is_pending,
    references,
)
from redrive.services.stacks.model import Json, Path, World
from redrive.services.stacks.parameters import resolve_parameters
from redrive.services.stacks.resources import TYPES
from redrive.services.stacks.template import Document

QUEUE, FUNCTION = "AWS::SQS::Queue", "AWS::Lambda::Function"
MAPPING, CONFIG = "AWS::Lambda::EventSourceMapping", "AWS::Lambda::EventInvokeConfig"
_NAMES = {QUEUE: "QueueName", FUNCTION: "FunctionName"}
_OTHER_NAMES_OF_FUNCTIONS = ("AWS::Lambda::Alias", "AWS::Lambda::Version")
_NO_CALLERS = (
    *_OTHER_NAMES_OF_FUNCTIONS,
    CONFIG,
    MAPPING,
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::Dashboard",
    "AWS::Lambda::Permission",
    "AWS::Logs::LogGroup",
    "AWS::SSM::Parameter",
)
"""Types that name a function without invoking it; a permission says itself who does."""
_CALLERS = {
    "AWS::Events::Rule": "events.amazonaws.com",
    "AWS::Lambda::Url": "url",
    "AWS::Logs::SubscriptionFilter": "logs.amazonaws.com",
    "AWS::S3::Bucket": "s3.amazonaws.com",
    "AWS::SNS::Subscription": "sns.amazonaws.com",
    "AWS::Scheduler::Schedule": "scheduler.amazonaws.com",
}
_FOREIGN = (
    "BisectBatchOnFunctionError",
    "DestinationConfig",
    "MaximumRecordAgeInSeconds",
    "MaximumRetryAttempts",
    "ParallelizationFactor",
    "StartingPosition",
    "StartingPositionTimestamp",
    "TumblingWindowInSeconds",
)
_SAM: Mapping[Path, Path] = {
    ("Code", "ZipFile"): ("InlineCode",),
    ("Code",): ("CodeUri",),
    ("DeadLetterConfig",): ("DeadLetterQueue",),
    ("EventSourceArn",): ("Queue",),
}
"""What CloudFormation calls by another name than SAM, by its path within the properties."""
_UNKNOWN_CONDITION = "a condition cannot depend on a resource"
_DEPTH = 2  # of objects whose members have lines and numbers of their own


def picture(
    document: Document,
    given: Mapping[str, str],
    world: World,
    *,
    file: str,
    code: Mapping[str, Code] | None = None,
) -> Graph:
    """Return the picture of a template that SAM has expanded, where that was to be done.

    given: parameter values; one without a value is not known. file: how the template is called
    where a finding is shown. code: the sources of functions by logical id.
    """
    return _Drawing(document, given, world, file, code or {}).graph()


class _Drawing:
    def __init__(
        self,
        document: Document,
        given: Mapping[str, str],
        world: World,
        file: str,
        code: Mapping[str, Code],
    ) -> None:
        self._document = document
        self._file = file
        self._code = code
        self._troubles: list[Trouble] = []
        self._has_met_unknown = False
        self._strangers: list[Trouble] = []
        self._world = world
        body = document.body
        self._ignored = self._exceptions(body.get("Metadata"), ("Metadata",), "template")
        parameters, problems = resolve_parameters(document, given)
        for problem in problems:
            if "has no Default" not in problem.message:
                self._trouble(problem.path, problem.message)
        declared = _object(body.get("Parameters"))
        self._resources = {
            name: resource
            for name, resource in _object(body.get("Resources")).items()
            if isinstance(resource, dict) and isinstance(resource.get("Type"), str)
        }
        scope = Scope(
            world,
            {name: parameter.value for name, parameter in parameters.items()},
            _object(body.get("Mappings")),
            _object(body.get("Conditions")),
            # A parameter without a value is as unknown as a resource before its deployment.
            dict.fromkeys(declared.keys() - parameters.keys()),
        )
        self._resolver = Resolver(scope, self._trouble)
        self._unknown_conditions = self._find_unknown_conditions(scope.conditions)
        self._resources = {name: r for name, r in self._resources.items() if self._is_there(r)}
        scope.absent = frozenset(_object(body.get("Resources")).keys() - self._resources.keys())
        known = {name: self._attributes(str(r["Type"])) for name, r in self._resources.items()}
        scope.resources = {**scope.resources, **known}
        self._values = {
            name: _object(
                self._resolver.resolve(r.get("Properties") or {}, ("Resources", name, "Properties"))
            )
            for name, r in self._resources.items()
        }
        self._names = {
            (kind, str(self._values[name][member])): name
            for kind, member in _NAMES.items()
            for name in self._of(kind)
            if isinstance(self._values[name].get(member), str)
        }

    def graph(self) -> Graph:
        return Graph(
            {name: self._queue(name) for name in self._of(QUEUE)},
            {name: self._function(name) for name in self._of(FUNCTION)},
            tuple(filter(None, (self._mapping(name) for name in self._of(MAPPING)))),
            tuple(self._config(name) for name in self._of(CONFIG)),
            frozenset(self._watched()),
            troubles=tuple(dict.fromkeys(self._troubles)),
            strangers=tuple(self._strangers),
        )

    # --- what is there ----------------------------------------------------------------------------

    def _of(self, kind: str) -> list[str]:
        return [name for name, resource in self._resources.items() if resource["Type"] == kind]

    def _is_there(self, resource: Mapping[str, Json]) -> bool:
        """Tell whether a resource's condition holds; one that hangs on what is unknown does."""
        condition = resource.get("Condition")
        if condition is None or condition in self._unknown_conditions:
            return True
        return self._resolver.condition(condition, ("Conditions",))

    def _find_unknown_conditions(self, conditions: Mapping[str, Json]) -> set[str]:
        """Return the conditions that hang on a parameter without a value, or on such a one."""
        unknown = set()
        for name in conditions:
            self._has_met_unknown = False
            self._resolver.condition(name, ("Conditions", name))
            if self._has_met_unknown:
                unknown.add(name)
        count = -1
        while count != len(unknown):
            count = len(unknown)
            unknown |= {n for n, value in conditions.items() if unknown & set(_named(value))}
        return unknown

    @staticmethod
    def _attributes(kind: str) -> tuple[str, ...] | None:
        # Only of types whose attributes are all here; of others any name may be right.
        return TYPES[kind].attributes if kind in (QUEUE,) else None

    def _trouble(self, path: Path, message: str) -> None:
        self._has_met_unknown |= message == _UNKNOWN_CONDITION
        is_ours = any(message.startswith(f"{name} is not supported") for name in REFUSED)
        if not is_ours and message != _UNKNOWN_CONDITION:
            name = str(path[1]) if len(path) > 1 else ".".join(map(str, path)) or "template"
            self._troubles.append(Trouble(message, self._file, self._line(path), name))

    def _exceptions(self, metadata: Json, path: Path, name: str) -> frozenset[str]:
        given = _object(_object(metadata).get("Redrive")).get("Ignore", [])
        named = [str(each) for each in (given if isinstance(given, list) else [given])]
        for each in named:
            if each not in IDS:
                line = self._line((*path, "Redrive", "Ignore"))
                message = f"Metadata.Redrive.Ignore names {each}, which is no rule"
                self._strangers.append(Trouble(message, self._file, line, name))
        return frozenset(named)

    # --- things -----------------------------------------------------------------------------------

    def _basics(self, name: str, *numbered: str) -> dict[str, Json]:
        """Return what all things have. numbered: the members whose objects are written out."""
        values = self._values[name]
        path: Path = ("Resources", name, "Properties")
        flat = dict(_flatten(values))
        for member in numbered:
            flat |= dict(_flatten({member: _parsed(values.get(member))}))
        flat = {each: value for each, value in flat.items() if value is not None}
        lines = {each: self._line((*path, *each.split("."))) for each in flat}
        lines[""] = self._line(("Resources", name))
        origin = (self._document.origins or {}).get(("Resources", name), ("Resources", name))
        owner = _object(_object(self._document.body.get("Resources")).get(str(origin[1])))
        ignored = self._ignored | self._own_exceptions(name)
        if origin[1] != name:
            ignored |= frozenset(map(str, _as_list(_ignore_of(owner))))
        return {
            "name": f"{origin[1]}.{origin[-1]}" if len(origin) > 2 else name,
            "file": self._file,
            "lines": {each: line for each, line in lines.items() if line is not None},
            "given": frozenset(flat),
            "numbers": {
                each: number
                for each, value in flat.items()
                if (number := _integer(value)) is not None
            },
            "ignored": ignored,
        }

    def _own_exceptions(self, name: str) -> frozenset[str]:
        metadata = self._resources[name].get("Metadata")
        return self._exceptions(metadata, ("Resources", name, "Metadata"), name)

    def _queue(self, name: str) -> Queue:
        values = self._values[name]
        redrive = _object(_parsed(values.get("RedrivePolicy")))
        allow = _object(_parsed(values.get("RedriveAllowPolicy")))
        permission = allow.get("redrivePermission")
        sources = [self._key(each, QUEUE) for each in _as_list(allow.get("sourceQueueArns", []))]
        allowed: frozenset[str] | None = None
        if permission in ("byQueue", "denyAll"):
            allowed = frozenset(each for each in sources if each is not None)
        physical = values.get("QueueName")
        return Queue(
            **self._basics(name, "RedrivePolicy"),
            physical=physical if isinstance(physical, str) else None,
            is_fifo=str(values.get("FifoQueue")).lower() == "true",
            dlq=self._key(redrive.get("deadLetterTargetArn"), QUEUE),
            allowed=allowed,
            has_unknown_sources=permission == "byQueue" and None in sources,
        )

    def _function(self, name: str) -> Function:
        values = self._values[name]
        variables = _object(_object(values.get("Environment")).get("Variables"))
        physical, layers = values.get("FunctionName"), values.get("Layers")
        return Function(
            **self._basics(name),
            physical=physical if isinstance(physical, str) else None,
            runtime=_text(values.get("Runtime")),
            handler=_text(values.get("Handler")),
            variables={key: _text(value) or "" for key, value in variables.items()},
            layers=len(layers) if isinstance(layers, list) else 0,
            callers=frozenset(self._callers(name)),
            code=self._code.get(name) or self._inline(name),
        )

    def _inline(self, name: str) -> Code | None:
        """Return the source that stands in the template, taken to begin below its key."""
        code = _object(self._values[name].get("Code"))
        text = code.get("ZipFile")
        if not isinstance(text, str):
            return None
        line = self._line(("Resources", name, "Properties", "Code", "ZipFile"))
        is_node = str(self._values[name].get("Runtime")).startswith("nodejs")
        return Code({"index.js" if is_node else "index.py": text}, self._file, line or 0, True)

    def _mapping(self, name: str) -> Source | None:
        values = self._values[name]
        queue = self._key(values.get("EventSourceArn"), QUEUE)
        if queue is None and not self._may_be_queue(values):
            return None
        if queue is not None and queue not in self._resources:
            arn = parse_arn(queue)
            if arn is not None and arn.service != "sqs":
                return None
        types = values.get("FunctionResponseTypes", [])
        reports: bool | None = "ReportBatchItemFailures" in types if _is_known(types) else None
        filters = _object(_parsed(values.get("FilterCriteria"))).get("Filters")
        is_off = str(values.get("Enabled", True)).lower() == "false"
        return Source(
            **self._basics(name),
            queue=queue,
            function=self._key(values.get("FunctionName"), FUNCTION),
            is_enabled=not is_off,
            reports=reports,
            filters=len(filters) if isinstance(filters, list) else 0,
            patterns=tuple(_patterns(filters)),
            foreign=tuple(each for each in _FOREIGN if each in values) if queue else (),
        )

    def _may_be_queue(self, values: Mapping[str, Json]) -> bool:
        """Tell whether a source that is not known may be a queue: nothing speaks of a stream."""
        source = values.get("EventSourceArn")
        named = [self._resources.get(name, {}).get("Type") for name in references(source)]
        is_other = any(kind not in (None, QUEUE) for kind in named)
        strange = ("Topics", "Queues", "SelfManagedEventSource", "DocumentDBEventSourceConfig")
        return (
            source is not None
            and not is_other
            and not any(each in values for each in (*_FOREIGN, *strange))
        )

    def _config(self, name: str) -> InvokeConfig:
        values = self._values[name]
        destinations = _object(values.get("DestinationConfig"))
        return InvokeConfig(
            **self._basics(name),
            function=self._key(values.get("FunctionName"), FUNCTION),
            has_on_failure="Destination" in _object(destinations.get("OnFailure")),
        )

    # --- what joins them --------------------------------------------------------------------------

    def _key(self, value: Json, kind: str) -> str | None:
        """Return the key that a reference means: a logical id, else the text as it stands."""
        if isinstance(value, str):
            arn = parse_arn(value)
            name = value if arn is None else arn.resource.removeprefix("function:")
            is_ours = arn is None or arn.account in ("", self._world.account)
            found = self._names.get((kind, name)) or self._names.get((kind, name.partition(":")[0]))
            return found if found is not None and is_ours else value
        named = [self._behind(name) for name in references(value)]
        of_kind = [n for n in named if self._resources.get(n, {}).get("Type") == kind]
        return of_kind[0] if len(of_kind) == 1 else None

    def _behind(self, name: str) -> str:
        """Return the function behind an alias or a version, else the name itself."""
        resource = self._resources.get(name, {})
        if resource.get("Type") in _OTHER_NAMES_OF_FUNCTIONS:
            return self._key(self._values[name].get("FunctionName"), FUNCTION) or name
        return name

    def _callers(self, function: str) -> Iterator[str]:
        for name, resource in self._resources.items():
            values, kind = self._values[name], str(resource["Type"])
            if kind == "AWS::Lambda::Permission":
                if self._key(values.get("FunctionName"), FUNCTION) == function:
                    yield _text(values.get("Principal")) or kind
            elif kind not in _NO_CALLERS and function in map(self._behind, references(values)):
                yield _CALLERS.get(kind, kind)

    def _watched(self) -> Iterator[str]:
        """Yield the queues that an alarm names, by reference or by name."""
        for name, resource in self._resources.items():
            if str(resource["Type"]) != "AWS::CloudWatch::Alarm":
                continue
            yield from references(self._values[name])
            yield from (
                self._names[QUEUE, text]
                for text in _texts(self._values[name])
                if (QUEUE, text) in self._names
            )

    def _line(self, path: Path) -> int | None:
        """Return the line of a property; in a SAM template where SAM took it from."""
        origins, lines = self._document.origins, self._document.lines
        if origins is None or path[:1] != ("Resources",):
            return self._document.line(path)
        name = str(path[1]) if len(path) > 1 else ""
        owner = origins.get(path[:2], path[:2])
        if self._resources.get(name, {}).get("Type") == CONFIG and owner != path[:2]:
            return self._document.line((*owner, "Properties", CONFIG.rpartition(":")[2], *path[3:]))
        if len(path) > 3:
            inside = path[3:]
            inside = next(
                (
                    new + inside[len(old) :]
                    for old, new in _SAM.items()
                    if inside[: len(old)] == old
                ),
                inside,
            )
            for place in ((*owner, "Properties", *inside), ("Globals", "Function", *inside)):
                if place in lines:
                    return lines[place]
        return self._document.line(path)


def _flatten(
    values: Mapping[str, Json], prefix: str = "", depth: int = 0
) -> Iterator[tuple[str, Json]]:
    for name, value in values.items():
        yield prefix + name, value
        if isinstance(value, dict) and not function_name(value) and depth < _DEPTH:
            yield from _flatten(value, f"{prefix}{name}.", depth + 1)


def _named(condition: Json) -> Iterator[str]:
    """Yield the conditions that a condition is made of."""
    if isinstance(condition, dict):
        if isinstance(condition.get("Condition"), str):
            yield condition["Condition"]
        condition = list(condition.values())
    for item in condition if isinstance(condition, list) else ():
        yield from _named(item)


def _patterns(filters: Json) -> Iterator[str]:
    for each in filters if isinstance(filters, list) else ():
        pattern = _object(each).get("Pattern")
        if isinstance(pattern, str):
            yield pattern


def _integer(value: Json) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    try:
        return int(value)
    except ValueError:
        return None


def _parsed(value: Json) -> Json:
    """Return an object that may be given as its JSON text."""
    if isinstance(value, str):
        try:
            return json.loads(value)
        except ValueError:
            return None
    return value


def _is_known(value: Json) -> bool:
    return isinstance(value, list) and not is_pending(value) and INVALID not in value


def _text(value: Json) -> str | None:
    return str(value) if isinstance(value, str | int | float) else None


def _texts(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)


def _ignore_of(resource: Mapping[str, Json]) -> Json:
    return _object(_object(resource.get("Metadata")).get("Redrive")).get("Ignore", [])


def _as_list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else [value]


def _object(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}

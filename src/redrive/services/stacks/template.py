"""A template's text as values, and the line of everything in it.

YAML and JSON (which is YAML for this purpose) become a Document: plain objects, lists and scalars,
with CloudFormation's short tags written out (`!Ref x` is {"Ref": "x"}). Not here: what any of it
means.

Invariants:
1. Every mapping key and every list item has its line in `lines`, by path.
2. Keys are text, whatever they look like; a key stands once in its mapping.
3. Only plain scalars that can mean nothing else become numbers: 2012-10-17, 007 and 12:30 stay text
   (AWS: a date is the policy version that is meant, a leading zero is an account id's).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import yaml

from redrive.services.stacks.model import Json, Path, Problem, TemplateError

TEMPLATE_BYTES_MAX = 1_048_576
"""AWS: CloudFormation quotas, "Template body size in an S3 object"."""
VALUES_MAX = (
    200_000  # aliases of aliases multiply: a bound on what is built, far above any real template
)
DEPTH_MAX = 100

SAM_TRANSFORM = "AWS::Serverless-2016-10-31"
TRANSFORMS = (SAM_TRANSFORM, "AWS::LanguageExtensions")
SECTIONS = [
    "AWSTemplateFormatVersion",
    "Conditions",
    "Description",
    "Globals",
    "Mappings",
    "Metadata",
    "Outputs",
    "Parameters",
    "Resources",
    "Transform",
]
REFUSED_SECTIONS = ("Hooks", "Rules")

_SHORT_TAGS = {
    f"!{name}": f"Fn::{name}"
    for name in [
        "And",
        "Base64",
        "Cidr",
        "Equals",
        "FindInMap",
        "ForEach",
        "GetAZs",
        "GetAtt",
        "If",
        "ImportValue",
        "Join",
        "Length",
        "Not",
        "Or",
        "Select",
        "Split",
        "Sub",
        "ToJsonString",
        "Transform",
    ]
} | {"!Ref": "Ref", "!Condition": "Condition"}
_WORDS = {
    word: value
    for names, value in (
        ("true True TRUE yes Yes YES on On ON", True),
        ("false False FALSE no No NO off Off OFF", False),
    )
    for word in names.split()
}
_NULLS = ("", "~", "null", "Null", "NULL")
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_DECIMAL = re.compile(r"[-+]?(0|[1-9][0-9]*)?\.[0-9]+([eE][-+]?[0-9]+)?|[-+]?[1-9][0-9]*\.")
_SURROGATES = re.compile(r"(?<!\\)((?:\\\\)*)\\u([dD][89abAB]..)\\u([dD][c-fC-F]..)")
_YAML_TAG = "tag:yaml.org,2002:"


@dataclass(frozen=True, slots=True)
class Document:
    """A template as values. `body` is the whole of it; see `line` for where things are.

    origins: for a document that SAM expanded, the path in the source from which a generated one
    came.
    """

    body: Mapping[str, Json]
    lines: Mapping[Path, int]
    name: str = "template.yaml"
    origins: Mapping[Path, Path] | None = None

    def line(self, path: Path) -> int | None:
        """Return the line of the nearest thing at or above `path`, counted from 1."""
        for length in range(len(path), 0, -1):
            origin = (self.origins or {}).get(path[:length])
            if origin is not None and origin != path[:length]:
                return self.line(origin + path[length:])
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return None

    def problem(self, message: str, path: Path = ()) -> Problem:
        """Return a problem at `path`, with its line."""
        return Problem(message, path, self.line(path), self.name)


class _Loader(yaml.CBaseLoader):
    """The C parser without any guess about types; an untagged scalar keeps this tag."""

    DEFAULT_SCALAR_TAG = "?"  # type: ignore[misc]  # the stub calls final what a resolver may set


def load(text: str, name: str = "template.yaml") -> Document:
    """Parse a template. Raises TemplateError with the line where the text stops making sense."""
    if len(text.encode("utf-8", "surrogatepass")) > TEMPLATE_BYTES_MAX:
        raise TemplateError([Problem(f"larger than {TEMPLATE_BYTES_MAX} bytes", file=name)])
    try:
        root = yaml.compose(_SURROGATES.sub(_join_surrogates, text), _Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = " ".join(part for part in (error.problem, error.context) if part)
        line = mark.line + 1 if mark else None
        raise TemplateError([Problem(f"not valid YAML or JSON: {said}", (), line, name)]) from error
    except yaml.YAMLError as error:
        raise TemplateError([Problem(f"not valid YAML or JSON: {error}", file=name)]) from error
    if not isinstance(root, yaml.MappingNode):
        raise TemplateError([Problem("a template is an object with Resources in it", (), 1, name)])
    reader = _Reader(name)
    body = reader.value(root, (), 0)
    if reader.problems:
        raise TemplateError(reader.problems)
    return Document(body, reader.lines, name)


def _join_surrogates(match: re.Match[str]) -> str:
    """Write JSON's pair of escapes for one character as that character: YAML has no pairs."""
    try:
        pair = bytes.fromhex(match[2] + match[3]).decode("utf-16-be")
    except ValueError:
        return match[0]
    return match[1] + pair


class _Reader:
    """Walks the node graph once, writing down values, lines and problems."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lines: dict[Path, int] = {}
        self.problems: list[Problem] = []
        self._count = 0

    def value(self, node: yaml.Node, path: Path, depth: int) -> Json:
        self._count += 1
        if depth > DEPTH_MAX or self._count > VALUES_MAX:
            message = f"nested deeper than {DEPTH_MAX} or larger than {VALUES_MAX} values"
            self._report(node, path, message)
            raise TemplateError(self.problems)
        tag = node.tag if node.tag.startswith("!") and node.tag != "!" else ""
        if tag and tag not in _SHORT_TAGS:
            supported = ", ".join(sorted(_SHORT_TAGS))
            self._report(node, path, f"unknown tag {tag}{suggest(tag, _SHORT_TAGS)} ({supported})")
            return None
        if not tag:
            return self._content(node, path, depth)
        name = _SHORT_TAGS[tag]
        inner = self._content(node, (*path, name), depth, text=tag in ("!Ref", "!GetAtt", "!Sub"))
        if name == "Fn::GetAtt" and isinstance(inner, str):
            inner = inner.split(".", 1)
        return {name: inner}

    def _content(self, node: yaml.Node, path: Path, depth: int, text: bool = False) -> Json:
        if isinstance(node, yaml.ScalarNode):
            return node.value if text else self._scalar(node, path)
        if isinstance(node, yaml.SequenceNode):
            items: list[Json] = []
            for index, item in enumerate(node.value):
                self.lines[*path, index] = item.start_mark.line + 1
                items.append(self.value(item, (*path, index), depth + 1))
            return items
        assert isinstance(node, yaml.MappingNode)
        return self._mapping(node, path, depth)

    def _mapping(self, node: yaml.MappingNode, path: Path, depth: int) -> dict[str, Json]:
        found: dict[str, Json] = {}
        merged: dict[str, Json] = {}
        for key, item in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._report(key, path, "a key is a word, not a list or an object")
                continue
            name, line = str(key.value), key.start_mark.line + 1
            if name == "<<" and key.style in (None, ""):
                for source in item.value if isinstance(item, yaml.SequenceNode) else [item]:
                    values = self.value(source, path, depth + 1)
                    if isinstance(values, dict):
                        merged = values | merged
                    else:
                        self._report(source, path, "<< merges objects only")
                continue
            if name in found:
                self._report(key, (*path, name), "stands twice in the same object")
            self.lines[*path, name] = line
            found[name] = self.value(item, (*path, name), depth + 1)
            self.lines[*path, name] = line
        return merged | found

    def _scalar(self, node: yaml.ScalarNode, path: Path) -> Json:
        text = str(node.value)
        explicit = node.tag.removeprefix(_YAML_TAG) if node.tag.startswith(_YAML_TAG) else ""
        if explicit not in ("", "str", "int", "float", "bool", "null"):
            self._report(node, path, f"!!{explicit} has no meaning in a template")
        if explicit == "str" or (not explicit and node.style not in (None, "")):
            return text
        if text in _NULLS:
            return None
        if text in _WORDS:
            return _WORDS[text]
        if _INTEGER.fullmatch(text):
            return int(text)
        return float(text) if _DECIMAL.fullmatch(text) else text

    def _report(self, node: yaml.Node, path: Path, message: str) -> None:
        self.problems.append(Problem(message, path, node.start_mark.line + 1, self.name))


def check_sections(document: Document) -> list[Problem]:
    """Return what is wrong with the outermost shape: sections, transforms, their forms."""
    problems = []
    for name, value in document.body.items():
        if name in REFUSED_SECTIONS:
            problems.append(document.problem("this section is not supported", (name,)))
        elif name not in SECTIONS:
            problems.append(document.problem(unknown("section", name, SECTIONS), (name,)))
        elif name in (
            "Conditions",
            "Globals",
            "Mappings",
            "Metadata",
            "Outputs",
            "Parameters",
        ) and (not isinstance(value, dict)):
            problems.append(document.problem("must be an object", (name,)))
    resources = document.body.get("Resources")
    if not isinstance(resources, dict) or not resources:
        message = "a template needs at least one resource in its Resources"
        problems.append(
            document.problem(message, ("Resources",) if "Resources" in document.body else ())
        )
    for transform in transforms(document.body):
        if transform not in TRANSFORMS:
            message = f"{transform} is not supported; supported: {', '.join(TRANSFORMS)}"
            problems.append(document.problem(message, ("Transform",)))
    if "Globals" in document.body and not is_sam(document.body):
        message = f"Globals needs `Transform: {SAM_TRANSFORM}`"
        problems.append(document.problem(message, ("Globals",)))
    return problems


def transforms(body: Mapping[str, Json]) -> list[Json]:
    """Return the template's transforms as a list, in order."""
    given = body.get("Transform")
    if given is None:
        return []
    return list(given) if isinstance(given, list) else [given]


def is_sam(body: Mapping[str, Json]) -> bool:
    """Tell whether the template must be expanded by SAM before it can be resolved."""
    return SAM_TRANSFORM in transforms(body)


def suggest(name: str, known: Iterable[str]) -> str:
    """Return `; did you mean X?`, or nothing when no known name is near."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.7)
    return f"; did you mean {near[0]}?" if near else ""


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """Return the message for a name that is not known, with the nearest one and all that are."""
    names = sorted(known)
    return f"unknown {what} {name}{suggest(name, names)} (supported: {', '.join(names)})"

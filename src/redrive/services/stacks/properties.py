"""How the properties of a resource type are written down: forms, labels, refusals.

AWS: CloudFormation Template Reference, the page of each type.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Shape = Mapping[str, "Property"]
Form = Literal[
    "string",
    "integer",
    "number",
    "boolean",
    "json",
    "pattern",
    "object",
    "strings",
    "texts",
    "list",
    "code",
]
# json: an object, or its text; pattern: the text of one; object: any object, or one of `shape`;
# strings: a list of them; texts: an object of strings; list: a list of `shape`; code: a local path
# or an object of `shape`


@dataclass(frozen=True, slots=True)
class Property:
    """How one property is written and what it does.

    replaces: a change of it needs a new resource. choices: the values of which it must be one.
    """

    form: Form = "string"
    required: bool = False
    replaces: bool = False
    label: bool = False
    refused: str = ""
    choices: tuple[str, ...] = ()
    shape: Shape | None = None


@dataclass(frozen=True, slots=True)
class ResourceType:
    """One type.

    attributes: what Fn::GetAtt can ask of it. named_by: the property that names it, if any; else,
    and when it is not given, a name of at most name_length_max characters is made. fixed: see
    `replaces`.
    """

    name: str
    properties: Shape
    attributes: tuple[str, ...] = ()
    named_by: str | None = None
    name_length_max: int = 255
    fixed: frozenset[str] = field(default=frozenset())  # a change of any of these replaces


TEXT = Property()
NUMBER = Property("integer")
FLAG = Property("boolean")
TAG: Shape = {"Key": Property(required=True), "Value": Property(required=True)}
TAGS = Property("list", label=True, shape=TAG)
KMS = Property(label=True)

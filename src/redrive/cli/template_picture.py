"""A template on this machine, with its code, drawn for the lessons."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from redrive.cli.sources import read_sources
from redrive.core.lessons.graph import Code, Graph
from redrive.services.stacks.checks import LOCAL_BUCKET
from redrive.services.stacks.model import TemplateError, World
from redrive.services.stacks.picture import FUNCTION, picture
from redrive.services.stacks.serverless import expanded_document, origin
from redrive.services.stacks.template import Document, is_sam


def expand(document: Document, parameters: Mapping[str, str], region: str) -> Document:
    """Return a template with SAM's part expanded, also where this server would refuse it.

    Raises TemplateError for what SAM does not understand.
    """
    if not is_sam(document.body):
        return document
    # The library takes half a second to import: only those who need it pay.
    sam = import_module("redrive.services.stacks.sam")
    try:
        return expanded_document(document, sam.expand(document.body, parameters, region))
    except TemplateError as error:
        raise TemplateError(
            document.problem(each.message, origin(document, each.logical_id or ""))
            for each in error.problems
        ) from error


def template_picture(
    document: Document, path: Path, parameters: Mapping[str, str], world: World
) -> Graph:
    """Return the picture of an expanded template and of the code that lies beside it.

    Files are shown relative to the working directory, where they are below it.
    """
    return picture(
        document, parameters, world, file=shown(path), code=_code(document.body, path.parent)
    )


def _code(body: Mapping[str, Any], folder: Path) -> dict[str, Code]:
    """Return the sources of each function whose code is on this machine, by logical id.

    What a build makes of them is not known: such functions are left out.
    """
    found = {}
    for name, resource in body.get("Resources", {}).items():
        if not isinstance(resource, dict) or resource.get("Type") != FUNCTION:
            continue
        metadata = resource.get("Metadata")
        method = metadata.get("BuildMethod") if isinstance(metadata, dict) else None
        if method is not None and not str(method).startswith(("python", "nodejs")):
            continue
        properties = resource.get("Properties")
        given = properties.get("Code") if isinstance(properties, dict) else None
        if isinstance(given, dict) and given.get("S3Bucket") == LOCAL_BUCKET:
            given = given.get("S3Key")
        if isinstance(given, str):
            place = folder / given
            code = read_sources(place, shown(place))
            if code is not None:
                found[name] = code
    return found


def shown(path: Path) -> str:
    """Return how a file is called: relative to the working directory, if it is below it."""
    absolute = Path(os.path.normpath(Path.cwd() / path))
    here = Path.cwd()
    return (absolute.relative_to(here) if absolute.is_relative_to(here) else absolute).as_posix()

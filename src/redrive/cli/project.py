"""A template and its code on this machine become a Stack whose code is packaged.

Reading, expanding and packaging only: nothing is asked of a server.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from pathlib import Path

from redrive.cli.packages import Builder, Installer, PackageError
from redrive.runtime.choices import Choices
from redrive.runtime.interpreters import Choice
from redrive.runtime.tools import run_tool
from redrive.services.stacks.checks import LOCAL_BUCKET
from redrive.services.stacks.model import Problem, Resource, Stack, TemplateError, World
from redrive.services.stacks.resolve import resolve
from redrive.services.stacks.template import Document, check_sections, is_sam, load

DEFAULTS = ("template.yaml", "template.yml", "template.json")
FUNCTION = "AWS::Lambda::Function"
LAYER = "AWS::Lambda::LayerVersion"
CODE_PROPERTIES = {FUNCTION: "Code", LAYER: "Content"}

Progress = Callable[[str], None]


_SAM = "AWS::Serverless::"


@dataclass(frozen=True, slots=True)
class Project:
    """What a person wants to run: a template, its parameters, and where it is to live.

    cache: where packages are built, below the data directory.
    """

    template: Path
    parameters: Mapping[str, str]
    world: World
    cache: Path

    def read(self) -> Document:
        """Parse the template. Raises TemplateError with every problem of its outermost shape."""
        try:
            text = self.template.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise TemplateError([Problem(str(error), file=self.template.name)]) from error
        document = load(text, self.template.name)
        if problems := check_sections(document):
            raise TemplateError(problems)
        return document

    def resolve(
        self, document: Document, hashes: Mapping[str, str] | None = None
    ) -> tuple[Document, Stack]:
        """Expand SAM and resolve all that does not hang on what is deployed. Raises TemplateError.

        Returns the expanded document as well: it knows the lines. hashes: of the content of local
        code, by logical id in the document, for what SAM names by it (`names_by_content`).
        """
        if is_sam(document.body):
            # The library takes half a second to import: only those who need it pay.
            sam = import_module("redrive.services.stacks.sam")
            try:
                document = sam.expand_document(document, self.parameters, self.world.region, hashes)
            except TemplateError as error:
                more = self._problems_beside(document)
                raise TemplateError([*error.problems, *more]) from error
        return document, resolve(document, self.parameters, self.world)

    def _problems_beside(self, document: Document) -> list[Problem]:
        """Return what is wrong with the plain resources of a SAM template that cannot be expanded.

        What hangs on the SAM resources is left out: nobody knows what they would have become.
        """
        resources = document.body["Resources"]
        if not isinstance(resources, dict):
            return []
        plain = {
            name: resource
            for name, resource in resources.items()
            if not (isinstance(resource, dict) and str(resource.get("Type")).startswith(_SAM))
        }
        kept = {
            name: section
            for name, section in document.body.items()
            if name not in ("Transform", "Globals", "Outputs")
        }
        try:
            resolve(
                replace(document, body={**kept, "Resources": plain}), self.parameters, self.world
            )
        except TemplateError as error:
            unknown = resources.keys() - plain.keys()
            return [
                problem
                for problem in error.problems
                if not unknown.intersection(re.findall(r"\w+", problem.message))
            ]
        return []

    def package(
        self,
        document: Document,
        stack: Stack,
        progress: Progress,
        builder: Builder | None = None,
        packages: dict[str, Path] | None = None,
    ) -> Stack:
        """Return the stack with all local code packaged. Raises TemplateError naming the function.

        Functions that share code and runtime share the package. packages: those of functions that
        need no new one; the new ones are added.
        """
        builder = builder or Builder(self.cache)
        known = {} if packages is None else packages
        resources = dict(stack.resources)
        problems = []
        for name, source in self.code(stack).items():
            properties = stack.resources[name].properties
            try:
                if name not in known:
                    known[name] = _build(builder, document, stack.resources[name], source, progress)
            except PackageError as error:
                path = ("Resources", name, "Properties", CODE_PROPERTIES[resources[name].type])
                problems.append(document.problem(str(error), path))
                continue
            code = {"S3Bucket": LOCAL_BUCKET, "S3Key": str(known[name])}
            place = CODE_PROPERTIES[resources[name].type]
            resources[name] = replace(resources[name], properties={**properties, place: code})
        if problems:
            raise TemplateError(problems)
        return replace(stack, resources=resources)

    def code(self, stack: Stack) -> dict[str, Path]:
        """Return the path of each function's and layer's code that is a local folder or file."""
        found = {}
        for name, resource in stack.resources.items():
            code = resource.properties.get(CODE_PROPERTIES.get(resource.type, ""))
            if isinstance(code, str):
                found[name] = (self.template.parent / code).resolve()
        return found

    def notes(self, stack: Stack) -> list[str]:
        """Return what a person should know of what runs the functions here."""
        runtimes = {
            str(resource.properties.get("Runtime"))
            for resource in stack.resources.values()
            if resource.type == FUNCTION
        }
        notes = (program_of(runtime).note for runtime in sorted(runtimes))
        return [note for note in notes if note]


@cache
def program_of(runtime: str) -> Choice:
    """Return what runs a runtime here."""
    return Choices(os.environ).of(runtime)


@cache
def node_version() -> str:
    """Return what the Node.js of this machine calls itself, "unknown" without one."""
    said: list[str] = []
    code = run_tool(["node", "--version"], said.append)
    return said[0].strip() if code == 0 and said else "unknown"


def _installer(runtime: str) -> Installer:
    found = program_of(runtime).interpreter
    version = f"3.{found.minor if found else sys.version_info.minor}"
    path = found.path if found else sys.executable
    node = node_version() if runtime.startswith("nodejs") else ""
    return Installer(path, version, run_tool, shutil.which("uv"), node)


def names_by_content(document: Document) -> bool:
    """Tell whether a SAM template names resources by the content of local code: published versions
    and layers, of which other content makes others.
    """
    if not is_sam(document.body):
        return False
    found = [document.body.get("Globals"), document.body.get("Resources")]
    return "AutoPublishAlias" in str(found) or f"{_SAM}LayerVersion" in str(found)


def _build(
    builder: Builder, document: Document, resource: Resource, source: Path, progress: Progress
) -> Path:
    """Return the package of a function or a layer.

    AWS: SAM Developer Guide, "Building Lambda functions with custom runtimes", "Building Lambda
    layers". A layer without BuildMethod is packaged as it is; one with it has what it installs, and
    its files, in the folder that its runtime looks in. Raises PackageError for a BuildMethod that
    nothing here carries out.
    """
    name = resource.logical_id
    declared = document.body["Resources"].get(name)
    metadata = declared.get("Metadata") if isinstance(declared, dict) else None
    method = str(metadata.get("BuildMethod") or "") if isinstance(metadata, dict) else ""
    if method == "makefile":
        # A layer's logical id ends in a hash that SAM has put there; the Makefile knows it without.
        made = str(metadata.get("SamResourceId") or name) if isinstance(metadata, dict) else name
        return builder.build(source, _installer(method), progress, make=f"build-{made}").path
    is_layer = resource.type == LAYER
    if not method:
        installer = _installer("" if is_layer else str(resource.properties.get("Runtime")))
        return builder.build(source, installer, progress, installs=not is_layer).path
    if method.startswith(("python", "nodejs")):
        below = ("nodejs" if method.startswith("nodejs") else "python") if is_layer else ""
        return builder.build(source, _installer(method), progress, below=below).path
    raise PackageError(
        f"BuildMethod {method} is not carried out here: build {source} yourself and let CodeUri"
        " name what comes of it, or say `BuildMethod: makefile` and do it in a Makefile"
    )


def find_template(given: str | None, folder: Path) -> Path:
    """Return the template to run. Raises FileNotFoundError with what was looked for."""
    candidates = [Path(given)] if given else [folder / name for name in DEFAULTS]
    if given and Path(given).is_dir():
        candidates = [Path(given) / name for name in DEFAULTS]
    for candidate in candidates:
        if candidate.is_file():
            return candidate.resolve()
    names = ", ".join(str(candidate) for candidate in candidates)
    raise FileNotFoundError(f"no template: looked for {names}")


def stack_name_of(template: Path) -> str:
    """Return a stack's name made of the template's folder: letters, digits, hyphens."""
    words = re.sub(r"[^a-zA-Z0-9]+", "-", template.parent.name).strip("-")
    if not words:
        return "stack"
    return (words if words[0].isalpha() else f"stack-{words}")[:128]

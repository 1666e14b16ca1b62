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
from importlib import import_module
from pathlib import Path

from redrive.cli.packages import Installer, PackageError, build_package
from redrive.runtime.interpreters import Choice, choose, find_installed
from redrive.runtime.tools import run_tool
from redrive.services.stacks.checks import LOCAL_BUCKET
from redrive.services.stacks.model import Problem, Stack, TemplateError, World
from redrive.services.stacks.resolve import resolve
from redrive.services.stacks.template import Document, check_sections, is_sam, load

DEFAULTS = ("template.yaml", "template.yml", "template.json")
FUNCTION = "AWS::Lambda::Function"

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

    def resolve(self, document: Document) -> tuple[Document, Stack]:
        """Expand SAM and resolve all that does not hang on what is deployed. Raises TemplateError.

        Returns the expanded document as well: it knows the lines.
        """
        if is_sam(document.body):
            # The library takes half a second to import: only those who need it pay.
            sam = import_module("redrive.services.stacks.sam")
            try:
                document = sam.expand_document(document, self.parameters, self.world.region)
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

    def package(self, document: Document, stack: Stack, progress: Progress) -> Stack:
        """Return the stack with all local code packaged. Raises TemplateError naming the function.

        Functions that share code and Python version share the package.
        """
        installed = find_installed(os.environ)
        resources = dict(stack.resources)
        problems = []
        for name, source in self.code(stack).items():
            properties = stack.resources[name].properties
            installer = _installer(choose(str(properties.get("Runtime")), installed))
            try:
                package = build_package(source, self.cache, installer, progress)
            except PackageError as error:
                path = ("Resources", name, "Properties", "Code")
                problems.append(document.problem(str(error), path))
                continue
            code = {"S3Bucket": LOCAL_BUCKET, "S3Key": str(package.path)}
            resources[name] = replace(resources[name], properties={**properties, "Code": code})
        if problems:
            raise TemplateError(problems)
        return replace(stack, resources=resources)

    def code(self, stack: Stack) -> dict[str, Path]:
        """Return the path of each function's code that is a local folder or file."""
        found = {}
        for name, resource in stack.resources.items():
            code = resource.properties.get("Code")
            if resource.type == FUNCTION and isinstance(code, str):
                found[name] = (self.template.parent / code).resolve()
        return found

    def notes(self, stack: Stack) -> list[str]:
        """Return what a person should know of the Pythons that run the functions."""
        installed = find_installed(os.environ)
        runtimes = {
            str(resource.properties.get("Runtime"))
            for resource in stack.resources.values()
            if resource.type == FUNCTION
        }
        notes = (choose(runtime, installed).note for runtime in sorted(runtimes))
        return [note for note in notes if note]


def _installer(choice: Choice) -> Installer:
    found = choice.interpreter
    version = f"3.{found.minor if found else sys.version_info.minor}"
    path = found.path if found else sys.executable
    return Installer(path, version, run_tool, shutil.which("uv"))


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

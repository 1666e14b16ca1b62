"""What of a project was read and packaged last, and what a change on the disk makes of it.

A change of code packages the functions whose code it is, and nothing else; a change of the template
resolves and packages all of it. What cannot be taken up is told as TemplateError, and told again
until it is mended, since nobody can know which half of a change was meant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from redrive.cli.packages import Builder
from redrive.cli.project import Progress, Project, names_by_content, program_of
from redrive.cli.syntax import find_errors
from redrive.runtime.interpreters import Interpreter
from redrive.services.stacks.model import Stack, TemplateError
from redrive.services.stacks.serverless import label_notes
from redrive.services.stacks.template import Document

Consider = Callable[[Document], None]
Shape = Callable[[Stack, Mapping[str, Path]], Stack]


class Reloader:
    """Holds the latest state of a project that could be taken up."""

    def __init__(
        self, project: Project, consider: Consider, shape: Shape = lambda stack, _code: stack
    ) -> None:
        """consider: sees each document before its code is packaged, and may raise TemplateError.
        shape: what is changed of every packaged stack; it is told where the code lies."""
        self._project = project
        self._consider = consider
        self._shape = shape
        self._builder = Builder(project.cache)
        # As read, as expanded, resolved; None: the template is to be read again.
        self._last: tuple[Document, Document, Stack] | None = None
        self._packages: dict[str, Path] = {}
        self._broken: frozenset[Path] = frozenset()
        self.code: dict[str, Path] = {}
        """Where the code of each function and layer lies."""
        self.notes: list[str] = []
        """What a person should know of the template."""

    def prepare(self, document: Document, progress: Progress) -> Stack:
        """Return the whole stack, packaged. Raises TemplateError."""
        self._last = None
        expanded, stack = self._project.resolve(document)
        self.code = self._project.code(stack)
        self._packages = {}
        packaged = self._package(document, expanded, stack, progress)
        self._last = document, expanded, stack
        self.notes = label_notes(document)
        return packaged

    def take_up(self, changed: frozenset[Path], progress: Progress) -> Stack:
        """Return the stack as it is after a change. Raises TemplateError; then nothing is taken up.

        changed: files that were written, made, renamed or deleted.
        """
        self._builder.forget(changed)
        suspects = (changed - {self._project.template}) | self._broken
        problems = find_errors(suspects, self._pythons())
        self._broken = frozenset(Path(problem.file) for problem in problems)
        if problems:
            self._note_stale(changed)
            raise TemplateError(problems)
        if self._last is None or self._project.template in changed:
            return self.prepare(self._project.read(), progress)
        self._note_stale(changed)
        return self._package(*self._last, progress)

    def _note_stale(self, changed: Iterable[Path]) -> None:
        """Forget the packages of the functions whose code has changed."""
        for path in changed:
            if path == self._project.template:
                self._last = None
            for name, source in self.code.items():
                # A folder's own coming and going is told by its path, or by that of one above it.
                if path.is_relative_to(source) or source.is_relative_to(path):
                    self._packages.pop(name, None)

    def _package(
        self, document: Document, expanded: Document, stack: Stack, progress: Progress
    ) -> Stack:
        self._consider(expanded)
        made = self._project.package(expanded, stack, progress, self._builder, self._packages)
        if names_by_content(document):
            made = self._named(document, expanded, progress)
        return self._shape(made, self.code)

    def _named(self, document: Document, expanded: Document, progress: Progress) -> Stack:
        """Expand once more, now that the content is known by which SAM names versions and layers.

        The names change with it, but not what they are made of: nothing is packaged twice.
        """
        paths = {
            (expanded.origins or {}).get(("Resources", name), ("", name))[1]: path
            for name, path in self._packages.items()
        }
        hashes = {str(name): path.name for name, path in paths.items()}
        again, stack = self._project.resolve(document, hashes)
        known = {
            name: paths[origin]
            for name in self._project.code(stack)
            if (origin := (again.origins or {}).get(("Resources", name), ("", name))[1]) in paths
        }
        return self._project.package(again, stack, progress, self._builder, known)

    def _pythons(self) -> list[Interpreter]:
        """Return the interpreters of the functions; none while the template is not understood."""
        if self._last is None:
            return []
        runtimes = {
            str(resource.properties.get("Runtime"))
            for resource in self._last[2].resources.values()
            if resource.logical_id in self.code
        }
        pythons = [each for each in sorted(runtimes) if each.startswith("python")]
        found = (program_of(runtime).interpreter for runtime in pythons)
        return [each for each in found if each is not None]

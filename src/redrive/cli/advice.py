"""What `redrive up` says of the lessons that a template has not learned."""

from __future__ import annotations

from collections.abc import Sequence

from redrive.cli.asking import print_json
from redrive.cli.findings import finding_json, place, tell_briefly
from redrive.cli.project import Project
from redrive.cli.template_picture import template_picture
from redrive.core.lessons.catalogue import find
from redrive.core.lessons.rule import Finding
from redrive.services.stacks.model import Problem, TemplateError
from redrive.services.stacks.template import Document


class Advice:
    """Findings, each told once, until it has gone and comes again.

    Strict: what is graver than a note stands in the way of a deployment.
    """

    def __init__(self, project: Project, *, as_json: bool, is_strict: bool) -> None:
        self._project = project
        self._as_json = as_json
        self._is_strict = is_strict
        self._document: Document | None = None  # to be looked at when there is time
        self._told: frozenset[tuple[str, str]] = frozenset()

    def consider(self, document: Document) -> None:
        """Take an expanded template to be looked at. Strict: raises TemplateError for findings."""
        self._document = document
        if self._is_strict:
            grave = [each for each in self._findings(document) if each.rule.level != "note"]
            if grave:
                raise TemplateError(map(_problem, grave))

    def tell(self) -> None:
        """Print what is new since the last time, after what it is about has been deployed."""
        if self._document is None:
            return
        findings = self._findings(self._document)
        self._document = None
        # A line moves with every edit above it: it says nothing new.
        new = [each for each in findings if (each.rule.id, each.name) not in self._told]
        self._told = frozenset((each.rule.id, each.name) for each in findings)
        if self._as_json and new:
            told = {"Kind": "findings", "Findings": [finding_json(each) for each in new]}
            print_json(told, indented=False)
        elif new:
            tell_briefly(new)

    def _findings(self, document: Document) -> Sequence[Finding]:
        project = self._project
        graph = template_picture(document, project.template, project.parameters, project.world)
        return find(graph)


def _problem(finding: Finding) -> Problem:
    """Return a finding as what `up` tells when it cannot deploy."""
    message = f"{finding.rule.level} {finding.rule.id}: {finding.reason} (cure: {finding.cure})"
    if finding.line is None:
        return Problem(message, file=place(finding))
    return Problem(message, ("Resources", finding.name), finding.line, finding.file)

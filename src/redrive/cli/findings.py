"""Findings as text for people, as JSON, and as SARIF for tools that annotate lines of code."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import redrive
from redrive.cli.screen import Part, say
from redrive.core.lessons.catalogue import RULES
from redrive.core.lessons.graph import Graph
from redrive.core.lessons.rule import LEVELS, Finding, Level, Rule, plural

STYLES: dict[Level, str] = {"error": "bold red", "warning": "yellow", "note": "cyan"}
SARIF_VERSION = "2.1.0"
SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def place(finding: Finding) -> str:
    """Return where a finding is: file and line, or the ARN of what is live."""
    if finding.file and finding.line is not None:
        return f"{finding.file}:{finding.line}"
    return finding.file or finding.arn or finding.name


def tell(findings: Sequence[Finding], graph: Graph) -> None:
    """Print findings for a person, the gravest first, and what was looked at."""
    for finding in findings:
        rule = finding.rule
        say(
            (place(finding), "bold"),
            "  ",
            (f"{rule.level} {rule.id}", STYLES[rule.level]),
            f"  {finding.name}: {rule.title}",
        )
        say(f"    {finding.reason}")
        say(("    cure: ", "green"), finding.cure)
    if findings:
        say("")
    say(*_summary(findings, graph))
    unread = unread_code(graph)
    if unread:
        say((f"The code of {', '.join(unread)} could not be looked at.", "dim"))


def tell_briefly(findings: Sequence[Finding]) -> None:
    """Print a line for each finding that is not a note, and how many notes there are."""
    for finding in findings:
        if finding.rule.level != "note":
            style = STYLES[finding.rule.level]
            head: list[Part] = [(f"{finding.rule.level} {finding.rule.id}", style), "  "]
            say(*head, f"{place(finding)}  {finding.name}: {finding.reason}")
    notes = sum(finding.rule.level == "note" for finding in findings)
    if findings:
        more = f", and {plural(notes, 'note')}" if notes else ""
        say((f"`redrive check` tells what to do about it{more}.", "dim"))


def _summary(findings: Sequence[Finding], graph: Graph) -> list[Part]:
    counts = count(findings)
    said = ", ".join(plural(counts[level], level) for level in LEVELS if counts[level])
    things = ", ".join(
        plural(len(each), word)
        for each, word in (
            (graph.queues, "queue"),
            (graph.functions, "function"),
            (graph.mappings, "mapping"),
        )
    )
    return [(said or "nothing found", "bold"), f" in {things}"]


def unread_code(graph: Graph) -> list[str]:
    """Return the functions that queues feed and whose sources could not be had."""
    fed = {mapping.function for mapping in graph.mappings}
    return [
        function.name
        for key, function in graph.functions.items()
        if key in fed
        and function.code is None
        and (function.runtime or "").startswith(("python", "nodejs"))
    ]


def count(findings: Iterable[Finding]) -> Counter[Level]:
    """Return how many findings there are of each level."""
    return Counter(finding.rule.level for finding in findings)


def as_json(findings: Sequence[Finding], graph: Graph) -> dict[str, Any]:
    """Return what `--json` prints."""
    counts = count(findings)
    return {
        "Findings": [finding_json(finding) for finding in findings],
        "Counts": {level: counts[level] for level in LEVELS},
        "UnreadCode": unread_code(graph),
    }


def finding_json(finding: Finding) -> dict[str, Any]:
    """Return one finding. File and Line are null for what is live, Arn for a template's."""
    return {
        "Rule": finding.rule.id,
        "Level": finding.rule.level,
        "Title": finding.rule.title,
        "Resource": finding.name,
        "File": finding.file or None,
        "Line": finding.line,
        "Arn": finding.arn or None,
        "Reason": finding.reason,
        "Cure": finding.cure,
        "Source": finding.rule.source,
    }


def as_sarif(findings: Sequence[Finding]) -> dict[str, Any]:
    """Return a SARIF log with all rules and these results.

    Paths are relative to the working directory, which code scanning takes for the repository's
    root. Members as required by SARIF 2.1.0 and by GitHub, "SARIF support for code scanning".
    """
    indices = {rule.id: index for index, rule in enumerate(RULES)}
    driver = {
        "name": "redrive check",
        "version": redrive.__version__,
        "semanticVersion": redrive.__version__,
        "rules": [_rule_sarif(rule) for rule in RULES],
    }
    results = [_result_sarif(finding, indices[finding.rule.id]) for finding in findings]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return {"$schema": SARIF_SCHEMA, "version": SARIF_VERSION, "runs": [run]}


def _rule_sarif(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "name": "".join(word.capitalize() for word in _words(rule.title)),
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.lesson},
        "helpUri": rule.source,
        "help": {
            "text": f"{rule.lesson}\n{rule.source}",
            "markdown": f"{rule.lesson}\n\n[AWS]({rule.source})",
        },
        "defaultConfiguration": {"level": rule.level},
        "properties": {"tags": ["sqs", "lambda"], "precision": "high"},
    }


def _words(title: str) -> list[str]:
    return "".join(letter if letter.isalnum() else " " for letter in title).split()


def _result_sarif(finding: Finding, index: int) -> dict[str, Any]:
    named = f"{finding.rule.id}\0{finding.name}\0{finding.file}"
    return {
        "ruleId": finding.rule.id,
        "ruleIndex": index,
        "level": finding.rule.level,
        "message": {"text": f"{finding.name}: {finding.reason}. Cure: {finding.cure}."},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": _artifact(finding.file),
                    "region": {"startLine": finding.line or 1},
                },
                "logicalLocations": [{"name": finding.name, "kind": "resource"}],
            }
        ],
        # Survives lines that are put in above: what, of which resource, in which file.
        "partialFingerprints": {
            "redriveFinding/v1": hashlib.sha256(named.encode()).hexdigest()[:32]
        },
    }


def _artifact(file: str) -> dict[str, str]:
    if Path(file).is_absolute():
        return {"uri": Path(file).as_uri()}
    return {"uri": quote(file), "uriBaseId": "%SRCROOT%"}

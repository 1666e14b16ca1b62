"""Each rule speaks where it must, names the line, and is silent where it must be."""

from __future__ import annotations

import re

import pytest
from tests.unit.core.lessons.bad_cases import BAD
from tests.unit.core.lessons.cases import PAIR, REPORTING, Case
from tests.unit.core.lessons.good_cases import GOOD
from tests.unit.core.lessons.handler_cases import BAD_HANDLERS, GOOD_HANDLERS

from redrive.core.lessons.catalogue import RULES, find
from redrive.core.lessons.graph import Code, Graph, Queue
from redrive.core.lessons.rule import Finding
from redrive.services.functions.rules import check_runtime
from redrive.services.stacks.model import World
from redrive.services.stacks.picture import picture
from redrive.services.stacks.template import load

WORLD = World.named("000000000000", "us-east-1", "shop")
ONLY_LIVE = {"RD026"}  # what a template does not say


def drawn(case: Case) -> Graph:
    code = dict.fromkeys(("Worker", "Other"), Code(case.code, "src")) if case.code else {}
    document = load(case.text)
    return picture(document, case.parameters, WORLD, file="template.yaml", code=code)


def marked(case: Case) -> set[tuple[str, int]]:
    """Return the file and line of each mark of the case's rule."""
    texts = {"template.yaml": case.text} | {f"src/{k}": v for k, v in case.code.items()}
    return {
        (name, number)
        for name, text in texts.items()
        for number, line in enumerate(text.splitlines(), 1)
        if re.search(rf"(#|//) {case.rule}\b", line)
    }


def found(case: Case) -> list[Finding]:
    return [each for each in find(drawn(case)) if each.rule.id == case.rule]


@pytest.mark.parametrize("case", [*BAD, *BAD_HANDLERS], ids=lambda c: f"{c.rule} {c.name}")
def test_what_is_found(case: Case) -> None:
    """A rule speaks of exactly the marked lines, with a reason and a cure."""
    told = found(case)
    assert marked(case)
    assert {(each.file, each.line) for each in told} == marked(case)
    for each in told:
        assert each.reason and each.cure
        assert not each.reason.endswith(".")


@pytest.mark.parametrize("case", [*GOOD, *GOOD_HANDLERS], ids=lambda c: f"{c.rule} {c.name}")
def test_what_is_not_found(case: Case) -> None:
    """A rule is silent where its lesson has been learned, or nothing is known."""
    assert found(case) == []


def test_each_rule_has_both_cases() -> None:
    """No rule is without a case that triggers it and one that does not."""
    ids = {rule.id for rule in RULES}
    assert len(ids) == len(RULES)
    assert {case.rule for case in (*BAD, *BAD_HANDLERS)} == ids - ONLY_LIVE
    assert {case.rule for case in (*GOOD, *GOOD_HANDLERS)} == ids - ONLY_LIVE


def test_the_good_template_is_clean() -> None:
    """Nothing at all is said of the template that the cases change."""
    assert find(drawn(Case("", "", template=PAIR, code={"app.py": REPORTING}))) == ()


def test_a_missing_dead_letter_queue_of_what_is_live() -> None:
    """RD026 speaks where the picture is whole, and not where the queue may be elsewhere."""
    jobs = Queue(name="jobs", arn="a", dlq="gone", given=frozenset({"RedrivePolicy"}))
    (told,) = find(Graph({"a": jobs}, is_whole=True))
    assert (told.rule.id, told.arn, told.file, told.line) == ("RD026", "a", "", None)
    assert find(Graph({"a": jobs})) == ()
    assert find(Graph({"a": jobs, "gone": Queue(name="gone")}, is_whole=True)) != (told,)


def test_the_arithmetic_of_throttles() -> None:
    """RD040 shows how many messages are worked off before the first healthy one is buried."""
    case = next(case for case in BAD if case.rule == "RD040")
    (told,) = found(case)
    assert "3 x 60 s = 180 s" in told.reason
    assert "1 x 180 / 10 s x batch 10 = 180" in told.reason


def test_exceptions_are_kept() -> None:
    """A rule is silenced for one resource, for the template, or for a run; others speak on."""
    case = next(case for case in BAD if case.rule == "RD020")
    quiet = "    Metadata: {Redrive: {Ignore: [RD020]}}\n"
    for_one = case.text.replace("  Jobs: # RD020\n", f"  Jobs:\n{quiet}")
    for_all = case.text + "Metadata: {Redrive: {Ignore: RD020}}\n"
    for_other = case.text.replace("  Worker:\n", f"  Worker:\n{quiet}")
    assert found(Case("RD020", "", template=for_one)) == []
    assert found(Case("RD020", "", template=for_all)) == []
    assert len(found(Case("RD020", "", template=for_other))) == 1
    assert find(drawn(case), ["RD020"]) == ()


def test_runtimes_are_judged_as_by_the_server() -> None:
    """A runtime that the server calls retired or unknown is one here as well."""
    for name in ("python3.7", "nodejs14.x", "go1.x", "python3.99", "PYTHON3.9"):
        with pytest.raises(Exception, match=r"no longer supported|enum value set"):
            check_runtime(name)
        case = Case("RD071", name, {"python3.13": name})
        assert len(found(case)) == 1

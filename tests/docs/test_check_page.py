"""docs/check.md says what `redrive check` does."""

from __future__ import annotations

import re

from click.testing import CliRunner
from tests.docs.check_page import GROUPS, PAGE, page

from redrive.cli.main import cli
from redrive.core.lessons.catalogue import RULES


def test_the_page_is_what_the_code_says() -> None:
    """A change of a rule, or of the example's findings, shows; `make docs` writes it anew."""
    assert PAGE.read_text("utf-8") == page()


def test_every_rule_is_on_the_page() -> None:
    """No rule is left out of the page, none is on it twice."""
    listed = [rule.id for _title, rules in GROUPS for rule in rules]
    assert sorted(listed) == sorted(rule.id for rule in RULES)
    assert re.findall(r"^\*\*(RD\d{3})\*\*", PAGE.read_text("utf-8"), re.M) == listed


def test_every_option_is_on_the_page() -> None:
    """Each option of the command is told."""
    said = CliRunner().invoke(cli, ["check", "--help"]).output
    text = PAGE.read_text("utf-8")
    for option in set(re.findall(r"--[a-z-]+", said)) - {"--help"}:
        assert option in text, option


def test_lessons_are_sentences() -> None:
    """A title is a sentence without its end, a lesson has one; the source is a page of its own."""
    for rule in RULES:
        assert rule.title[0].isupper()
        assert not rule.title.endswith(".")
        assert rule.lesson.endswith((".", ".”")), rule.id
        assert rule.source.startswith("https://docs."), rule.id

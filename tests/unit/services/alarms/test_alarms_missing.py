"""What figures mean: AWS's two tables of missing data, and what they leave open."""

from __future__ import annotations

import pytest

from redrive.services.alarms.rules import Figure, Question, judge, least_samples
from redrive.services.alarms.wording import double, reason

MINUTE_MS = 60_000
END_MS = 1_800_000_000_000
I, O, A, K = "INSUFFICIENT_DATA", "OK", "ALARM", None  # noqa: E741 - K keeps the state

TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")


def figures(text: str) -> list[Figure]:
    """Figures from a table's cell: 0 does not breach, X does, - is missing; the latest is last."""
    cells = text.split()
    return [
        Figure(END_MS - (len(cells) - n) * MINUTE_MS, 10.0 if cell == "X" else 0.0, 1)
        for n, cell in enumerate(cells)
        if cell != "-"
    ]


def decide(text: str, periods: int, datapoints: int, treatment: str) -> str | None:
    """The state that a row of the table leads to."""
    question = Question(periods, datapoints, "GreaterThanThreshold", 5.0, treatment, 0)
    verdict = judge(question, figures(text), MINUTE_MS, END_MS)
    return None if verdict is None else verdict.state


@pytest.mark.parametrize(
    ("text", "datapoints", "states"),
    [
        # AWS: "How alarm state is evaluated when data is missing", 3 of 3
        ("0 - X - X", 3, (O, O, O, O)),
        ("- - - - 0", 3, (O, O, O, O)),
        ("- - - - -", 3, (I, K, A, O)),
        ("0 X X - X", 3, (A, A, A, A)),
        ("- - X - -", 3, (A, K, A, O)),
        # the same, 2 of 3
        ("0 - X - X", 2, (A, A, A, A)),
        ("0 0 X 0 X", 2, (A, A, A, A)),
        ("0 - X - -", 2, (O, O, A, O)),
        ("- - - - 0", 2, (O, O, A, O)),
        ("- - - X -", 2, (A, K, A, O)),
        # "Avoiding premature transitions to alarm state"
        ("- - - - X", 3, (K, K, A, O)),
        ("- - - X -", 3, (K, K, A, O)),
        ("- - - X 0", 3, (O, O, O, O)),
        ("- - X X X", 3, (A, A, A, A)),
    ],
)
def test_the_tables_of_aws(text: str, datapoints: int, states: tuple[str | None, ...]) -> None:
    """Each treatment, row by row."""
    assert tuple(decide(text, 3, datapoints, kind) for kind in TREATMENTS) == states


@pytest.mark.parametrize(
    ("comparison", "states"),
    [
        ("GreaterThanThreshold", (O, O, A)),
        ("GreaterThanOrEqualToThreshold", (O, A, A)),
        ("LessThanThreshold", (A, O, O)),
        ("LessThanOrEqualToThreshold", (A, A, O)),
    ],
)
def test_comparisons(comparison: str, states: tuple[str, ...]) -> None:
    """Below, at and above the threshold."""
    found = []
    for value in (4.0, 5.0, 6.0):
        question = Question(1, 1, comparison, 5.0, "missing", 0)
        verdict = judge(question, [Figure(END_MS - MINUTE_MS, value, 1)], MINUTE_MS, END_MS)
        assert verdict is not None
        found.append(verdict.state)
    assert tuple(found) == states


def test_older_figures_are_not_looked_at() -> None:
    """Nothing before the range counts, and nothing after it."""
    assert decide("X X X - - - - -", 3, 3, "missing") == I
    question = Question(1, 1, "GreaterThanThreshold", 5.0, "missing", 0)
    late = judge(question, [Figure(END_MS, 10.0, 1)], MINUTE_MS, END_MS)
    assert late is not None
    assert late.state == I


def test_few_samples_of_a_percentile_change_nothing() -> None:
    """EvaluateLowSampleCountPercentile: ignore."""
    assert [least_samples(percent) for percent in (99, 90, 50, 10)] == [1_000, 100, 20, 100]
    question = Question(1, 1, "GreaterThanThreshold", 5.0, "missing", 20)
    for samples, state in ((19, None), (20, "ALARM")):
        verdict = judge(question, [Figure(END_MS - MINUTE_MS, 10.0, samples)], MINUTE_MS, END_MS)
        assert (None if verdict is None else verdict.state) == state


@pytest.mark.parametrize(
    ("text", "periods", "datapoints", "treatment", "said"),
    [
        (
            "X",
            1,
            1,
            "missing",
            "Threshold Crossed: 1 out of the last 1 datapoints [10.0 (15/01/27 07:59:00)] was"
            " greater than the threshold (5.0) (minimum 1 datapoint for OK -> ALARM transition).",
        ),
        (
            "X 0 0",
            3,
            2,
            "missing",
            "Threshold Crossed: 2 out of the last 3 datapoints [0.0 (15/01/27 07:59:00), 0.0"
            " (15/01/27 07:58:00)] were not greater than the threshold (5.0) (minimum 2 datapoints"
            " for ALARM -> OK transition).",
        ),
        ("-", 1, 1, "missing", "Insufficient Data: 1 datapoint was unknown."),
        ("- - -", 3, 3, "missing", "Insufficient Data: 3 datapoints were unknown."),
        (
            "-",
            1,
            1,
            "notBreaching",
            "Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint"
            " was treated as [NonBreaching].",
        ),
        (
            "- - -",
            3,
            3,
            "breaching",
            "Threshold Crossed: no datapoints were received for 3 periods and 3 missing datapoints"
            " were treated as [Breaching].",
        ),
        (
            "X X X X X X",
            6,
            6,
            "missing",
            "Threshold Crossed: 6 out of the last 6 datapoints were greater than the threshold"
            " (5.0). The most recent datapoints which crossed the threshold: ["
            + ", ".join(f"10.0 (15/01/27 07:{59 - n}:00)" for n in range(5))
            + "] (minimum 6 datapoints for OK -> ALARM transition).",
        ),
    ],
)
def test_reasons(text: str, periods: int, datapoints: int, treatment: str, said: str) -> None:
    """As AWS writes them."""
    question = Question(periods, datapoints, "GreaterThanThreshold", 5.0, treatment, 0)
    verdict = judge(question, figures(text), MINUTE_MS, END_MS)
    assert verdict is not None
    assert reason(question, verdict) == said


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (5, "5.0"),
        (0.0666851903306472, "0.0666851903306472"),
        (0.001, "0.001"),
        (0.0001, "1.0E-4"),
        (9_999_999, "9999999.0"),
        (10_000_000, "1.0E7"),
        (123_456_789.5, "1.234567895E8"),
        (-25e-6, "-2.5E-5"),
        (0, "0.0"),
    ],
)
def test_numbers_are_javas(value: float, text: str) -> None:
    """A double's shortest form."""
    assert double(value) == text

"""Metric math: the text of an expression becomes a tree. Pure.

    expression = or;  or = and {OR and};  and = compare {AND compare}
    compare = sum [(== != < <= > >=) sum];  sum = product {(+ -) product}
    product = power {(* /) power};  power = unary [^ power];  unary = [-] atom
    atom = number | text | id | function(argument, …) | [expression, …] | (expression)

|| is OR and && is AND. What is not supported is refused by name.
AWS: CloudWatch User Guide, "Metric math syntax and functions".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from redrive.core.errors import ServiceError

NESTING_MAX = 20
TOKENS_MAX = 400
"""Deeper and longer expressions are refused, so that none exhausts the stack."""

_TOKEN = re.compile(
    r"""(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
        |(?P<text>"[^"]*"|'[^']*')
        |(?P<word>[A-Za-z_]\w*)
        |(?P<sign>&&|\|\||[=!<>]=|[-+*/^<>(),\[\]]))""",
    re.VERBOSE | re.ASCII,
)
_COMPARISONS = frozenset(("==", "!=", "<", "<=", ">", ">="))


@dataclass(frozen=True, slots=True)
class Number:
    """A number."""

    value: float


@dataclass(frozen=True, slots=True)
class Text:
    """A quoted text: it chooses metrics in METRICS()."""

    value: str


@dataclass(frozen=True, slots=True)
class Name:
    """The id of another query, or a word that a function knows (REPEAT, LINEAR)."""

    name: str


@dataclass(frozen=True, slots=True)
class Apply:
    """An operator (+, AND, …), a function, [] for a list, or neg for a minus in front."""

    name: str
    arguments: tuple[Tree, ...]


Tree = Number | Text | Name | Apply


def refuse(expression: str, reason: str) -> ServiceError:
    """Return the error for an expression. AWS: the code is CloudWatch's; the text is a guess."""
    return ServiceError(
        "ValidationError", f"Error in expression '{expression[:500]}' [{reason}]", status=400
    )


def parse(expression: str) -> Tree:
    """Return the tree of an expression. Raises ServiceError (ValidationError)."""
    return _Parser(expression).whole()


def names_in(tree: Tree) -> Iterator[str]:
    """Yield the names that a tree holds, in their order."""
    if isinstance(tree, Name):
        yield tree.name
    elif isinstance(tree, Apply):
        for argument in tree.arguments:
            yield from names_in(argument)


class _Parser:
    def __init__(self, expression: str) -> None:
        self._expression = expression
        self._tokens = self._split(expression)
        self._at = 0
        self._depth = 0

    def _split(self, expression: str) -> list[tuple[str, str]]:
        tokens: list[tuple[str, str]] = []
        place = 0
        while place < len(expression):
            if expression[place].isspace():
                place += 1
                continue
            match = _TOKEN.match(expression, place)
            if match is None:
                raise refuse(expression, f"Unexpected character at position {place + 1}")
            assert match.lastgroup is not None
            tokens.append((match.lastgroup, match[match.lastgroup]))
            place = match.end()
        if len(tokens) > TOKENS_MAX:
            raise refuse(expression, f"The expression has more than {TOKENS_MAX} parts")
        return tokens

    def whole(self) -> Tree:
        """Return the tree of all tokens."""
        tree = self._or()
        if self._at < len(self._tokens):
            raise self._unexpected()
        return tree

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("end", "")

    def _take(self, *signs: str) -> str | None:
        kind, text = self._peek()
        word = {"&&": "AND", "||": "OR"}.get(text, text)
        if kind in ("sign", "word") and word in signs:
            self._at += 1
            return word
        return None

    def _expect(self, sign: str) -> None:
        if self._take(sign) is None:
            raise self._unexpected()

    def _unexpected(self) -> ServiceError:
        text = self._peek()[1]
        return refuse(
            self._expression, f"Unexpected '{text}'" if text else "The expression is not complete"
        )

    def _chain(self, below: Callable[[], Tree], *signs: str) -> Tree:
        tree = below()
        while (sign := self._take(*signs)) is not None:
            tree = Apply(sign, (tree, below()))
        return tree

    def _or(self) -> Tree:
        self._depth += 1
        if self._depth > NESTING_MAX:
            raise refuse(self._expression, "The expression is nested too deeply")
        tree = self._chain(self._and, "OR")
        self._depth -= 1
        return tree

    def _and(self) -> Tree:
        return self._chain(self._compare, "AND")

    def _compare(self) -> Tree:
        return self._chain(self._sum, *_COMPARISONS)

    def _sum(self) -> Tree:
        return self._chain(self._product, "+", "-")

    def _product(self) -> Tree:
        return self._chain(self._unary, "*", "/")

    def _unary(self) -> Tree:
        minuses = 0
        while self._take("-") is not None:
            minuses += 1
        tree = self._power()
        return Apply("neg", (tree,)) if minuses % 2 else tree

    def _power(self) -> Tree:
        tree = self._atom()
        if self._take("^") is None:
            return tree
        self._depth += 1
        if self._depth > NESTING_MAX:
            raise refuse(self._expression, "The expression is nested too deeply")
        tree = Apply("^", (tree, self._unary()))
        self._depth -= 1
        return tree

    def _atom(self) -> Tree:
        kind, text = self._peek()
        if kind == "number":
            self._at += 1
            return Number(float(text))
        if kind == "text":
            self._at += 1
            return Text(text[1:-1])
        if self._take("(") is not None:
            tree = self._or()
            self._expect(")")
            return tree
        if self._take("[") is not None:
            return Apply("[]", self._arguments("]"))
        if kind != "word":
            raise self._unexpected()
        self._at += 1
        if self._take("(") is not None:
            return Apply(text.upper(), self._arguments(")"))
        return Name(text)

    def _arguments(self, end: str) -> tuple[Tree, ...]:
        if self._take(end) is not None:
            return ()
        arguments = [self._or()]
        while self._take(",") is not None:
            arguments.append(self._or())
        self._expect(end)
        return tuple(arguments)

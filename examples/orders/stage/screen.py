"""What a person sees: sentences, a moving picture of the queue, a table at the end."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text


class Screen:
    """Writes to one console: standard output, or standard error when that is for JSON."""

    def __init__(self, to_stderr: bool) -> None:
        self.console = Console(stderr=to_stderr, highlight=False)
        self._live: Live | None = None

    def step(self, text: str) -> None:
        """Say what begins now."""
        self.console.print(f"[bold cyan]>[/] {text}")

    def show(self, total: int, counts: dict[str, int], note: str) -> None:
        """Draw the counts anew; on what is no terminal nothing moves."""
        if not self.console.is_terminal:
            return
        if self._live is None:
            self._live = Live(console=self.console, refresh_per_second=12, transient=True)
            self._live.start()
        grid = Table.grid(padding=(0, 2))
        for name, count in counts.items():
            grid.add_row(name, ProgressBar(total, count, width=44), f"[bold]{count:>6}[/]")
        self._live.update(Group(Panel(Group(grid, Text(note, "dim")), title="orders", width=74)))

    def still(self) -> None:
        """Stop moving."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def table(self, title: str, rows: Iterable[tuple[str, int | str, str]]) -> None:
        """Print rows of name, number, remark."""
        table = Table(title=title, title_justify="left", show_header=False)
        table.add_column(style="bold")
        table.add_column(justify="right")
        table.add_column(style="dim")
        for name, number, remark in rows:
            table.add_row(name, str(number), remark)
        self.console.print(table)

    def diff(self, text: str) -> None:
        """Print a change of code."""
        self.console.print(Syntax(text, "diff", background_color="default"))

    def failed(self, text: str) -> None:
        """Say why the demo cannot go on."""
        self.still()
        self.console.print(f"[bold red]x[/] {escape(text)}")

    def end(self, is_clean: bool, orders: int, seconds: float) -> None:
        """Print the last line."""
        if is_clean:
            text = f"[bold green]All {orders} orders are in the database, each exactly once.[/]"
        else:
            text = "[bold red]NOT every order is in the database exactly once.[/]"
        self.console.print(f"{text}  ({seconds} s)")

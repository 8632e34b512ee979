"""Text whose further lines stay where its words began, however narrow the terminal."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

NARROWEST = 20


@dataclass(frozen=True, slots=True)
class Hanging:
    """`text` after `mark`, wrapped; every further line begins below the text's first character. No blanks at ends."""

    mark: str | Text
    text: Text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield a line at a time."""
        mark = Text(self.mark) if isinstance(self.mark, str) else self.mark
        lines = self.text.wrap(console, max(NARROWEST, options.max_width - mark.cell_len))
        for number, line in enumerate(lines):
            line.rstrip()
            yield Text.assemble(mark if number == 0 else " " * mark.cell_len, line)

"""The pages of the help: one with the options that a person needs, one with the recipe's numbers."""

from typing import TYPE_CHECKING

from cyclopts.help import DefaultFormatter, HelpPanel

from wsseg.cli.options import RECIPE_PANEL

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions


class Help(DefaultFormatter):
    """A page without the panels of the recipe's numbers, or with these alone."""

    def __init__(self, *, numbers: bool) -> None:
        super().__init__()
        self._numbers = numbers

    def __call__(self, console: "Console", options: "ConsoleOptions", panel: HelpPanel) -> None:
        """Print a panel, if it is on this page."""
        if str(panel.title).startswith(RECIPE_PANEL) is self._numbers:
            super().__call__(console, options, panel)

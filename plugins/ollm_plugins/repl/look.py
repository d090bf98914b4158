"""How does each part of an answer look?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

if TYPE_CHECKING:
    from rich.style import Style
    from rich.text import Text

    from ollm.api import Output


class Theme(Struct, frozen=True):
    """Styles, in the words of rich.

    :param code: how rich calls the colours of code; empty for none
    """

    code: str
    heading: str = "bold"
    strong: str = "bold"
    emphasis: str = "italic"
    struck: str = "strike"
    span: str = "cyan"
    link: str = "underline"
    quote: str = "italic"
    mark: str = "dim"


THEMES: Final[Mapping[str, Theme]] = {
    "dark": Theme("ansi_dark", heading="bold bright_cyan"),
    "light": Theme("ansi_light", heading="bold blue", span="magenta"),
    "monokai": Theme("monokai", heading="bold #a6e22e", span="#e6db74", mark="#75715e"),
    "solarized-dark": Theme("solarized-dark", heading="bold #268bd2", span="#2aa198", mark="#586e75"),
    "solarized-light": Theme("solarized-light", heading="bold #268bd2", span="#2aa198", mark="#93a1a1"),
    "mono": Theme("", span="bold", mark=""),
}


class Look:
    """A theme on a terminal: turns styled text into what the terminal is sent.

    :param out: says whether there are colours, and which characters can be written
    :param name: of the theme
    """

    def __init__(self, out: Output, name: str) -> None:
        from rich.color import ColorSystem
        from rich.console import Console

        self.theme = THEMES[name]
        self._console = Console(file=out.stdout, force_terminal=True, no_color=False)
        systems = {"standard": ColorSystem.STANDARD, "256": ColorSystem.EIGHT_BIT, "truecolor": ColorSystem.TRUECOLOR}
        self._system = systems.get(self._console.color_system or "")
        self.unicode = (getattr(out.stdout, "encoding", None) or "utf-8").lower().startswith("utf")
        self._code: Any = None
        self._painted: dict[Any, Style] = {}

    def ansi(self, text: Text) -> str:
        """Return a text with the sequences for its styles in it; it must be made visible before."""
        segments = text.render(self._console)
        return "".join(
            part.style.render(part.text, color_system=self._system) if part.style else part.text for part in segments
        )

    def drawn(self, renderable: Any, width: int) -> str:
        """Return what rich makes of something in so many columns, line by line."""
        with self._console.capture() as captured:
            self._console.print(renderable, width=width, highlight=False)
        return "\n".join(line.rstrip() for line in captured.get().split("\n"))

    def token(self, kind: Any) -> Style | None:
        """Return the style of a token of code, as Pygments classifies it."""
        if not self.theme.code:
            return None
        if kind not in self._painted:
            self._painted[kind] = self._style(kind)
        return self._painted[kind]

    def _style(self, kind: Any) -> Style:
        """Take a theme's style without its background, which would end with the text."""
        from rich.style import Style
        from rich.syntax import Syntax

        self._code = self._code or Syntax.get_theme(self.theme.code)
        found: Style = self._code.get_style_for_token(kind)
        return Style(color=found.color, bold=found.bold, italic=found.italic, underline=found.underline, dim=found.dim)

"""What does the room `compare` hand in?"""

from __future__ import annotations

from ollm.api import (
    Command,
    CommandGroup,
    HostContext,
    ModelPreferences,
    Paths,
    Service,
    SettingsSection,
    Specs,
    hookimpl,
)

_HERE = "ollm_plugins.compare"
_COMPARE = (
    'compare "Why is the sky blue?" llama3.2:3b qwen3:4b',
    'compare "Write a haiku" llama3.2:3b local/smollm2:135m --blind',
    "compare --last llama3.2:3b qwen3:4b",
    'compare "Hi" llama3.2:3b qwen3:4b --repeat 5 --json',
)
_HISTORY = ("compare history", "compare history --limit 5 --json")
_CHOOSE = ("compare choose last 2", "compare choose 12 tie")
_STATS = ("compare stats", "compare stats --profile code --json")


class Plugin(Specs):
    """Compares the answers of several models, and keeps which one was preferred."""

    @hookimpl
    def ollm_settings_sections(self, paths: Paths) -> list[SettingsSection]:
        """Hand in `compare`."""
        return [SettingsSection("compare", f"{_HERE}.settings:CompareSettings")]

    @hookimpl
    def ollm_services(self, ctx: HostContext) -> list[Service]:
        """Offer what the user's choices say of models."""
        return [Service("comparisons", ModelPreferences, f"{_HERE}.preferences:create")]

    @hookimpl
    def ollm_commands(self, ctx: HostContext) -> list[Command | CommandGroup]:
        """Hand in the commands."""
        kept, stats = f"{_HERE}.commands_kept", f"{_HERE}.commands_stats"
        return [
            CommandGroup("compare", "Compare the answers of several models."),
            Command("compare", "Let several models answer one prompt.", f"{_HERE}.commands:compare", (), _COMPARE),
            Command("compare history", "List the comparisons that are kept.", f"{kept}:history", (), _HISTORY),
            Command("compare show", "Show a comparison.", f"{kept}:show", (), ("compare show last",)),
            Command("compare choose", "Say which answer is best.", f"{kept}:choose", (), _CHOOSE),
            Command("compare export", "Write a comparison to a file.", f"{kept}:export", (), _EXPORT),
            Command("compare delete", "Forget a comparison, after a question.", f"{kept}:delete", (), _DELETE),
            Command("compare stats", "Say which models win, and how fast they are.", f"{stats}:stats", (), _STATS),
        ]


_DELETE = ("compare delete 12", "compare delete last --yes")
_EXPORT = ("compare export last answers.md", "compare export 12 answers.html")

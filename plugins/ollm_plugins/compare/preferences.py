"""What do the user's choices say of models? The service `ModelPreferences`."""

from __future__ import annotations

from collections.abc import Sequence

from ollm.api import Comparison, HostContext, ModelPreferences, Notice, OllmError
from ollm_plugins.compare.store import Store


def create(ctx: HostContext) -> Preferences:
    """Make the service; nothing is read yet."""
    return Preferences(ctx)


class Preferences(ModelPreferences):
    """Reads the sums of judgements."""

    def __init__(self, host: HostContext) -> None:
        self._host = host
        self._store = Store(host)

    def comparisons(self, profile: str) -> Sequence[Comparison]:
        """List the sums of a profile, by model whichever provider it was with; ties favour nobody."""
        if not self._store.exists:
            return ()
        try:
            pairs = self._store.pairs(profile)
        except OllmError as error:
            self._host.notify(Notice("comparisons-unreadable", f"Your comparisons do not count now: {error}"))
            return ()
        sums: dict[tuple[str, str], list[int]] = {}
        for pair in pairs:
            a, b = (name.partition("/")[2] or name for name in (pair.a, pair.b))
            wins = sums.setdefault((a, b) if a <= b else (b, a), [0, 0])
            wins[0] += pair.wins_a if a <= b else pair.wins_b
            wins[1] += pair.wins_b if a <= b else pair.wins_a
        return [Comparison(profile, a, b, *wins) for (a, b), wins in sums.items() if a != b and any(wins)]

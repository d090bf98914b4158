"""How does the time to choose a model grow with the number of models, against sorting as many?

usage: python benchmarks/routing.py [RUNS]

Prints, for 10 to 10,000 candidates, the median time of a decision and its ratio to sorting as many pairs of a number
and a name; the same for making candidates of a list, which happens once a list; and what a prompt's classification
costs against finding a word in it.
"""

from __future__ import annotations

import random
import statistics
import sys
import time
from collections.abc import Callable

from ollm.api import App, ListedModel, ModelInfo, ModelKnowledge, Output
from ollm_plugins.limits.knowledge import Knowledge
from ollm_plugins.routing.candidates import listed
from ollm_plugins.routing.classify import classify
from ollm_plugins.routing.decide import decide
from ollm_plugins.routing.profiles import builtin
from ollm_plugins.routing.situation import Machine, Requirement, Situation

COUNTS = (10, 100, 1000, 5000, 10_000)
NAMES = ("llama3.1:8b", "qwen3:8b", "qwen2.5-coder:7b", "gemma3:4b", "mistral:7b", "qwen3:30b", "acme-model:latest")


def models(count: int) -> list[ListedModel]:
    """Return as many models as a server might list."""
    chance = random.Random(1)  # noqa: S311  (no secret)
    found = []
    for number in range(count):
        name = f"{chance.choice(NAMES)}-{number}"
        size = chance.randrange(10**9, 4 * 10**10)
        able = ("completion", "tools") if number % 3 else ("completion",)
        found.append(ListedModel("ollama", ModelInfo(name, size, f"{number}", family="llama", capabilities=able)))
    return found


def median(work: Callable[[], object], runs: int) -> float:
    """Return the median of the times that something takes, in milliseconds."""
    times = []
    for _ in range(runs):
        begun = time.perf_counter()
        work()
        times.append((time.perf_counter() - begun) * 1000)
    return statistics.median(times)


def main() -> None:
    """Print the table."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    knowledge = App(output=Output()).services.find(ModelKnowledge)
    assert isinstance(knowledge, Knowledge)
    print(f"{'candidates':>10} {'decide ms':>10} {'/ sort':>7} {'make ms':>8} {'/ sort':>7}")
    for count in COUNTS:
        some = models(count)
        candidates = tuple(listed(each, knowledge.look_up(each.info.name, "", each.info)) for each in some)
        situation = Situation(Machine(12, 32), candidates, "code", Requirement(), builtin())
        pairs = [(each.strength, each.key) for each in candidates]
        plain = median(lambda given=pairs: sorted(given), runs)  # type: ignore[misc]
        deciding = median(lambda given=situation: decide(given), runs)  # type: ignore[misc]
        making = median(
            lambda given=some: [listed(each, knowledge.look_up(each.info.name, "", each.info)) for each in given],  # type: ignore[misc]
            max(3, runs // 5),
        )
        print(f"{count:>10} {deciding:>10.2f} {deciding / plain:>7.1f} {making:>8.1f} {making / plain:>7.1f}")
    prompt = "Please explain what a monad is, with all that one needs to know. " * 200
    print(
        f"classify a prompt of {len(prompt)} characters: {median(lambda: classify(prompt), 100):.3f} ms, "
        f"{median(lambda: classify(prompt), 100) / median(lambda: prompt.find('zzz'), 100):.0f} times a search"
    )


if __name__ == "__main__":
    main()

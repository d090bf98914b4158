"""Which language is a repository, or a piece of an answer, written in?"""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path

SUFFIXES = {
    ".py": "python",
    ".rs": "rust",
    ".go": "go",
    ".ts": "typescript",
    ".tsx": "typescript",
    ".js": "javascript",
    ".java": "java",
    ".kt": "kotlin",
    ".rb": "ruby",
    ".c": "c",
    ".cpp": "c++",
    ".cs": "c#",
    ".sh": "bash",
    ".sql": "sql",
}
NAMES = {"py": "python", "rs": "rust", "golang": "go", "ts": "typescript", "js": "javascript", "cpp": "c++"}
SKIPPED = frozenset({"node_modules", "target", "dist", "build", "venv", "vendor"})
MOST = 2000
"""Files that are looked at."""

_BLOCK = re.compile(r"^```([\w+#-]+)\s*$", re.MULTILINE)


def of_answer(text: str) -> set[str]:
    """Return the languages of an answer's code blocks."""
    found = {name.lower() for name in _BLOCK.findall(text)}
    return {NAMES.get(name, name) for name in found} & set(SUFFIXES.values())


def of_folder(folder: Path) -> str | None:
    """Return the language of most source files of the repository around a folder; None if there are none."""
    root = next((each for each in (folder, *folder.parents) if (each / ".git").exists()), folder)
    counts: Counter[str] = Counter()
    seen = 0
    for _, folders, files in os.walk(root):
        folders[:] = [each for each in folders if not each.startswith(".") and each not in SKIPPED]
        counts.update(SUFFIXES[suffix] for name in files if (suffix := Path(name).suffix) in SUFFIXES)
        seen += len(files)
        if seen > MOST:
            break
    return counts.most_common(1)[0][0] if counts else None

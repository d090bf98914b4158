"""To which project does a folder belong, so that its facts hold there and nowhere else?"""

from __future__ import annotations

import os
from pathlib import Path


def project_of(folder: Path) -> str:
    """Return the real path of the repository that a folder is in, else that of the folder itself.

    Bytes in it that are no UTF-8 stand as escapes, since JSON has only text.
    """
    real = Path(os.path.realpath(folder))
    root = next((each for each in (real, *real.parents) if os.path.lexists(each / ".git")), real)
    return os.fsencode(root).decode("utf-8", "backslashreplace")

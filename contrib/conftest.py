"""How are the example distributions found without installing them?"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[:0] = [str(source) for source in Path(__file__).parent.glob("*/src")]

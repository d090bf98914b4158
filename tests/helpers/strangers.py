"""How does a test get a plugin of a stranger's? As an installed distribution looks: a dist-info and a module."""

from __future__ import annotations

from pathlib import Path


def install(
    folder: Path, name: str, source: str, *, target: str = "Plugin", version: str = "1.0", distribution: str = ""
) -> str:
    """Put a plugin into a folder that is (or will be) on the path, and return its module's name.

    :param source: of the module
    :param target: the attribute that the entry point names
    """
    distribution = distribution or f"ollm-{name}"
    module = f"stranger_{distribution}_{name}".replace("-", "_")
    info = folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (folder / f"{module}.py").write_text(source)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text(f"[ollm]\n{name} = {module}:{target}\n")
    return module

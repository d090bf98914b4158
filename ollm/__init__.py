"""The ollm kernel: doors for plugins, and nothing else. See docs/architecture.md."""

__version__ = "0.1.0"

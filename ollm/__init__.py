"""The ollm kernel: doors for plugins, and nothing else. See docs/architecture.md."""

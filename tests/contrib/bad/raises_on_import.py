"""Its module raises when it is imported."""

raise RuntimeError("the import\nof this plugin fails")

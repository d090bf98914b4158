"""Its module ends the program when it is imported, and says that all went well."""

import sys

sys.exit(0)

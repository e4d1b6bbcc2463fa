"""What the tests see of the terminal they are started from: nothing."""

import os

os.environ["TERM"] = "xterm-256color"  # without it, or with "dumb", rich draws no progress
for name in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TTY_INTERACTIVE", "TTY_COMPATIBLE"):
    os.environ.pop(name, None)

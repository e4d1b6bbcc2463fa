"""What the tests see of the terminal they are started from: nothing; and how long one may take:
whatever it takes, for a busy host is no fault."""

import os

from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

os.environ["TERM"] = "xterm-256color"  # without it, or with "dumb", rich draws no progress
for name in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TTY_INTERACTIVE", "TTY_COMPATIBLE"):
    os.environ.pop(name, None)

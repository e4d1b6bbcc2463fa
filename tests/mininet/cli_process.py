"""`forwardlab` as the words of a process, whether or not its folder is on the PATH."""

import sys

COMMAND = (sys.executable, "-m", "lab.cli")

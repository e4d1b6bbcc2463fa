"""Worlds: a plan brought to life, on a real kernel (mininet) or in virtual time (simulated)."""

import os

_SBIN = ("/usr/local/sbin", "/usr/sbin", "/sbin")

# Debian keeps `tc` and `ifconfig` where only root's PATH looks; in their own namespaces ordinary
# users run them as well.
_path = os.environ.get("PATH", os.defpath).split(os.pathsep)
os.environ["PATH"] = os.pathsep.join([*_path, *(each for each in _SBIN if each not in _path)])

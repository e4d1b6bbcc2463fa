"""What this host can do, and the remedy for each thing it cannot."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from lab.subjects.subject import SEATS
from lab.worlds.timetravel_kernel import REMEDY, timetravel_obstacles

_MODULE_ROOT = Path("/lib/modules") / platform.release()
_PACKAGES = ("dnslib", "matplotlib", "mininet", "networkx", "pydantic", "scapy", "typer")


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One thing looked at."""

    subject: str
    fine: bool
    found: str
    remedy: str = ""
    """What to do; empty when all is well."""
    needed: bool = False
    """Whether Mininet worlds cannot run without it."""


def mininet_obstacles(*, nat: bool = True) -> tuple[str, ...]:
    """Why Mininet worlds cannot run here, each with its remedy; empty when they can. `nat=False`:
    worlds without a NAT translator."""
    if sys.platform != "linux":
        return (f"Mininet needs Linux and this is {sys.platform}; use `vagrant up`",)
    from lab.worlds.obstacles import probe

    return probe(nat=nat)


@cache
def examine() -> tuple[Diagnosis, ...]:
    """Examine the host: tools, kernel features, versions. Takes well under a second."""
    return (*_system(), *_tools(), _worlds(), _time_travel(), *_kernel(), *_servers(), *_packages())


def host_facts() -> dict[str, Any]:
    """The findings as they stand in a run's record."""
    return {
        "kernel": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
        "python": platform.python_version(),
        "cores": os.cpu_count() or 1,
        "versions": {name: _version(name) for name in _PACKAGES},
        "findings": [asdict(diagnosis) for diagnosis in examine()],
    }


def _system() -> Iterable[Diagnosis]:
    linux = sys.platform == "linux"
    yield Diagnosis(
        "operating system",
        linux,
        f"{platform.system()} {platform.release()}, {os.cpu_count()} cores",
        "" if linux else "Mininet worlds need Linux: `vagrant up` gives a Debian 12 machine",
        needed=True,
    )
    rooted = hasattr(os, "geteuid") and os.geteuid() == 0
    yield Diagnosis("user", True, "root" if rooted else "not root: worlds use user namespaces")


def _tools() -> Iterable[Diagnosis]:
    for tool, package, needed in (
        ("mnexec", "mininet", True),
        ("ip", "iproute2", True),
        ("brctl", "bridge-utils", False),
        ("ethtool", "ethtool", False),
        ("nft", "nftables", False),
    ):
        found = shutil.which(tool, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
        remedy = "" if found else f"apt-get install --no-install-recommends {package}"
        yield Diagnosis(tool, found is not None, found or "not installed", remedy, needed=needed)


def _worlds() -> Diagnosis:
    obstacles = mininet_obstacles()
    return Diagnosis(
        "Mininet worlds",
        not obstacles,
        "can run" if not obstacles else "; ".join(obstacles),
        "" if not obstacles else "see above; `--world simulated` runs everywhere",
        needed=True,
    )


def _time_travel() -> Diagnosis:
    obstacles = timetravel_obstacles()
    return Diagnosis(
        "time travel",
        not obstacles,
        "; ".join(obstacles) or "its kernel is built: --world timetravel can run",
        f"{REMEDY}, where long waits are to take seconds" if obstacles else "",
    )


def _kernel() -> Iterable[Diagnosis]:
    if sys.platform != "linux":
        return
    netem = _has_netem()
    yield Diagnosis(
        "netem",
        True,
        "in the kernel" if netem else "not in this kernel: a process of ours makes links bad",
    )
    yield _apparmor()


def _apparmor() -> Diagnosis:
    """Debian's profiles of named and unbound let them read their packages' files and no others, so
    not a world's."""
    from lab.worlds.daemons import apparmor_is_active, is_confined

    if not apparmor_is_active():
        return Diagnosis("AppArmor", True, "not active")
    confined = [path.name for path in map(Path, _CONFINED) if is_confined(path)]
    if not confined:
        return Diagnosis("AppArmor", True, "active, and confines none of the servers")
    told = f"active, and confines {', '.join(confined)}: worlds run copies, which it lets be"
    return Diagnosis("AppArmor", True, told)


_CONFINED = ("/usr/sbin/named", "/usr/sbin/unbound", "/usr/sbin/nsd", "/usr/sbin/dnsmasq")


def _servers() -> Iterable[Diagnosis]:
    """Who could take a seat."""
    from lab.subjects.roster import SUBJECTS

    for subject in SUBJECTS.values():
        version = subject.version()
        seats = ", ".join(seat for seat in SEATS if seat in subject.seats)
        remedy = "" if version else "make servers"
        found = f"{version or 'not installed'}; for the seats {seats}"
        yield Diagnosis(subject.title, version is not None, found, remedy)


def _has_netem() -> bool:
    """Whether the kernel has netem, built in or as a module; asks no kernel to load anything."""
    if Path("/sys/module/sch_netem").exists():
        return True
    for index in ("modules.builtin", "modules.dep"):
        try:
            listing = (_MODULE_ROOT / index).read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        if "/sch_netem.ko" in listing:
            return True
    return False


def _packages() -> Iterable[Diagnosis]:
    yield Diagnosis("Python", sys.version_info >= (3, 11), platform.python_version())
    for name in _PACKAGES:
        found = _version(name)
        missing = found == "not installed"
        yield Diagnosis(name, not missing, found, f"pip install {name}" if missing else "")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def forwardlab_version() -> str:
    """Our own version, with the commit where the code is a checkout."""
    own = _version("forwardlab")
    try:
        commit = subprocess.run(
            ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD"],
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return own
    return f"{own}+{commit}"

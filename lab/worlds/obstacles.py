"""Why this host cannot run Mininet worlds: tried, not guessed, and each reason with its remedy."""

from __future__ import annotations

import errno
import os
import shutil
import struct
import subprocess
import sys
from fcntl import ioctl

from lab.worlds.isolation import IsolationFailed, run_isolated

_TOOLS = {
    "ip": "iproute2",
    "tc": "iproute2",
    "mnexec": "mininet",
    "ifconfig": "net-tools",
    "nsenter": "util-linux",
}
"""Programs a Mininet world runs, and the Debian packages that have them."""

_TUN = "/dev/net/tun"

# linux/if_tun.h
_TUNSETIFF = 0x400454CA
_IFF_TUN = 0x0001
_IFF_NO_PI = 0x1000


def probe(*, nat: bool = True) -> tuple[str, ...]:
    """Why Mininet worlds cannot run here, each reason with its remedy; empty when they can.

    `nat=False`: worlds without a NAT translator, which do without TUN devices.
    """
    if sys.platform != "linux":
        remedy = "use --world simulated, or the Vagrant machine"
        return (f"Mininet needs Linux namespaces and this is {sys.platform}: {remedy}",)
    missing = [
        f"{tool} is missing: apt-get install --no-install-recommends {package}"
        for tool, package in _TOOLS.items()
        if shutil.which(tool) is None
    ]
    if shutil.which("ip") is None:
        return tuple(missing)
    try:
        return (*missing, *run_isolated(lambda: _try_devices(nat=nat), timeout_s=10))
    except (IsolationFailed, TimeoutError) as failure:
        return (*missing, f"no namespaces of our own: {failure}")


def _try_devices(*, nat: bool) -> tuple[str, ...]:
    reasons = []
    for command, module in (
        ("link add probe0 type bridge", "bridge"),
        ("link add probe1 type veth peer name probe2", "veth"),
    ):
        made = subprocess.run(["ip", *command.split()], capture_output=True, text=True, check=False)
        if made.returncode != 0:
            reasons.append(
                f"no {module} devices ({made.stderr.strip()}): modprobe {module} as root"
            )
    if nat and (reason := tun_obstacle()) is not None:
        reasons.append(reason)
    return tuple(reasons)


def tun_obstacle() -> str | None:
    """Why this process cannot make TUN devices in the network namespace it is in, with the remedy;
    None when it can."""
    try:
        tun = os.open(_TUN, os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        remedy = "modprobe tun" if error.errno == errno.ENOENT else f"chmod 0666 {_TUN}"
        return f"{_TUN}: {error.strerror}, the NAT translator needs it: {remedy} as root"
    try:
        ioctl(tun, _TUNSETIFF, struct.pack("16sH22x", b"probe%d", _IFF_TUN | _IFF_NO_PI))
    except OSError as error:
        return f"no TUN devices ({error.strerror}): modprobe tun as root"
    finally:
        os.close(tun)
    return None

"""Other people's servers, started where a test stands: in its own network namespace."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import dns.exception
import dns.message
import dns.query

_READY_WITHIN_S = 20.0


@dataclass(frozen=True, slots=True)
class NotInstalled(Exception):
    """A peer is missing; the message names the package."""

    package: str

    def __str__(self) -> str:
        return f"needs the Debian package {self.package} (`tools/setup.sh test` installs it)"


def require(program: str, package: str) -> str:
    """The program's path, or NotInstalled."""
    found = shutil.which(program, path="/usr/sbin:/usr/bin:/sbin:/bin")
    if found is None:
        raise NotInstalled(package)
    return found


def add_address(address: str) -> None:
    """Give the loopback interface an address."""
    length = 128 if ":" in address else 32
    command = ["ip", "address", "add", f"{address}/{length}", "dev", "lo"]
    if ":" in address:
        command.append("nodad")
    subprocess.run(command, check=True)


def wait_until_answers(address: str, name: str) -> None:
    """Ask again and again until the server answers at all."""
    question = dns.message.make_query(name, "SOA")
    deadline = time.monotonic() + _READY_WITHIN_S
    while True:
        try:
            dns.query.udp(question, address, timeout=0.2)
        except (dns.exception.Timeout, OSError):
            if time.monotonic() > deadline:
                raise
        else:
            return


def start_process(arguments: Iterable[str], folder: Path) -> subprocess.Popen[bytes]:
    """Start a server in the foreground; what it says goes into its folder."""
    with (folder / "output").open("wb") as output:
        return subprocess.Popen([*arguments], stdout=output, stderr=output, cwd=folder)


def start_nsd(
    folder: Path, addresses: Iterable[str], zones: Mapping[str, str], *options: str
) -> None:
    """Start NSD on these addresses with these zones, by their names: master files."""
    folder.mkdir(parents=True)
    listen = "".join(f"  ip-address: {address}\n" for address in addresses)
    more = "".join(f"  {option}\n" for option in options)
    text = f"""server:
{listen}{more}  server-count: 1
  username: ""
  chroot: ""
  zonesdir: "{folder}"
  database: ""
  pidfile: ""
  zonelistfile: "{folder}/zone.list"
  xfrdfile: "{folder}/xfrd.state"
  xfrdir: "{folder}"
  rrl-ratelimit: 0
remote-control:
  control-enable: no
"""
    for zone, records in zones.items():
        file = folder / f"{zone.strip('.') or 'root'}.zone"
        file.write_text(records)
        text += f'zone:\n  name: "{zone}"\n  zonefile: "{file.name}"\n'
    config = folder / "nsd.conf"
    config.write_text(text)
    start_process([require("nsd", "nsd"), "-d", "-c", str(config)], folder)

"""The resolvers that are asked over the real Internet of `real_internet`: ours, and Unbound."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from real_internet import OURS, PEER, ROOT_ADDRESS
from servers import require, start_process, wait_until_answers

from resolver.config import ResolverConfig, RootHint, Selection
from resolver.config_file import render_config
from resolver.machine import Endpoint

RECURSING = ResolverConfig(
    listen=(Endpoint(OURS, 53),),
    selection=Selection.ALL,
    recursion_for=("0.0.0.0/0", "::/0"),
    recursion=True,
    root_hints=(RootHint("ns", (ROOT_ADDRESS,)),),
)


def start_ours(folder: Path, config: ResolverConfig = RECURSING, **changes: object) -> None:
    """Start our resolver as people do, and return when it is ready."""
    folder.mkdir(parents=True)
    file = folder / "resolver.toml"
    file.write_text(render_config(replace(config, **changes)))
    with (folder / "journal").open("wb") as journal:
        process = subprocess.Popen(
            [sys.executable, "-m", "resolver", "--config", str(file)],
            stdout=subprocess.PIPE,
            stderr=journal,
        )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n", (folder / "journal").read_text()


def start_unbound(folder: Path) -> None:
    """Start Unbound with what our resolver has: the same root, no validation, whole answers."""
    folder.mkdir(parents=True)
    # A distribution may confine the packaged path to the packaged configuration (AppArmor).
    program = shutil.copy(require("unbound", "unbound"), folder / "unbound")
    hints = folder / "root.hints"
    hints.write_text(f". 3600 IN NS ns.\nns. 3600 IN A {ROOT_ADDRESS}\n")
    config = folder / "unbound.conf"
    config.write_text(f"""server:
  interface: {PEER}
  access-control: 0.0.0.0/0 allow_snoop
  do-daemonize: no
  username: ""
  chroot: ""
  directory: "{folder}"
  pidfile: ""
  use-syslog: no
  root-hints: "{hints}"
  module-config: "iterator"
  outgoing-interface: {PEER}
  outgoing-interface: ::1
  do-not-query-localhost: no
  qname-minimisation: yes
  rrset-roundrobin: no
  num-threads: 1
  cache-max-negative-ttl: 900
  # What it answers by itself, without asking anybody (RFC 6303), and our resolver does not.
  local-zone: "2.0.192.in-addr.arpa." nodefault
remote-control:
  control-enable: no
""")
    start_process([program, "-d", "-c", str(config)], folder)
    wait_until_answers(PEER, ".")

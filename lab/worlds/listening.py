"""Where whoever sits in a program's seat listens, the same in every world."""

from __future__ import annotations

from resolver.config import ProgramConfig
from resolver.machine import Framing, Machine
from resolver.programs import Listening, listens


def listening(machine: Machine, config: ProgramConfig) -> tuple[Listening, ...]:
    """The endpoints that the plan gave the program; a machine with a `stream_framing` of its own
    (a scripted server that writes octet by octet) gets its streams so."""
    framing: Framing | None = getattr(machine, "stream_framing", None)
    if framing is None:
        return listens(config)
    return tuple((endpoint, transports, framing) for endpoint, transports, _ in listens(config))

"""Where whoever sits in a program's seat listens, the same in every world."""

from __future__ import annotations

from resolver.config import ProgramConfig
from resolver.machine import Framing, Machine, Transport
from resolver.programs import Listening, listens


def listening(machine: Machine, config: ProgramConfig) -> tuple[Listening, ...]:
    """The endpoints that the plan gave the program.

    A scripted server may say otherwise: with a `stream_framing` of its own (it writes octet by
    octet), or that it `refuses_tcp`.
    """
    framing: Framing | None = getattr(machine, "stream_framing", None)
    refused = {Transport.TCP} if getattr(machine, "refuses_tcp", False) else set()
    return tuple(
        (endpoint, transports - refused, framing or planned)
        for endpoint, transports, planned in listens(config)
    )

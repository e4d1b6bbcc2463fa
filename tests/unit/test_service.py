"""The service that says which server it is."""

from __future__ import annotations

from resolver.config import ServiceConfig
from resolver.machine import (
    Close,
    Endpoint,
    MessageArrived,
    Note,
    Send,
    StreamClosed,
    StreamOpened,
    Transport,
)
from resolver.service import CallerServed, Service

HERE, CALLER = Endpoint("10.10.10.100", 5900), Endpoint("192.168.1.10", 40_000)
CONFIG = ServiceConfig(listen=(HERE,), name="TightGate-Pro 1")


def test_a_caller_is_told_the_name_and_the_line_is_closed():
    assert Service(CONFIG).handle(StreamOpened("s", CALLER, HERE), 5) == (
        Send("s", b"TightGate-Pro 1\n"),
        Close("s"),
        Note(CallerServed(CALLER)),
    )


def test_nothing_else_happens():
    service = Service(CONFIG)
    assert service.ready()
    assert service.deadline() is None
    assert service.expire(10**18) == ()
    assert service.handle(StreamClosed("s"), 6) == ()
    assert service.handle(MessageArrived("s", b"hello", Transport.TCP, CALLER, HERE), 6) == ()

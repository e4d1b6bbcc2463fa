from lab.judge.checks import Delivered, KeptOut, RefreshMeasured
from lab.scenario.model import (
    Elapse,
    Emit,
    Expectation,
    Misconfigure,
    Scenario,
    SetNatOtherwise,
    Silence,
)

EXT1 = "203.0.113.51"
QUIET = (Silence(node="client1"), Silence(node="ext1"), Silence(node="ext2"))
LONG = ("long waits",)


def udp(*faults: SetNatOtherwise) -> Scenario:
    return Scenario(
        title=f"{'Broken on purpose: a' if faults else 'A'} UDP mapping lives for two idle minutes",
        story="""A machine sends one datagram and hears nothing for two minutes. An answer that
comes then must still find its way; of a DNS question, at least as long as resolvers wait.""",
        topology="napt",
        needs=LONG,
        steps=(
            *(Misconfigure(fault=fault) for fault in faults),
            *QUIET,
            Emit(packet="hello", node="client1", to=EXT1),
            Emit(packet="question", node="client1", to=EXT1, port=53, source_port=40_001),
            Elapse(seconds=9),
            Emit(packet="late reply", node="ext1", answers="question"),
            Elapse(seconds=110),
            Emit(packet="late answer", node="ext1", answers="hello"),
        ),
        expectations=(
            Expectation(
                text="After 119 s an answer still comes in",
                rules=("NAT-08",),
                check=Delivered(packets=("late answer",), node="client1"),
            ),
            *(
                ()
                if faults
                else (
                    Expectation(
                        text="After 9 s a DNS reply still comes in",
                        rules=("NAT-08",),
                        check=Delivered(packets=("late reply",), node="client1"),
                    ),
                )
            ),
        ),
        violates=("NAT-08",) if faults else (),
    )


REFRESH = Scenario(
    title="What keeps a UDP mapping alive: packets outwards, never what is kept out",
    story="""Three mappings are 300 s from their end. One is used from inside, one gets a packet
that the filter refuses, one gets an ordinary answer. The first must live on, the second must end
when it would have: else anybody could hold it open from outside. Of the third it is written
down.""",
    topology="napt",
    needs=LONG,
    steps=(
        *QUIET,
        Emit(packet="used", node="client1", to=EXT1, source_port=40_000),
        Emit(packet="knocked at", node="client1", to=EXT1, source_port=40_001),
        Emit(packet="answered", node="client1", to=EXT1, source_port=40_002),
        Elapse(seconds=200),
        Emit(packet="used again", node="client1", to=EXT1, source_port=40_000),
        Emit(packet="knock", node="ext2", answers="knocked at"),
        Emit(packet="answer", node="ext1", answers="answered"),
        Elapse(seconds=110),
        Emit(packet="after the knock", node="ext1", answers="knocked at"),
        Emit(packet="after the answer", node="ext1", answers="answered"),
        Elapse(seconds=170),
        Emit(packet="after the use", node="ext1", answers="used"),
    ),
    expectations=(
        Expectation(
            text="A packet outwards gives the mapping its whole time again",
            rules=("NAT-09",),
            check=Delivered(packets=("after the use",), node="client1"),
        ),
        Expectation(
            text="What the filter refuses keeps nothing alive",
            rules=("NAT-09",),
            check=KeptOut(packets=("knock", "after the knock")),
        ),
        Expectation(
            text="Whether packets inwards keep it alive",
            rules=("NAT-09",),
            check=RefreshMeasured(inward="answer", late="after the answer", node="client1"),
        ),
    ),
)


def tcp(*faults: SetNatOtherwise) -> Scenario:
    def segment(packet: str, flags: str, port: int) -> Emit:
        return Emit(
            packet=packet, node="client1", to=EXT1, protocol="tcp", flags=flags, source_port=port
        )

    def answer(packet: str, node: str, answers: str, flags: str) -> Emit:
        return Emit(packet=packet, node=node, answers=answers, protocol="tcp", flags=flags)

    def opened(name: str, port: int) -> tuple[Emit, ...]:
        return (
            segment(f"{name} syn", "S", port),
            answer(f"{name} syn ack", "ext1", f"{name} syn", "SA"),
            answer(f"{name} ack", "client1", f"{name} syn ack", "A"),
        )

    return Scenario(
        title=f"{'Broken on purpose: o' if faults else 'O'}pen connections may be idle for hours",
        story="""A connection is open and idle for 2 h 4 min, just longer than keep-alives begin by
default. Another one is only half open, and of a third both ends have said goodbye, for four
minutes. All three must still get through: what is repeated must find its way.""",
        topology="napt",
        needs=LONG,
        steps=(
            *(Misconfigure(fault=fault) for fault in faults),
            *QUIET,
            *opened("idle", 40_000),
            *opened("closing", 40_001),
            answer("closing fin", "client1", "closing syn ack", "FA"),
            answer("closing fin back", "ext1", "closing fin", "FA"),
            segment("half open syn", "S", 40_002),
            Elapse(seconds=238),
            answer("half open syn ack", "ext1", "half open syn", "SA"),
            answer("closing fin again", "ext1", "closing fin", "FA"),
            Elapse(seconds=7_200),
            answer("idle data", "ext1", "idle ack", "PA"),
        ),
        expectations=(
            Expectation(
                text="After four minutes the half-open connection can be accepted",
                rules=("NAT-10",),
                check=Delivered(packets=("half open syn ack",), node="client1"),
            ),
            Expectation(
                text="After four minutes the goodbye of a closing connection can be repeated",
                rules=("NAT-10",),
                check=Delivered(packets=("closing fin again",), node="client1"),
            ),
            Expectation(
                text="After 2 h 4 min the open connection still carries data",
                rules=("NAT-10",),
                check=Delivered(packets=("idle data",), node="client1"),
            ),
        ),
        violates=("NAT-10",) if faults else (),
    )


SCENARIOS = {
    "udp": udp(),
    "udp_too_short": udp(SetNatOtherwise(udp_timeout_s=30.0)),
    "refreshing": REFRESH,
    "tcp": tcp(),
    "tcp_too_short": tcp(SetNatOtherwise(tcp_established_s=3600.0, tcp_transitory_s=60.0)),
}

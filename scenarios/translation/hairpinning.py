from lab.judge.checks import Delivered, ErrorAbout, Reached, Translated
from lab.scenario.model import (
    Complain,
    Connect,
    Emit,
    Expectation,
    Misconfigure,
    Scenario,
    SetNatOtherwise,
    Silence,
)

EXT1 = "203.0.113.51"


def shared(*faults: SetNatOtherwise) -> Scenario:
    return Scenario(
        title=f"{'Broken on purpose: t' if faults else 'T'}wo machines reach each other by their "
        "outside ports",
        story="""Two machines behind the same translator have learnt each other's outside endpoints
from somebody outside, and know nothing of being neighbours. What one sends to the other's outside
endpoint must arrive, and show the sender's own outside endpoint.""",
        topology="napt",
        steps=(
            *(Misconfigure(fault=fault) for fault in faults),
            Silence(node="client1"),
            Silence(node="client2"),
            Silence(node="ext1"),
            Emit(packet="hello of 1", node="client1", to=EXT1),
            Emit(packet="hello of 2", node="client2", to=EXT1),
            # Each has sent to the other's outside address, so that a filter lets the other in.
            Emit(packet="knock", node="client1", answers="hello of 2", source_port=40_000),
            Emit(packet="greeting", node="client2", answers="hello of 1", source_port=40_000),
            Emit(packet="reply", node="client1", answers="greeting", source_port=40_000),
        ),
        expectations=(
            Expectation(
                text="The greeting arrives, from an outside endpoint",
                rules=("NAT-12",),
                check=Delivered(packets=("greeting",), node="client1", shared_source=True),
            ),
            Expectation(
                text="So does the reply",
                rules=("NAT-12",),
                check=Delivered(packets=("reply",), node="client2", shared_source=True),
            ),
        ),
        violates=("NAT-12",) if faults else (),
    )


SCENARIOS = {
    "by_alias": Scenario(
        title="A server reaches another one by its alias",
        story="""A server dials another server by the address that viewers know. The packet turns
round at the translator; the server that is called must see its neighbour's alias, or it would
answer past the translator, and the caller would not know the answer for his.""",
        topology="cluster-nat",
        steps=(
            Connect(to="192.168.1.102"),
            Connect(node="server1", to="192.168.1.102"),
            Silence(node="server1"),
            Silence(node="server3"),
            Emit(packet="hello", node="server1", to="192.168.1.102"),
            Emit(packet="answer", node="server3", answers="hello"),
            Complain(packet="complaint", node="server3", about="hello"),
        ),
        expectations=(
            Expectation(
                text="The connection reaches the server that the alias is for",
                rules=("NAT-12",),
                check=Reached(node="server1", servers=("server3",)),
            ),
            Expectation(
                text="The server that is called sees the caller's alias",
                rules=("NAT-12",),
                check=Delivered(packets=("hello",), node="server3", source="192.168.1.100"),
            ),
            Expectation(
                text="The answer comes from the alias that was called",
                rules=("NAT-12",),
                check=Delivered(packets=("answer",), node="server1", source="192.168.1.102"),
            ),
            Expectation(
                text="An error comes from that alias too, and quotes what the caller sent",
                rules=("ICM-02",),
                check=ErrorAbout(packet="hello", node="server1", source="192.168.1.102"),
            ),
            Expectation(
                text="Every packet is translated rightly, both addresses",
                rules=("NAT-12", "NAT-13", "NAT-14"),
                check=Translated(protocols=("tcp",)),
            ),
        ),
    ),
    "alias_from_inside": Scenario(
        title="A client inside reaches the server beside it by its alias",
        story="""The name server outside tells everybody the server's alias, the clients beside the
server too.""",
        topology="napt",
        steps=(Connect(node="client1", to="203.0.113.101"),),
        expectations=(
            Expectation(
                text="The connection reaches the server that the alias is for",
                rules=("NAT-12",),
                check=Reached(node="client1", servers=("server1",)),
            ),
        ),
    ),
    "shared_address": shared(),
    "switched_off": shared(SetNatOtherwise(hairpinning=False)),
}

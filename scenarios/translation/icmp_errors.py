from lab.judge.checks import (
    Delivered,
    ErrorAbout,
    KeptOut,
    NoRealAddressOnClientSide,
)
from lab.scenario.model import Ask, Complain, Connect, Elapse, Emit, Expectation, Scenario, Silence

EXT1 = "203.0.113.51"
STATIC = (Silence(node="viewer"), Silence(node="server1"), Silence(node="server2"))
SHARED = (Silence(node="client1"), Silence(node="ext1"), Silence(node="stranger"))
NO_REAL_ADDRESS = Expectation(
    text="No real address appears on the viewers' side, not even inside an error",
    rules=("CLU-11", "NAT-02"),
    check=NoRealAddressOnClientSide(),
)


def wrong_static() -> Scenario:
    return Scenario(
        title="Damaged and invented ICMP errors do not pass (static table)",
        story="""A server sends three errors about a viewer's packet: one whose checksum is wrong,
one about a packet that nobody sent, and one that quotes a damaged packet rightly. Only the last one
says something that its receiver can use.""",
        topology="cluster-nat",
        steps=(
            Ask(),
            Connect(to="192.168.1.100"),
            *STATIC,
            Emit(packet="hello", to="192.168.1.100"),
            Complain(packet="damaged", node="server1", about="hello", fault="checksum"),
            Complain(packet="invented", node="server1", about="hello", fault="another address"),
            Complain(
                packet="useful", node="server1", about="hello", fault="quoted transport checksum"
            ),
        ),
        expectations=(
            Expectation(
                text="An error with a wrong checksum is dropped",
                rules=("ICM-05",),
                check=KeptOut(packets=("damaged",)),
            ),
            Expectation(
                text="An error about what was never translated is dropped",
                rules=("ICM-03",),
                check=KeptOut(packets=("invented",)),
            ),
            Expectation(
                text="A wrong checksum in what is quoted is no reason to drop",
                rules=("ICM-05",),
                check=Delivered(packets=("useful",), node="viewer"),
            ),
            Expectation(
                text="It comes from the alias and quotes the packet as the viewer sent it",
                rules=("ICM-02",),
                check=ErrorAbout(packet="hello", node="viewer", source="192.168.1.100"),
            ),
            NO_REAL_ADDRESS,
        ),
    )


def wrong_shared() -> Scenario:
    return Scenario(
        title="Damaged and invented ICMP errors do not pass (shared address)",
        story="""Errors come from outside about packets of a machine that shares an address:
damaged, about a mapping that there is not, and a good one. What they quote shows the outside port;
its receiver must read the inside one.""",
        topology="napt",
        steps=(
            *SHARED,
            Emit(packet="hello", node="client1", to=EXT1),
            Complain(packet="damaged", node="ext1", about="hello", fault="checksum"),
            Complain(packet="invented", node="ext1", about="hello", fault="another port"),
            Complain(
                packet="useful", node="ext1", about="hello", fault="quoted transport checksum"
            ),
        ),
        expectations=(
            Expectation(
                text="An error with a wrong checksum is dropped",
                rules=("ICM-05",),
                check=KeptOut(packets=("damaged",)),
            ),
            Expectation(
                text="An error about a mapping that there is not is dropped",
                rules=("ICM-03",),
                check=KeptOut(packets=("invented",)),
            ),
            Expectation(
                text="A wrong checksum in what is quoted is no reason to drop",
                rules=("ICM-05",),
                check=Delivered(packets=("useful",), node="client1"),
            ),
            Expectation(
                text="It quotes the packet as the client sent it, inside port and all",
                rules=("ICM-02",),
                check=ErrorAbout(packet="hello", node="client1", source=EXT1),
            ),
        ),
    )


def state_lives_on() -> Scenario:
    errors = {"host": 1, "port": 3, "prohibited": 13}
    abouts = ("hello", "syn", "echo")
    return Scenario(
        title="ICMP errors end no mapping",
        story="""Errors of all kinds come back about a datagram, a SYN and an echo request. They may
be forged by anybody who knows of the conversation, or be about one packet only: the mapping must
stay, and the answer that comes after all must get through.""",
        topology="napt",
        steps=(
            *SHARED,
            Emit(packet="hello", node="client1", to=EXT1),
            Emit(packet="syn", node="client1", to=EXT1, protocol="tcp"),
            Emit(packet="echo", node="client1", to=EXT1, protocol="echo"),
            *(
                Complain(packet=f"{word} {about}", node="ext1", about=about, code=code)
                for about in abouts
                for word, code in errors.items()
            ),
            Emit(packet="answer", node="ext1", answers="hello"),
            Emit(packet="syn ack", node="ext1", answers="syn", protocol="tcp", flags="SA"),
            Emit(packet="echo reply", node="ext1", answers="echo", protocol="echo"),
        ),
        expectations=(
            Expectation(
                text="Each error comes in",
                rules=("ICM-02",),
                check=Delivered(
                    packets=tuple(f"{word} {about}" for about in abouts for word in errors),
                    node="client1",
                ),
            ),
            Expectation(
                text="Behind them the answers come in, over UDP and TCP, and to an echo",
                rules=("ICM-04",),
                check=Delivered(packets=("answer", "syn ack", "echo reply"), node="client1"),
            ),
        ),
    )


def state_ends_all_the_same() -> Scenario:
    return Scenario(
        title="ICMP errors keep no mapping alive",
        story="""Whoever can send errors about a conversation must not be able to hold its mapping
open with them.""",
        topology="napt",
        needs=("long waits",),
        steps=(
            *SHARED,
            Emit(packet="hello", node="client1", to=EXT1),
            Emit(packet="echo", node="client1", to="203.0.113.66", protocol="echo"),
            Elapse(seconds=40),
            Complain(packet="about the echo", node="stranger", about="echo"),
            Elapse(seconds=30),
            Emit(packet="echo too late", node="stranger", answers="echo", protocol="echo"),
            Elapse(seconds=130),
            Complain(packet="error", node="ext1", about="hello"),
            Elapse(seconds=110),
            Emit(packet="too late", node="ext1", answers="hello"),
        ),
        expectations=(
            Expectation(
                text="The error comes in while the mapping lives",
                rules=("ICM-02",),
                check=Delivered(packets=("about the echo", "error"), node="client1"),
            ),
            Expectation(
                text="The mapping ends as if there had been none, of UDP and of an echo",
                rules=("ICM-04",),
                check=KeptOut(packets=("echo too late", "too late")),
            ),
        ),
    )


def query_lives() -> Scenario:
    return Scenario(
        title="An echo's mapping lives for a minute",
        story="""A machine that shares an address sends an echo request; the reply takes almost a
minute.""",
        topology="napt",
        needs=("long waits",),
        steps=(
            *SHARED,
            Emit(packet="hello", node="client1", to="203.0.113.66", protocol="echo"),
            Elapse(seconds=59),
            Emit(packet="late reply", node="stranger", answers="hello", protocol="echo"),
        ),
        expectations=(
            Expectation(
                text="After 59 s the reply still comes in",
                rules=("ICM-01",),
                check=Delivered(packets=("late reply",), node="client1"),
            ),
        ),
    )


def traceroute_static() -> Scenario:
    return Scenario(
        title="Traceroute through the translator shows addresses of the right side only (aliases)",
        story="""A viewer and a server look for the way to each other, one hop more with each
packet. The translator itself answers the first, each side from its address there; a router behind
it is played by another server, which complains about a packet that was not for it.""",
        topology="cluster-nat",
        steps=(
            Ask(),
            Connect(to="192.168.1.100"),
            *STATIC,
            Emit(packet="one hop", to="192.168.1.100", ttl=1),
            Emit(packet="two hops", to="192.168.1.100", ttl=2),
            Emit(packet="one hop back", node="server1", answers="two hops", ttl=1),
            Complain(packet="expired", node="server2", about="two hops", type=11, code=0),
        ),
        expectations=(
            Expectation(
                text="The viewer's first hop is the translator, by no real address",
                rules=("ICM-06",),
                check=ErrorAbout(packet="one hop", node="viewer", type=11, code=0),
            ),
            Expectation(
                text="With one hop more the packet arrives",
                rules=("ICM-06", "NAT-14"),
                check=Delivered(packets=("two hops",), node="server1"),
            ),
            Expectation(
                text="The server's first hop is the translator",
                rules=("ICM-06",),
                check=ErrorAbout(packet="one hop back", node="server1", type=11, code=0),
            ),
            Expectation(
                text="What a router among the servers says comes to the viewer by no real address",
                rules=("ICM-06",),
                check=ErrorAbout(packet="two hops", node="viewer", type=11, code=0),
            ),
            NO_REAL_ADDRESS,
        ),
    )


def traceroute_shared() -> Scenario:
    return Scenario(
        title="Traceroute through the translator shows addresses of the right side only (shared)",
        story="""A client inside traces its way out. The translator answers for the first hop; a
router outside, played by a stranger, for the next.""",
        topology="napt",
        steps=(
            *SHARED,
            Emit(packet="one hop", node="client1", to=EXT1, ttl=1),
            Emit(packet="two hops", node="client1", to=EXT1, ttl=2),
            Complain(packet="expired", node="stranger", about="two hops", type=11, code=0),
        ),
        expectations=(
            Expectation(
                text="The first hop is the translator, by its inside address",
                rules=("ICM-06",),
                check=ErrorAbout(
                    packet="one hop", node="client1", type=11, code=0, source="10.20.0.1"
                ),
            ),
            Expectation(
                text="The next hop is the router outside, by its own address",
                rules=("ICM-06",),
                check=ErrorAbout(
                    packet="two hops", node="client1", type=11, code=0, source="203.0.113.66"
                ),
            ),
        ),
    )


SCENARIOS = {
    "damaged_static": wrong_static(),
    "damaged_shared_address": wrong_shared(),
    "state_lives_on": state_lives_on(),
    "state_is_not_refreshed": state_ends_all_the_same(),
    "query_lives": query_lives(),
    "traceroute_static": traceroute_static(),
    "traceroute_shared_address": traceroute_shared(),
}

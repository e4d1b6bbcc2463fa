from lab.judge.checks import Delivered, MappedAlike, MappedApart, Translated
from lab.scenario.model import Emit, Expectation, Misconfigure, Scenario, SetNatOtherwise, Silence

EXT1, EXT2 = "203.0.113.51", "203.0.113.52"
QUIET = (
    Silence(node="client1"),
    Silence(node="client2"),
    Silence(node="ext1"),
    Silence(node="ext2"),
)
TO_THREE = (("to one", EXT1, 9), ("to its other port", EXT1, 10), ("to another", EXT2, 9))
NAMES = tuple(name for name, _, _ in TO_THREE)
KEPT = SetNatOtherwise(ports="preserve")
ALIKE = Expectation(
    text="One outside endpoint, whomever it sends to",
    rules=("NAT-05",),
    check=MappedAlike(packets=NAMES),
)


def from_one_endpoint(protocol: str) -> tuple[Emit, ...]:
    return tuple(
        Emit(packet=name, node="client1", to=to, port=port, protocol=protocol)
        for name, to, port in TO_THREE
    )


def rightly(sent: str) -> Expectation:
    protocol = "icmp" if sent == "echo" else sent
    return Expectation(
        text="Every packet is translated rightly, and what comes back goes to whom it is for",
        rules=("NAT-13", "NAT-14"),
        check=Translated(protocols=(protocol,)),
    )


APART = MappedApart(packets=("of client 1", "of client 2"))


def one_for_all(protocol: str, *faults: SetNatOtherwise) -> Scenario:
    kept = ", ports kept" if faults else ""
    return Scenario(
        title=f"A machine has one outside port for all its partners ({protocol}{kept})",
        story="""From one port a machine sends to two ports of one server and to another server.
All three must see it under the same outside endpoint: then what it learns from one of them about
itself holds for all.""",
        topology="napt",
        steps=(
            *(Misconfigure(fault=fault) for fault in faults),
            *QUIET,
            *from_one_endpoint(protocol),
            Emit(packet="back", node="ext2", answers="to another", protocol=protocol, flags="SA"),
        ),
        expectations=(ALIKE, rightly(protocol)),
    )


def two_clients(protocol: str, *faults: SetNatOtherwise) -> Scenario:
    kept = ", ports kept" if faults else ""
    return Scenario(
        title=f"Two clients with one source port have two outside ports ({protocol}{kept})",
        story="""Two machines behind the translator happen to use the same source port, and talk to
the same server. If both left under one outside port, the answers of one would go to the other.""",
        topology="napt",
        steps=(
            *(Misconfigure(fault=fault) for fault in faults),
            *QUIET,
            Emit(
                packet="of client 1", node="client1", to=EXT1, protocol=protocol, source_port=5000
            ),
            Emit(
                packet="of client 2", node="client2", to=EXT1, protocol=protocol, source_port=5000
            ),
            Emit(
                packet="back to 1",
                node="ext1",
                answers="of client 1",
                protocol=protocol,
                flags="SA",
            ),
            Emit(
                packet="back to 2",
                node="ext1",
                answers="of client 2",
                protocol=protocol,
                flags="SA",
            ),
        ),
        expectations=(
            Expectation(
                text="Each has an outside endpoint of its own", rules=("NAT-06",), check=APART
            ),
            *(
                Expectation(
                    text=f"The answer for client {each} comes to client {each}",
                    rules=("NAT-06",),
                    check=Delivered(packets=(f"back to {each}",), node=f"client{each}"),
                )
                for each in (1, 2)
            ),
            rightly(protocol),
        ),
    )


def broken(mapping: str) -> Scenario:
    return Scenario(
        title=f"Broken on purpose: {mapping} mapping",
        story="""The translator gives a machine another outside port for each partner. Whoever
learns the first one from somebody else cannot reach it: RFC 4787 demands one for all.""",
        topology="napt",
        steps=(
            Misconfigure(fault=SetNatOtherwise(mapping=mapping)),
            *QUIET,
            *from_one_endpoint("udp"),
        ),
        expectations=(ALIKE,),
        violates=("NAT-05",),
    )


SCENARIOS = {
    "udp": one_for_all("udp"),
    "tcp": one_for_all("tcp"),
    "udp_ports_kept": one_for_all("udp", KEPT),
    "tcp_ports_kept": one_for_all("tcp", KEPT),
    "two_clients_udp": two_clients("udp"),
    "two_clients_tcp": two_clients("tcp"),
    "two_clients_echo": two_clients("echo"),
    "two_clients_ports_kept": two_clients("udp", KEPT),
    "address_dependent": broken("address-dependent"),
    "address_and_port_dependent": broken("address-and-port-dependent"),
}

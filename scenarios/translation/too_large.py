from lab.judge.checks import ErrorAbout, TooLargeTold
from lab.scenario.model import Emit, Expectation, Impair, Impairment, Scenario, Silence

NARROW = Impairment(mtu=600)


def scenario(
    topology: str, *, sender: str, receiver: str, narrow: str, first: Emit, large: Emit
) -> Scenario:
    """`first` opens the way, `large` does not fit it."""
    return Scenario(
        title=f"Who sends too much is told how much gets through ({topology}, {sender})",
        story="""Behind the translator a link takes 600 octets. A packet of 1,000 that must not be
cut does not fit. Its sender has to learn the size, from a packet that quotes what it sent by its
own addresses; otherwise the large ones just vanish.""",
        topology=topology,
        steps=(
            Silence(node=sender),
            Silence(node=receiver),
            first,
            Impair(node="translator", network=narrow, impairment=NARROW),
            large,
        ),
        expectations=(
            Expectation(
                text="The sender is told the link's MTU",
                rules=("NAT-16",),
                check=TooLargeTold(router="translator", node=sender, mtu=600),
            ),
            Expectation(
                text="The error quotes the packet as it was sent, by its own side's addresses",
                rules=("NAT-16", "ICM-02"),
                check=ErrorAbout(packet="large", node=sender, type=3, code=4),
            ),
        ),
    )


def large(node: str, **where: str) -> Emit:
    return Emit(packet="large", node=node, octets=1000, dont_fragment=True, **where)


SCENARIOS = {
    "to_a_server": scenario(
        "cluster-nat",
        sender="viewer",
        receiver="server2",
        narrow="cluster",
        first=Emit(packet="hello", to="192.168.1.101"),
        large=large("viewer", to="192.168.1.101"),
    ),
    "to_a_viewer": scenario(
        "cluster-nat",
        sender="server2",
        receiver="viewer",
        narrow="lan",
        first=Emit(packet="hello", to="192.168.1.101"),
        large=large("server2", answers="hello"),
    ),
    "out_of_a_shared_address": scenario(
        "napt",
        sender="client1",
        receiver="ext1",
        narrow="outside",
        first=Emit(packet="hello", node="client1", to="203.0.113.51"),
        large=large("client1", to="203.0.113.51"),
    ),
    "into_a_shared_address": scenario(
        "napt",
        sender="ext1",
        receiver="client1",
        narrow="inside",
        first=Emit(packet="hello", node="client1", to="203.0.113.51"),
        large=large("ext1", answers="hello"),
    ),
}

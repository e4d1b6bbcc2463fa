from lab.judge.checks import (
    Answered,
    AskedOnly,
    ConnectedToAnswer,
    NoRealAddressOnClientSide,
    NothingSent,
    Reached,
    RelayedUnchanged,
    StepsInOrder,
    Translated,
)
from lab.scenario.model import Ask, Connect, Expectation, Scenario

ALIASES = ("192.168.1.100", "192.168.1.101", "192.168.1.102")


def eight_steps(title: str, story: str, topology: str, masters: tuple[str, ...]) -> Scenario:
    return Scenario(
        title=title,
        story=story,
        topology=topology,
        steps=(Ask(), Connect()),
        expectations=(
            Expectation(
                text="The eight steps of the FAQ's figure, in this order",
                rules=("CLU-08", "CLU-10", "CLU-12", "NAT-01"),
                check=StepsInOrder(
                    steps=(
                        "viewer>dns query",
                        "dns>translator query",
                        "translator>server1|server2 query",
                        "server1|server2>translator reply",
                        "translator>dns reply",
                        "dns>viewer reply",
                        "viewer>translator connect",
                        "translator>server1|server2|server3 connect",
                    )
                ),
            ),
            Expectation(
                text="The DNS server asks only the master address it was given",
                rules=("CLU-08",),
                check=AskedOnly(asker="dns", servers=masters),
            ),
            Expectation(
                text="The DNS server never sends a packet to a real address",
                rules=("CLU-09",),
                check=NothingSent(node="dns", to=("10.10.10.0/24",)),
            ),
            Expectation(
                text="The translator asks the load balancers at their real addresses",
                rules=("CLU-10",),
                check=AskedOnly(asker="translator", servers=("10.10.10.100", "10.10.10.101")),
            ),
            Expectation(
                text="The load balancers answer with alias addresses already",
                rules=("CLU-11", "CLU-14"),
                check=Answered(asker="translator", addresses=ALIASES, authoritative=True),
            ),
            Expectation(
                text="The translator relays the answer unchanged",
                rules=("CLU-12",),
                check=RelayedUnchanged(),
            ),
            Expectation(
                text="No real address appears on the viewers' side",
                rules=("CLU-11", "NAT-02"),
                check=NoRealAddressOnClientSide(),
            ),
            Expectation(
                text="The viewer gets one alias address",
                rules=("CLU-04",),
                check=Answered(count=1, among=ALIASES),
            ),
            Expectation(
                text="The viewer dials the alias it was given",
                rules=("CLU-04",),
                check=ConnectedToAnswer(),
            ),
            Expectation(
                text="Behind the alias the right server answers",
                rules=("NAT-01",),
                check=Reached(),
            ),
            Expectation(
                text="Addresses, ports, checksums and TTL are right on both sides of the NAT",
                rules=("NAT-01", "NAT-02", "NAT-13", "NAT-14"),
                check=Translated(protocols=("tcp",)),
            ),
        ),
    )


SCENARIOS = {
    "translator_address": eight_steps(
        title="Cluster behind NAT: the eight steps, DNS pointed at the translator",
        story="""Between the viewers' network and the cluster stands a NAT, so the local DNS server
cannot reach the load balancers. It forwards the zone to the translator's own address (2); the DNS
translator asks a load balancer at its real address (3), which answers with LAN addresses already
(4). They go back unchanged (5, 6). The viewer dials a LAN address (7) and the NAT maps it to the
real one (8).""",
        topology="cluster-nat",
        masters=("192.168.1.1",),
    ),
    "alias_addresses": eight_steps(
        title="Cluster behind NAT: the eight steps, DNS pointed at the load balancers' aliases",
        story="""The other reading of the FAQ: the local DNS server is given the LAN addresses of
the load balancers, as if they stood in its own network. The translator ends port 53 of these
aliases itself, asks the load balancers at their real addresses and replies from the alias.""",
        topology="cluster-nat-aliases",
        masters=("192.168.1.100", "192.168.1.101"),
    ),
}

from lab.judge.checks import Answered, AskedInOrder, NothingSent, Reached
from lab.scenario.model import Ask, Connect, Expectation, Scenario

SCENARIO = Scenario(
    title="Two sites and a gap in the numbers: every viewer gets its own site's servers",
    story="""Server 4 was taken away; server 5 keeps its place, base + 4. A second site has its own
sub-cluster without NAT, and its DNS server asks over IPv6. Each viewer must be given the servers of
its own site, by the addresses by which it can reach them.""",
    topology="cluster-large",
    steps=(
        Ask(),
        Connect(to="192.168.1.104"),
        Ask(node="viewer2"),
        Connect(node="viewer2"),
        Ask(node="viewer2", qtype="AAAA"),
        Connect(node="viewer2"),
    ),
    expectations=(
        Expectation(
            text="Site 1: the alias goes by the server's number, not by its position",
            rules=("CLU-14", "CLU-18"),
            check=Answered(
                asker="dns",
                addresses=("192.168.1.100", "192.168.1.101", "192.168.1.102", "192.168.1.104"),
            ),
        ),
        Expectation(
            text="Behind base + 4 stands server 5",
            rules=("CLU-18", "NAT-01"),
            check=Reached(servers=("server5",)),
        ),
        Expectation(
            text="Site 2: its viewer gets an address of its own site",
            rules=("CLU-19",),
            check=Answered(asker="viewer2", among=("10.20.0.7", "10.20.0.8")),
        ),
        Expectation(
            text="Site 2: over IPv6 too",
            rules=("CLU-19",),
            check=Answered(asker="viewer2", qtype="AAAA", among=("fd00:20::7", "fd00:20::8")),
        ),
        Expectation(
            text="Site 2: its DNS server asks its own load balancer, over IPv6",
            rules=("CLU-01", "CLU-19"),
            check=AskedInOrder(asker="dns2", servers=("fd00:20::7",), which="all"),
        ),
        Expectation(
            text="Site 2: its viewer reaches a server of its own site",
            rules=("CLU-19",),
            check=Reached(node="viewer2"),
        ),
        Expectation(
            text="No viewer of site 2 is sent to site 1",
            rules=("CLU-19",),
            check=NothingSent(node="viewer2", to=("192.168.1.0/24", "10.10.10.0/24")),
        ),
    ),
)

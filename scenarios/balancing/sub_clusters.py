from lab.judge.checks import (
    AliasFollowsNumber,
    Answered,
    AskedInOrder,
    NothingSent,
    OwnSubClusters,
    Reached,
    Translated,
)
from lab.scenario.model import Ask, Connect, Elapse, Expectation, Halt, Scenario

SITE1 = ("192.168.1.100", "192.168.1.101", "192.168.1.102", "192.168.1.104")
SITE2 = ("192.168.2.60", "192.168.2.61", "192.168.2.63")

SCENARIOS = {
    "own_site": Scenario(
        title="Two sub-clusters behind NAT: each viewer network gets its own site's aliases",
        story="""One cluster, one name, two sites with a base address each. Numbers run on over both
sites, 4 and 13 are missing. A viewer of one site that is given an alias of the other one, or of a
number that there is not, dials nobody.""",
        topology="sub-clusters",
        steps=(
            Ask(node="viewer1"),
            Ask(node="viewer2"),
            *(Connect(node="viewer1", to=address) for address in SITE1),
            *(Connect(node="viewer2", to=address) for address in SITE2),
        ),
        expectations=(
            Expectation(
                text="Each network is told the aliases of its own sub-cluster alone",
                rules=("CLU-19",),
                check=OwnSubClusters(networks=("lan1", "lan2")),
            ),
            Expectation(
                text="Site 1 is told its four servers, number 5 at base + 4",
                rules=("CLU-03", "CLU-18"),
                check=Answered(asker="dns1", addresses=SITE1),
            ),
            Expectation(
                text="Site 2 is told its three servers, number 11 at base + 10",
                rules=("CLU-03", "CLU-18"),
                check=Answered(asker="dns2", addresses=SITE2),
            ),
            Expectation(
                text="Aliases go by the servers' numbers, whatever is missing between them",
                rules=("CLU-14", "CLU-18"),
                check=AliasFollowsNumber(),
            ),
            Expectation(
                text="Viewer 1 reaches the servers of site 1",
                rules=("NAT-01", "CLU-19"),
                check=Reached(node="viewer1", servers=("server1", "server2", "server3", "server5")),
            ),
            Expectation(
                text="Viewer 2 reaches the servers of site 2",
                rules=("NAT-01", "CLU-19"),
                check=Reached(node="viewer2", servers=("server11", "server12", "server14")),
            ),
            Expectation(
                text="Both translators translate rightly",
                rules=("NAT-02", "NAT-13", "NAT-14"),
                check=Translated(protocols=("tcp",)),
            ),
            Expectation(
                text="Nothing goes from site 2 to site 1",
                rules=("CLU-19",),
                check=NothingSent(node="viewer2", to=("192.168.1.0/24", "10.10.10.0/24")),
            ),
        ),
    ),
    "third_load_balancer": Scenario(
        title="With two of three load balancers gone the third one answers",
        story="""Site 1 has three load balancers. Two of them end; the translator tries them in the
order of its list, and the third answers for the whole site.""",
        topology="sub-clusters",
        steps=(
            Ask(node="viewer1"),
            Halt(node="server1", program="balancer"),
            Halt(node="server2", program="balancer"),
            Elapse(seconds=3),
            Ask(node="viewer1"),
        ),
        expectations=(
            Expectation(
                text="The translator asks all three, in the order of the list",
                rules=("CLU-10", "CLU-19"),
                check=AskedInOrder(
                    asker="nat1",
                    servers=("10.10.10.100", "10.10.10.101", "10.10.10.102"),
                    which="last",
                ),
            ),
            Expectation(
                text="The viewer is given one of the site's aliases all the same",
                rules=("CLU-02", "CLU-19"),
                check=Answered(asker="viewer1", count=1, among=SITE1, within_s=1.0),
            ),
        ),
    ),
}

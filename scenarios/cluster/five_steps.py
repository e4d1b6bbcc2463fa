from lab.judge.checks import (
    Answered,
    AskedInOrder,
    AskedOnly,
    ConnectedToAnswer,
    Reached,
    StepsInOrder,
    TtlAtMost,
)
from lab.scenario.model import Ask, Connect, Expectation, Scenario

SCENARIO = Scenario(
    title="Cluster without NAT: the five steps",
    story="""The viewer asks the local DNS server for the cluster's name (1). The DNS server
forwards the question to a load balancer (2), which answers with the servers that are available now
(3). The DNS server selects one of them and gives it to the viewer (4), which
connects to it (5).""",
    topology="cluster",
    steps=(Ask(), Connect()),
    expectations=(
        Expectation(
            text="The five steps of the FAQ's figure, in this order",
            rules=("CLU-01", "CLU-04"),
            check=StepsInOrder(
                steps=(
                    "viewer>dns query",
                    "dns>server1|server2 query",
                    "server1|server2>dns reply",
                    "dns>viewer reply",
                    "viewer>server1|server2|server3 connect",
                )
            ),
        ),
        Expectation(
            text="The question is forwarded to the load balancers only, never to server 3",
            rules=("CLU-01",),
            check=AskedOnly(asker="dns", servers=("10.10.10.100", "10.10.10.101")),
        ),
        Expectation(
            text="The first load balancer of the list is asked first, and nobody after it answered",
            rules=("FWD-01",),
            check=AskedInOrder(asker="dns", servers=("10.10.10.100",)),
        ),
        Expectation(
            text="The load balancer lists all three servers, which are all available",
            rules=("CLU-03",),
            check=Answered(asker="dns", addresses=("10.10.10.100", "10.10.10.101", "10.10.10.102")),
        ),
        Expectation(
            text="The viewer gets one address, not authoritative",
            rules=("CLU-04",),
            check=Answered(
                count=1,
                among=("10.10.10.100", "10.10.10.101", "10.10.10.102"),
                authoritative=False,
            ),
        ),
        Expectation(
            text="The viewer connects to the address it was given, which the load balancer listed",
            rules=("CLU-04",),
            check=ConnectedToAnswer(),
        ),
        Expectation(
            text="The server at that address answers the viewer",
            rules=("CLU-04",),
            check=Reached(),
        ),
        Expectation(
            text="No answer may be kept longer than 2 seconds",
            rules=("CLU-06",),
            check=TtlAtMost(seconds=2),
        ),
    ),
)

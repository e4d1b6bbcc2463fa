from lab.judge.checks import AskedInOrder, FromCache
from lab.scenario.model import Ask, Elapse, Expectation, Scenario

SCENARIO = Scenario(
    title="A second question within the TTL is answered from the cache",
    story="""The local DNS server keeps the load balancer's answer for its time to live. Within it,
the same question is answered without asking again; after it, the load balancers are asked anew, in
the same order.""",
    topology="cluster",
    steps=(Ask(), Elapse(seconds=0.5), Ask(), Elapse(seconds=2.0), Ask()),
    expectations=(
        Expectation(
            text="The second question is answered with the same data and causes no question",
            rules=("CCH-01",),
            check=FromCache(),
        ),
        Expectation(
            text="After the TTL the first load balancer is asked again",
            rules=("CCH-02",),
            check=AskedInOrder(asker="dns", servers=("10.10.10.100",), which="all", times=2),
        ),
    ),
)

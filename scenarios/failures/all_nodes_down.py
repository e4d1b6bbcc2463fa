from lab.judge.checks import Answered, NeverConnected
from lab.scenario.model import Ask, Connect, Expectation, Halt, Scenario, Until

SCENARIO = Scenario(
    title="All nodes are down: the answer says so",
    story="""The service has ended on every server, while the load balancers still answer DNS. Once
their health checks have noticed, they have nobody to hand out: the name exists, and has no
address. The viewer is told so at once instead of dialling dead servers.""",
    topology="cluster",
    steps=(
        Halt(node="server1", program="service"),
        Halt(node="server2", program="service"),
        Halt(node="server3", program="service"),
        Until(answer="is-empty", deadline_s=6.0, steps=(Ask(),)),
        Connect(),
    ),
    expectations=(
        Expectation(
            text="In the end the load balancers list nobody: NOERROR, no address, an SOA",
            rules=("CLU-03",),
            check=Answered(asker="dns", which="last", count=0, soa=True),
        ),
        Expectation(
            text="The viewer's last question gets no address",
            rules=("CLU-03",),
            check=Answered(which="last", count=0, soa=True),
        ),
        Expectation(
            text="The viewer connects nowhere",
            rules=("CLU-04",),
            check=NeverConnected(),
        ),
    ),
)

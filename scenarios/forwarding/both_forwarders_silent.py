from lab.judge.checks import Answered, AskedInOrder, ErrorWithin, NameStaysWithin, NeverConnected
from lab.scenario.model import Ask, Connect, Expectation, Halt, Scenario

SCENARIO = Scenario(
    title="Both load balancers are silent: an error in time, and nothing leaks",
    story="""No load balancer answers. The local DNS server tries both, once each, and tells the
viewer that it failed: a clear error, not "no such name". Nobody else is asked for the private
name.""",
    topology="cluster",
    steps=(Halt(node="server1"), Halt(node="server2"), Ask(), Connect()),
    expectations=(
        Expectation(
            text="Both load balancers are asked, in order, each once",
            rules=("FWD-01", "FWD-15", "FWD-17"),
            check=AskedInOrder(asker="dns", servers=("10.10.10.100", "10.10.10.101")),
        ),
        Expectation(
            text="The viewer is told SERVFAIL within two timeouts",
            rules=("CLU-16", "FWD-13"),
            check=ErrorWithin(bound_s=2.0),
        ),
        Expectation(
            text="The answer is SERVFAIL, never NXDOMAIN",
            rules=("CLU-16",),
            check=Answered(rcode="SERVFAIL", count=0),
        ),
        Expectation(
            text="The name goes to no other address",
            rules=("CND-08", "CLU-16"),
            check=NameStaysWithin(
                addresses=("192.168.1.10", "192.168.1.53", "10.10.10.100", "10.10.10.101")
            ),
        ),
        Expectation(
            text="The viewer connects nowhere",
            rules=("CLU-04",),
            check=NeverConnected(),
        ),
    ),
)

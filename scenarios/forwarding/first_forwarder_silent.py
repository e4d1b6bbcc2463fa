from lab.judge.checks import (
    Answered,
    AskedInOrder,
    FreshIdentifiers,
    NextAskedAfterTimeout,
    Reached,
)
from lab.scenario.model import Ask, Connect, Expectation, Play, Scenario, Script

SCENARIO = Scenario(
    title="The first load balancer is silent: the second is asked after the timeout",
    story="""The DNS program of the first load balancer hangs: its machine lives, and nothing comes
back. The local DNS server asks it, waits for the configured time, asks the second and gives its
answer to the viewer. The viewer waits one timeout longer than usual and still connects.""",
    topology="cluster",
    steps=(Play(node="server1", script=Script(silent=True)), Ask(), Connect()),
    expectations=(
        Expectation(
            text="The load balancers are asked in listed order, each once",
            rules=("FWD-01", "FWD-17"),
            check=AskedInOrder(asker="dns", servers=("10.10.10.100", "10.10.10.101")),
        ),
        Expectation(
            text="The second is asked one timeout after the first",
            rules=("FWD-02",),
            check=NextAskedAfterTimeout(asker="dns", timeout_s=1.0),
        ),
        Expectation(
            text="The repeated question is the same, with a new ID and a new source port",
            rules=("FWD-12",),
            check=FreshIdentifiers(asker="dns"),
        ),
        Expectation(
            text="The viewer gets an address no later than one timeout",
            rules=("FWD-02",),
            check=Answered(
                among=("10.10.10.100", "10.10.10.101", "10.10.10.102"),
                within_s=1.0,
            ),
        ),
        Expectation(
            text="The answer is the second one's",
            rules=("CLU-02",),
            check=Answered(among=("10.10.10.100", "10.10.10.101", "10.10.10.102")),
        ),
        Expectation(
            text="The viewer connects to the server at that address",
            rules=("CLU-02",),
            check=Reached(),
        ),
    ),
)

from lab.judge.checks import Answered, AskedInOrder, NextAskedAfterError
from lab.scenario.model import Ask, Connect, Expectation, Halt, Play, Scenario, Script, Step


def fails(title: str, story: str, step: Step, error: str, rules: tuple[str, ...]) -> Scenario:
    return Scenario(
        title=title,
        story=story,
        topology="cluster",
        steps=(step, Ask(), Connect()),
        expectations=(
            Expectation(
                text="The load balancers are asked in listed order, each once",
                rules=("FWD-01",),
                check=AskedInOrder(asker="dns", servers=("10.10.10.100", "10.10.10.101")),
            ),
            Expectation(
                text="The second is asked at once after the first one's error",
                rules=rules,
                check=NextAskedAfterError(asker="dns", error=error),
            ),
            Expectation(
                text="The viewer gets an address",
                rules=("CLU-02",),
                check=Answered(among=("10.10.10.100", "10.10.10.101", "10.10.10.102")),
            ),
        ),
    )


SCENARIOS = {
    "refused": fails(
        title="The first load balancer refuses: the second is asked at once",
        story="""The first load balancer answers REFUSED, as one does that does not know the asker.
That is an answer, but not an affirmative one: the local DNS server goes on to the next.""",
        step=Play(node="server1", script=Script(rcode="REFUSED", authoritative=False)),
        error="REFUSED",
        rules=("FWD-09", "FWD-11"),
    ),
    "servfail": fails(
        title="The first load balancer answers SERVFAIL: the second is asked at once",
        story="""The first load balancer answers SERVFAIL: it is alive, and cannot help. The local
DNS server goes on to the next without waiting.""",
        step=Play(node="server1", script=Script(rcode="SERVFAIL", authoritative=False)),
        error="SERVFAIL",
        rules=("FWD-09", "FWD-11"),
    ),
    "port_closed": fails(
        title="The first load balancer's DNS has ended: the second is asked at once",
        story="""The machine lives but its DNS program has ended, so its kernel says "port
unreachable". The local DNS server need not wait for the timeout.""",
        step=Halt(node="server1", program="balancer"),
        error="unreachable",
        rules=("FWD-19",),
    ),
}

from lab.judge.checks import BackWithin, GoneWithin, Reached, TtlAtMost
from lab.scenario.model import Ask, Connect, Expectation, Halt, Repeat, Resume, Scenario, Until

# fall x interval + probe timeout + TTL + 1 s of TTL rounding (rule CLU-03), as the topologies say
BOUND_S = 2 * 1.0 + 0.4 + 2 + 1


def dies(topology: str, where: str) -> Scenario:
    return Scenario(
        title=f"A node that dies is no longer handed out, and comes back{where}",
        story="""Server 3 loses power. The load balancers notice when their health checks fail, and
answers that still name it run out with their time to live. From then on every viewer that asks is
sent to a living server. When server 3 has power again, it is handed out again.""",
        topology=topology,
        steps=(
            Ask(),
            Halt(node="server3"),
            # Not in step with the TTL and the health checks: no race is to be won by a hair.
            Repeat(times=15, every_s=0.43, steps=(Ask(),)),
            Connect(),
            Resume(node="server3"),
            Until(answer="has", server="server3", deadline_s=BOUND_S + 2, steps=(Ask(),)),
            Connect(),
        ),
        expectations=(
            Expectation(
                text="After the bound no answer names the dead server",
                rules=("CLU-03", "CLU-20"),
                check=GoneWithin(server="server3", bound_s=BOUND_S),
            ),
            Expectation(
                text="It is handed out again within the bound after it came back",
                rules=("CLU-03",),
                check=BackWithin(server="server3", bound_s=BOUND_S),
            ),
            Expectation(
                text="Viewers that ask after the bound reach a living server; server 3 at the end",
                rules=("CLU-20",),
                check=Reached(servers=("server3",)),
            ),
            Expectation(
                text="No answer may be kept longer than the 2 seconds the bound reckons with",
                rules=("CLU-06",),
                check=TtlAtMost(seconds=2),
            ),
        ),
    )


SCENARIOS = {"cluster": dies("cluster", ""), "nat": dies("cluster-nat", ", behind NAT")}

from lab.judge.checks import Answered, EveryMemberHandedOut
from lab.scenario.model import Ask, Expectation, Repeat, Scenario


def every_server(topology: str, where: str, addresses: tuple[str, ...]) -> Scenario:
    return Scenario(
        title=f"Over many lookups every available server is handed out{where}",
        story="""Load is balanced by answers: each viewer that asks is given one of the available
servers. Over many lookups nobody may be left out.""",
        topology=topology,
        steps=(Repeat(times=40, every_s=0.05, steps=(Ask(),)),),
        expectations=(
            Expectation(
                text="Each of the three servers is handed out, and nothing else",
                rules=("CLU-05",),
                check=EveryMemberHandedOut(servers=("server1", "server2", "server3")),
            ),
            Expectation(
                text="Every answer holds one address",
                rules=("CLU-04",),
                check=Answered(count=1, among=addresses),
            ),
        ),
    )


SCENARIOS = {
    "cluster": every_server("cluster", "", ("10.10.10.100", "10.10.10.101", "10.10.10.102")),
    "nat": every_server(
        "cluster-nat", ", behind NAT", ("192.168.1.100", "192.168.1.101", "192.168.1.102")
    ),
}

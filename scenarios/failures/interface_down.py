from lab.judge.checks import Answered, NameStaysWithin, Reached
from lab.scenario.model import Ask, Connect, Elapse, Expectation, Plug, Scenario, Unplug

MASTERS = ("192.168.1.10", "192.168.1.53", "192.168.1.1", "10.10.10.1")


def down(network: str, what: str) -> Scenario:
    return Scenario(
        title=f"The translator's interface to the {what} goes down and comes back",
        story=f"""Somebody takes the translator's interface to the {what} down, and up again. While
it is down viewers are told SERVFAIL in time, and the name of the cluster goes nowhere else. As soon
as it is up, they are served and reach their servers: routes and aliases are back.""",
        topology="cluster-nat",
        steps=(
            Ask(),
            Connect(),
            Elapse(seconds=2.1),
            Unplug(node="translator", network=network),
            Ask(),
            Elapse(seconds=6.0),
            Plug(node="translator", network=network),
            Elapse(seconds=4.0),
            Ask(),
            Connect(),
        ),
        expectations=(
            Expectation(
                text="Before, the viewer is served",
                rules=("CLU-08",),
                check=Answered(
                    which="first", among=("192.168.1.100", "192.168.1.101", "192.168.1.102")
                ),
            ),
            Expectation(
                text="Afterwards too",
                rules=("FLT-05",),
                check=Answered(
                    which="last",
                    among=("192.168.1.100", "192.168.1.101", "192.168.1.102"),
                    within_s=0.5,
                ),
            ),
            Expectation(
                text="The viewer reaches the servers it is given, before and after",
                rules=("FLT-05", "CLU-13"),
                check=Reached(),
            ),
            Expectation(
                text="The name goes nowhere else",
                rules=("CND-08",),
                check=NameStaysWithin(
                    addresses=(*MASTERS, "10.10.10.100", "10.10.10.101"),
                ),
            ),
        ),
    )


SCENARIOS = {
    "towards_the_servers": down("cluster", "servers"),
    "towards_the_viewers": down("lan", "viewers"),
}

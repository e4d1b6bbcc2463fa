from lab.judge.checks import NewRefused
from lab.scenario.model import (
    Emit,
    Expectation,
    Misconfigure,
    Scenario,
    SetNatOtherwise,
    Silence,
)

EXT1 = "203.0.113.51"


def scenario(when_full: str) -> Scenario:
    return Scenario(
        title=f"With a full table new conversations are refused and old ones go on ({when_full})",
        story="""The translator is set to remember three mappings. A fourth conversation begins. It
is refused, not one of the three thrown out: else anybody could cut off everybody by beginning
enough.""",
        topology="napt",
        steps=(
            Misconfigure(fault=SetNatOtherwise(most_mappings=3, when_full=when_full)),
            Silence(node="client1"),
            Silence(node="ext1"),
            *(
                Emit(packet=f"hello {n}", node="client1", to=EXT1, source_port=40_000 + n)
                for n in (1, 2, 3)
            ),
            Emit(packet="one more", node="client1", to=EXT1, source_port=40_004),
            *(
                Emit(packet=f"again {n}", node="client1", to=EXT1, source_port=40_000 + n)
                for n in (1, 2, 3)
            ),
        ),
        expectations=(
            Expectation(
                text="The new one is refused, the old ones go on",
                rules=("NAT-18",),
                check=NewRefused(
                    new="one more", old=("again 1", "again 2", "again 3"), node="client1", to="ext1"
                ),
            ),
        ),
    )


SCENARIOS = {"told": scenario("icmp"), "silent": scenario("silent")}

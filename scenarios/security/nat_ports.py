from lab.judge.checks import OutsidePortsUnpredictable
from lab.scenario.model import AskMany, Expectation, Misconfigure, Scenario, SetNatOtherwise


def scenario(*faults: SetNatOtherwise) -> Scenario:
    return Scenario(
        title=f"{'Broken on purpose: o' if faults else 'O'}utside ports of DNS questions "
        f"{'follow a sequence' if faults else 'cannot be guessed'}",
        story="""A resolver behind a translator draws its source ports at random, so that a forger
has to guess them. The translator gives each question another port: if these follow a sequence, or
are few, the forger has to guess the ID alone.""",
        topology="napt",
        steps=(
            *(Misconfigure(fault=fault) for fault in faults),
            AskMany(
                node="client1",
                name="n{n}.example.com",
                count=600,
                at_once=50,
                server="203.0.113.51",
            ),
        ),
        expectations=(
            Expectation(
                text="The outside ports are spread, and follow no sequence",
                rules=("SEC-05",),
                check=OutsidePortsUnpredictable(node="client1", questions=600),
            ),
        ),
        violates=("SEC-05",) if faults else (),
    )


SCENARIOS = {"random": scenario(), "sequential": scenario(SetNatOtherwise(ports="sequential"))}

from lab.judge.checks import SynHeld
from lab.scenario.model import (
    Elapse,
    Emit,
    Expectation,
    Misconfigure,
    Scenario,
    SetNatOtherwise,
    Silence,
)


def scenario(title: str, *faults: SetNatOtherwise, broken: bool = False) -> Scenario:
    return Scenario(
        title=title,
        story="""A SYN comes from outside for a port that nobody inside has opened. Two machines
that open a connection towards each other at once look just so, and an early refusal would end their
attempt: the translator must wait six seconds before it says anything.""",
        topology="napt",
        steps=(
            *(Misconfigure(fault=fault) for fault in faults),
            Silence(node="stranger"),
            Silence(node="ext1"),
            Emit(packet="syn", node="stranger", to="203.0.113.2", port=7000, protocol="tcp"),
            Elapse(seconds=7),
            Emit(packet="later", node="stranger", to="203.0.113.51"),
        ),
        expectations=(
            Expectation(
                text="No answer for 6 s, then port unreachable or nothing",
                rules=("NAT-11",),
                check=SynHeld(packet="syn", node="stranger"),
            ),
        ),
        violates=("NAT-11",) if broken else (),
    )


SCENARIOS = {
    "told": scenario("An unsolicited SYN is not answered for six seconds"),
    "silent": scenario(
        "An unsolicited SYN is not answered at all", SetNatOtherwise(unsolicited_syn="silent")
    ),
    "too_soon": scenario(
        "Broken on purpose: an unsolicited SYN is refused after a second",
        SetNatOtherwise(unsolicited_syn_s=1.0),
        broken=True,
    ),
}

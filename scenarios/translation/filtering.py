from lab.judge.checks import FilteringMeasured, Translated
from lab.scenario.model import Emit, Expectation, Misconfigure, Scenario, SetNatOtherwise, Silence

EXT1 = "203.0.113.51"
QUIET = (Silence(node="client1"), Silence(node="ext1"), Silence(node="ext2"))


def probes(turn: str, port: int) -> tuple[Emit, ...]:
    asked = f"{turn} hello"
    return (
        Emit(packet=asked, node="client1", to=EXT1, source_port=port),
        Emit(packet=f"{turn} from there", node="ext1", answers=asked),
        Emit(packet=f"{turn} from another port", node="ext1", answers=asked, source_port=10),
        Emit(packet=f"{turn} from another address", node="ext2", answers=asked),
    )


def measured(turn: str) -> FilteringMeasured:
    return FilteringMeasured(
        node="client1",
        same=f"{turn} from there",
        other_port=f"{turn} from another port",
        other_address=f"{turn} from another address",
    )


def scenario(filtering: str | None) -> Scenario:
    faults = () if filtering is None else (SetNatOtherwise(filtering=filtering),)
    return Scenario(
        title=f"Who may come in by a mapping{'' if filtering is None else f', set to {filtering}'}",
        story="""A machine has sent to one port of one server. Now that server answers, then calls
from another port, then another server calls: which of these the translator lets in is its filtering
behaviour. Twenty more conversations later it must be the same.""",
        topology="napt",
        steps=(
            *(Misconfigure(fault=fault) for fault in faults),
            *QUIET,
            *probes("first", 40_000),
            *(
                Emit(packet=f"load {number}", node="client1", to=EXT1, source_port=41_000 + number)
                for number in range(20)
            ),
            *probes("second", 40_001),
        ),
        expectations=(
            Expectation(text="The filtering behaviour", rules=("NAT-07",), check=measured("first")),
            Expectation(
                text="The filtering behaviour under load",
                rules=("NAT-07",),
                check=measured("second"),
            ),
            Expectation(
                text="What is let in is translated rightly",
                rules=("NAT-13",),
                check=Translated(protocols=("udp",)),
            ),
        ),
    )


SCENARIOS = {
    "as_planned": scenario(None),
    "endpoint_independent": scenario("endpoint-independent"),
    "address_and_port_dependent": scenario("address-and-port-dependent"),
}

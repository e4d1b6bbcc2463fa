from lab.judge.checks import (
    AliasFollowsNumber,
    AnswersAgreeWithTable,
    NoRealAddressOnClientSide,
    RelayedUnchanged,
)
from lab.scenario.model import Ask, Connect, Expectation, Misconfigure, OffsetAliasBase, Scenario

SCENARIO = Scenario(
    title="Broken on purpose: the alias base is off by one",
    story="""Somebody typed .101 where the first LAN address is .100. The load balancers count up
from there: every viewer is sent to its neighbour's address, and the last address belongs to
nobody. The judge must name the rules that this breaks, and no other.""",
    topology="cluster-nat",
    steps=(
        Misconfigure(fault=OffsetAliasBase(by=1)),
        Ask(),
        *(Connect(to=f"192.168.1.{last}", patience_s=1.0) for last in (101, 102, 103)),
    ),
    expectations=(
        Expectation(
            text="The load balancers count up from the first LAN address by node number",
            rules=("CLU-14",),
            check=AliasFollowsNumber(),
        ),
        Expectation(
            text="Each address answered is in the NAT table, and the mapped node answers",
            rules=("CLU-13",),
            check=AnswersAgreeWithTable(asker="dns"),
        ),
        Expectation(
            text="The translator relays the answer unchanged",
            rules=("CLU-12",),
            check=RelayedUnchanged(),
        ),
        Expectation(
            text="No real address appears on the viewers' side",
            rules=("CLU-11", "NAT-02"),
            check=NoRealAddressOnClientSide(),
        ),
    ),
    violates=("CLU-13", "CLU-14"),
)

from lab.judge.checks import (
    AliasFollowsNumber,
    AnswersAgreeWithTable,
    NoRealAddressOnClientSide,
    RelayedUnchanged,
)
from lab.scenario.model import Ask, Connect, Expectation, Misconfigure, RewriteAnswers, Scenario

SCENARIO = Scenario(
    title="Broken on purpose: the translator rewrites answers a second time",
    story="""The load balancers answer with LAN addresses already. A translator that "helps" by
translating addresses in DNS answers too (a DNS_ALG) translates them once more, and the viewer is
given an address that it cannot reach. The judge must name the rules that this breaks, and no
other.""",
    topology="cluster-nat",
    steps=(
        Misconfigure(fault=RewriteAnswers()),
        Ask(),
        Connect(patience_s=1.0),
        Connect(to="192.168.1.100"),
    ),
    expectations=(
        Expectation(
            text="The translator relays the answer unchanged",
            rules=("CLU-12",),
            check=RelayedUnchanged(),
        ),
        Expectation(
            text="No real address appears on the viewers' side",
            rules=("CLU-11",),
            check=NoRealAddressOnClientSide(),
        ),
        Expectation(
            text="Each address answered is in the NAT table, and the mapped node answers",
            rules=("CLU-13",),
            check=AnswersAgreeWithTable(asker="dns"),
        ),
        Expectation(
            text="The load balancers count up from the first LAN address by node number",
            rules=("CLU-14",),
            check=AliasFollowsNumber(),
        ),
    ),
    violates=("CLU-11", "CLU-12", "CLU-13"),
)

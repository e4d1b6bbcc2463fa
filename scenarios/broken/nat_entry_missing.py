from lab.judge.checks import AliasFollowsNumber, AnswersAgreeWithTable, MappingStable, NotTranslated
from lab.scenario.model import Ask, Connect, DropNatEntry, Expectation, Misconfigure, Scenario

SCENARIO = Scenario(
    title="Broken on purpose: the NAT table lacks a server",
    story="""The translator answers for the LAN address of server 3, but nobody entered the mapping.
The load balancers hand the address out, and whoever gets it is left waiting. The judge must name
the rule that this breaks, and no other.""",
    topology="cluster-nat",
    steps=(
        Misconfigure(fault=DropNatEntry(server="server3")),
        Ask(),
        *(Connect(to=f"192.168.1.{last}", patience_s=1.0) for last in (100, 101, 102)),
    ),
    expectations=(
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
        Expectation(
            text="An address without a mapping reaches nobody",
            rules=("NAT-04",),
            check=NotTranslated(address="192.168.1.102"),
        ),
        Expectation(
            text="The other servers are reached by their aliases",
            rules=("NAT-03",),
            check=MappingStable(servers=("server1", "server2")),
        ),
    ),
    violates=("CLU-13",),
)

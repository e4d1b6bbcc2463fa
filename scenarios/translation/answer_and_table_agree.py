from lab.judge.checks import (
    AliasFollowsNumber,
    AnswersAgreeWithTable,
    MappingStable,
    NoRealAddressOnClientSide,
    Reached,
    Translated,
)
from lab.scenario.model import Ask, Connect, Expectation, Halt, Resume, Scenario

SCENARIO = Scenario(
    title="DNS answer and NAT table agree for every node",
    story="""Two places know which LAN address stands for which server: the load balancers, which
count up from the configured first address, and the translator's table. Only if both say the same
does a viewer reach the server it was promised. Every address is dialled, before and after the
translator was started anew.""",
    topology="cluster-nat",
    steps=(
        Ask(),
        *(Connect(to=f"192.168.1.{last}") for last in (100, 101, 102)),
        Halt(node="translator", program="nat"),
        Resume(node="translator", program="nat"),
        *(Connect(to=f"192.168.1.{last}") for last in (100, 101, 102)),
    ),
    expectations=(
        Expectation(
            text="The load balancers count up from the first LAN address by node number",
            rules=("CLU-14", "CLU-18"),
            check=AliasFollowsNumber(),
        ),
        Expectation(
            text="Each address answered is in the NAT table, and the mapped node answers",
            rules=("CLU-13",),
            check=AnswersAgreeWithTable(asker="dns"),
        ),
        Expectation(
            text="Every server is reached by its own alias, port unchanged",
            rules=("NAT-01",),
            check=Reached(servers=("server1", "server2", "server3")),
        ),
        Expectation(
            text="One alias per server, one server per alias, the same after a restart",
            rules=("NAT-03",),
            check=MappingStable(servers=("server1", "server2", "server3")),
        ),
        Expectation(
            text="Replies come from the alias, checksums and TTL are right",
            rules=("NAT-02", "NAT-13", "NAT-14"),
            check=Translated(protocols=("tcp",)),
        ),
        Expectation(
            text="No real address appears on the viewers' side",
            rules=("CLU-11", "NAT-02"),
            check=NoRealAddressOnClientSide(),
        ),
    ),
)

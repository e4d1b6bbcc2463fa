from lab.judge.checks import (
    AliasCompleted,
    Answered,
    AnsweredInTurn,
    AskedInOrder,
    AskedNobody,
    AskedOnly,
    NameStaysWithin,
    NothingSent,
    OutsideOnlyBy,
    Turn,
)
from lab.scenario.model import (
    Ask,
    Expectation,
    FallBackToRecursion,
    Halt,
    Misconfigure,
    OmitForward,
    OmitZone,
    OpenFirewall,
    Scenario,
    TurnForwardersRound,
)

VIEWER, DNS, CORP = "192.168.1.10", "192.168.1.53", "10.20.0.15"
INTRANET = "intranet.corp.internal"
TOYS = "toys.widgets.tailspintoys.com"
FOUR = "80.0.20.10.in-addr.arpa"
WIDGETS = "widgets.tailspintoys.com"

SCENARIOS = {
    "private_name_leaks": Scenario(
        title="Broken on purpose: a private name leaks to the Internet when its server is dead",
        story="""The condition for corp.internal falls back to recursion. As long as its server
lives nobody sees a difference. The server dies, and the root server of the Internet is asked for
names that exist inside only.""",
        topology="conditional",
        steps=(
            Misconfigure(fault=FallBackToRecursion(zone="corp.internal")),
            Halt(node="corp"),
            Ask(name=INTRANET),
        ),
        expectations=(
            Expectation(
                text="The private name stays inside",
                rules=("CND-08",),
                check=NameStaysWithin(name="internal", addresses=(VIEWER, DNS, CORP)),
            ),
            Expectation(
                text="Nobody is asked in place of the condition's servers",
                rules=("CND-07",),
                check=NothingSent(node="dns", to=("203.0.113.0/24",)),
            ),
        ),
        violates=("CND-07", "CND-08"),
    ),
    "condition_forgotten": Scenario(
        title="Broken on purpose: the longer condition was forgotten",
        story="""Only tailspintoys.com is forwarded. Its server is asked for
toys.widgets.tailspintoys.com too, and has an answer: the wrong one.""",
        topology="longest-match",
        steps=(Misconfigure(fault=OmitForward(zone=WIDGETS)), Ask(name=TOYS)),
        expectations=(
            Expectation(
                text="The question goes to 172.31.255.255",
                rules=("CND-02",),
                check=AskedInOrder(servers=("172.31.255.255",), name=TOYS),
            ),
            Expectation(
                text="The server of tailspintoys.com sees no packet",
                rules=("CND-02",),
                check=NothingSent(node="dns", to=("10.20.0.53",)),
            ),
            Expectation(
                text="The client gets the longer condition's answer",
                rules=("CND-02",),
                check=Answered(name=TOYS, addresses=("198.51.100.22",)),
            ),
        ),
        violates=("CND-02",),
    ),
    "servers_turned_round": Scenario(
        title="Broken on purpose: the servers of a condition are listed the wrong way round",
        story="""The second server of tailspintoys.com was entered first. While both live and
agree, nobody sees it.""",
        topology="conditional",
        steps=(
            Misconfigure(fault=TurnForwardersRound(zone="tailspintoys.com")),
            Ask(name="www.tailspintoys.com"),
        ),
        expectations=(
            Expectation(
                text="The first server of the condition is asked",
                rules=("CND-04",),
                check=AskedInOrder(servers=("10.20.0.11",), name="www.tailspintoys.com"),
            ),
        ),
        violates=("CND-04",),
    ),
    "reverse_condition_forgotten": Scenario(
        title="Broken on purpose: the private reverse zone has no condition",
        story="""The names of private addresses are looked for at the global forwarder, and so on
the Internet, which has none and is told of every inner address that somebody looks up.""",
        topology="conditional",
        steps=(
            Misconfigure(fault=OmitForward(zone="10.in-addr.arpa")),
            Ask(name=FOUR, qtype="PTR"),
        ),
        expectations=(
            Expectation(
                text="The reverse zone's server is asked",
                rules=("CND-13", "CND-14"),
                check=AskedInOrder(servers=("10.20.0.16",), name=FOUR, qtype="PTR"),
            ),
            Expectation(
                text="The address has its name",
                rules=("CND-14",),
                check=Answered(name=FOUR, qtype="PTR", rdata=("intranet.corp.internal.",)),
            ),
        ),
        violates=("CND-13", "CND-14"),
    ),
    "target_condition_forgotten": Scenario(
        title="Broken on purpose: an alias leads to where no condition is",
        story="""The condition for corp.internal was forgotten. The alias that leads there is
resolved, and its target looked for on the Internet, in vain.""",
        topology="conditional",
        steps=(
            Misconfigure(fault=OmitForward(zone="corp.internal")),
            Ask(name="tocorp.tailspintoys.com"),
            Ask(name=INTRANET),
        ),
        expectations=(
            Expectation(
                text="The client gets alias and address",
                rules=("CND-12",),
                check=AliasCompleted(
                    name="tocorp.tailspintoys.com", through=(INTRANET,), rdata=("10.20.0.80",)
                ),
            ),
            Expectation(
                text="The global forwarder hears nothing of a name that has a condition",
                rules=("CND-05",),
                check=AskedOnly(servers=(CORP,), below="corp.internal"),
            ),
        ),
        violates=("CND-05", "CND-12"),
    ),
    "merger_without_condition": Scenario(
        title="Broken on purpose: after the merger one side has no condition for the other",
        story="""Fabrikam's DNS server was not told of contoso.corp. It asks its internal root,
which knows nothing of Contoso and says that there is no such name.""",
        topology="merger",
        steps=(
            Misconfigure(fault=OmitForward(node="dns2", zone="contoso.corp")),
            Ask(node="viewer2", name="www.contoso.corp"),
        ),
        expectations=(
            Expectation(
                text="Nothing goes to the internal root",
                rules=("CND-16",),
                check=NothingSent(node="dns2", to=("10.2.0.2",)),
            ),
            Expectation(
                text="The client gets Contoso's address",
                rules=("CND-16",),
                check=Answered(asker="viewer2", name="www.contoso.corp", addresses=("10.1.0.80",)),
            ),
        ),
        violates=("CND-16",),
    ),
    "zone_forgotten": Scenario(
        title="Broken on purpose: the hosted zone was not set up",
        story="""The server was to host five.example.com, and somebody forgot. The condition of the
same name, which should never be used, is used, and the answer is another server's.""",
        topology="hosted",
        steps=(
            Misconfigure(fault=OmitZone(origin="five.example.com")),
            Ask(name="source.five.example.com"),
        ),
        expectations=(
            Expectation(
                text="The server answers itself, with authority",
                rules=("OWN-01",),
                check=Answered(
                    name="source.five.example.com",
                    addresses=("198.51.100.1",),
                    authoritative=True,
                ),
            ),
            Expectation(
                text="Nobody is asked",
                rules=("OWN-01",),
                check=AskedNobody(name="source.five.example.com"),
            ),
            Expectation(
                text="The own zone comes before the condition",
                rules=("OWN-06",),
                check=AnsweredInTurn(
                    name="source.five.example.com",
                    turns=(Turn(address="198.51.100.1", authoritative=True),),
                ),
            ),
        ),
        violates=("OWN-01", "OWN-06"),
    ),
    "delegated_condition_forgotten": Scenario(
        title="Broken on purpose: the condition below the delegation was forgotten",
        story="""hr is delegated, and its condition was not set up: the servers of the delegation
are asked in place of the condition's.""",
        topology="hosted",
        steps=(
            Misconfigure(fault=OmitForward(zone=f"hr.{WIDGETS}")),
            Ask(name=f"www.hr.{WIDGETS}"),
        ),
        expectations=(
            Expectation(
                text="The condition's server is asked",
                rules=("OWN-03",),
                check=AskedInOrder(servers=("10.20.0.22",), name=f"www.hr.{WIDGETS}"),
            ),
        ),
        violates=("OWN-03",),
    ),
    "parent_zone_forgotten": Scenario(
        title="Broken on purpose: the parent zone was not set up",
        story="""widgets.tailspintoys.com was to be hosted. Without it nothing stands before the
condition for plain, which was never to be used.""",
        topology="hosted",
        steps=(Misconfigure(fault=OmitZone(origin=WIDGETS)), Ask(name=f"www.plain.{WIDGETS}")),
        expectations=(
            Expectation(
                text="The hosted parent says that there is no such name",
                rules=("OWN-04",),
                check=Answered(name=f"www.plain.{WIDGETS}", rcode="NXDOMAIN", authoritative=True),
            ),
            Expectation(
                text="Nobody is asked",
                rules=("OWN-04",),
                check=AskedNobody(name=f"www.plain.{WIDGETS}"),
            ),
        ),
        violates=("OWN-04",),
    ),
    "forwarders_forgotten": Scenario(
        title="Broken on purpose: the forwarders were not entered",
        story="""The server may recurse, so it does without its forwarders, and nobody complains.
But every one of its questions goes to the root server and on from there.""",
        topology="forwarders-recursion",
        steps=(Misconfigure(fault=OmitForward(zone=".")), Ask(name="www.example.com")),
        expectations=(
            Expectation(
                text="No packet goes to the root server",
                rules=("REC-01",),
                check=NothingSent(node="dns", to=("203.0.113.10",)),
            ),
        ),
        violates=("REC-01",),
    ),
    "child_zone_forgotten": Scenario(
        title="Broken on purpose: the hosted child zone was not set up",
        story="""The server hosts the parent and delegates kids to itself, and the child zone is
missing. Nobody can answer for it.""",
        topology="hosted",
        steps=(
            Misconfigure(fault=OmitZone(origin=f"kids.{WIDGETS}")),
            Ask(name=f"www.kids.{WIDGETS}"),
        ),
        expectations=(
            Expectation(
                text="The child's name has the child's address, with authority",
                rules=("OWN-09",),
                check=Answered(
                    name=f"www.kids.{WIDGETS}", addresses=("198.51.100.31",), authoritative=True
                ),
            ),
        ),
        violates=("OWN-09",),
    ),
    "firewall_open": Scenario(
        title="Broken on purpose: the firewall lets everybody out",
        story="""The firewall should let one designated server communicate with the Internet. It
lets everything pass, so a client that asks a server on the Internet directly gets its answer.""",
        topology="designated-forwarder",
        steps=(
            Misconfigure(fault=OpenFirewall()),
            Ask(name="www.example.com"),
            Ask(name="two.example.com", server="203.0.113.40", patience_s=1.0),
        ),
        expectations=(
            Expectation(
                text="Only the designated forwarder's questions reach the Internet",
                rules=("FWD-07",),
                check=OutsideOnlyBy(asker="forwarder", outside=("internet",)),
            ),
        ),
        violates=("FWD-07",),
    ),
}

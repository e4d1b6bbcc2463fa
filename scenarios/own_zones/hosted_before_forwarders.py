from lab.judge.checks import Answered, AskedInOrder, AskedNobody, NothingSent
from lab.scenario.model import Ask, Expectation, Scenario

HR_DELEGATED, HR_RULE, SALES, PLAIN, FIVE = (f"10.20.0.{last}" for last in (21, 22, 23, 24, 25))
FORWARDER, ROOT = "203.0.113.100", "203.0.113.10"
WIDGETS = "widgets.tailspintoys.com"
EVERYBODY = ("10.20.0.0/24", "203.0.113.0/24")

SCENARIOS = {
    "hosted_zone": Scenario(
        title="What the server hosts, it answers itself, even if a condition names the same domain",
        story=""""A DNS server cannot forward queries for the domain names in the zones that it
hosts." The server hosts widgets.tailspintoys.com, and five.example.com, for which it has a
condition as well. Both are answered from its own zones, with authority (AA=1), and so are a name
and a type that do not exist there: nothing is ever forwarded.""",
        topology="hosted",
        steps=(
            Ask(name=f"www.{WIDGETS}"),
            Ask(name="source.five.example.com"),
            Ask(name=f"nowhere.{WIDGETS}"),
            Ask(name=f"www.{WIDGETS}", qtype="AAAA"),
        ),
        expectations=(
            Expectation(
                text="The hosted name is answered with authority",
                rules=("OWN-01",),
                check=Answered(
                    name=f"www.{WIDGETS}", addresses=("198.51.100.21",), authoritative=True
                ),
            ),
            Expectation(
                text="So is the one for which there is a condition of the same name",
                rules=("OWN-01",),
                check=Answered(
                    name="source.five.example.com",
                    addresses=("198.51.100.1",),
                    authoritative=True,
                ),
            ),
            Expectation(
                text="A missing name: NXDOMAIN with authority and the zone's SOA",
                rules=("OWN-02",),
                check=Answered(
                    name=f"nowhere.{WIDGETS}",
                    rcode="NXDOMAIN",
                    count=0,
                    authoritative=True,
                    soa=True,
                ),
            ),
            Expectation(
                text="A missing type: NODATA with authority and the zone's SOA",
                rules=("OWN-02",),
                check=Answered(
                    name=f"www.{WIDGETS}", qtype="AAAA", count=0, authoritative=True, soa=True
                ),
            ),
            Expectation(
                text="Nobody is asked for any of this",
                rules=("OWN-01", "OWN-02"),
                check=AskedNobody(),
            ),
            Expectation(
                text="No packet goes to a forwarder or to the Internet",
                rules=("OWN-01", "OWN-02"),
                check=NothingSent(node="dns", to=EVERYBODY),
            ),
        ),
    ),
    "delegated_with_condition": Scenario(
        title="hr is delegated and has a condition: the question goes to the condition's server",
        story=""""The DNS server that is authoritative for widgets.tailspintoys.com can forward
queries for DNS names that end with hr.widgets.tailspintoys.com, if hr.widgets.tailspintoys.com is
delegated to another DNS server." It is, to one server; the condition names another one. The
condition decides.""",
        topology="hosted",
        steps=(Ask(name=f"www.hr.{WIDGETS}"), Ask(name=f"hr.{WIDGETS}")),
        expectations=(
            *(
                Expectation(
                    text=f"{name} is asked of the condition's server",
                    rules=("OWN-03",),
                    check=AskedInOrder(servers=(HR_RULE,), name=name, times=1),
                )
                for name in (f"www.hr.{WIDGETS}", f"hr.{WIDGETS}")
            ),
            Expectation(
                text="No packet goes to the server that hr is delegated to",
                rules=("OWN-03",),
                check=NothingSent(node="dns", to=(HR_DELEGATED, FORWARDER, ROOT)),
            ),
            Expectation(
                text="The client gets the condition's answer, which is not ours (AA=0)",
                rules=("OWN-03",),
                check=Answered(
                    name=f"www.hr.{WIDGETS}", addresses=("198.51.100.42",), authoritative=False
                ),
            ),
        ),
    ),
    "condition_without_delegation": Scenario(
        title="plain has a condition and is not delegated: the hosted zone answers",
        story="""The converse: plain.widgets.tailspintoys.com is not delegated, so all names below
it are the hosted zone's, and there they do not exist. The condition, whose server would know them,
is never used.""",
        topology="hosted",
        steps=(Ask(name=f"www.plain.{WIDGETS}"), Ask(name=f"plain.{WIDGETS}")),
        expectations=(
            Expectation(
                text="The hosted zone says that there is no such name",
                rules=("OWN-04", "OWN-02"),
                check=Answered(
                    name=f"www.plain.{WIDGETS}",
                    rcode="NXDOMAIN",
                    count=0,
                    authoritative=True,
                    soa=True,
                ),
            ),
            Expectation(
                text="Nobody is asked",
                rules=("OWN-04",),
                check=AskedNobody(),
            ),
            Expectation(
                text="No packet goes to the condition's server",
                rules=("OWN-04",),
                check=NothingSent(node="dns", to=(PLAIN,)),
            ),
        ),
    ),
    "delegated_without_condition": Scenario(
        title="sales is delegated and has no condition: whom is the delegation's child asked of?",
        story="""Products differ here: some ask the servers of the delegation, which the hosted
zone itself names, and some the global forwarder. The global forwarder would answer too, with
another address. What is seen is noted. Ours asks those that the delegation names.""",
        topology="hosted",
        steps=(Ask(name=f"www.sales.{WIDGETS}"),),
        expectations=(
            Expectation(
                text="The server of the delegation is asked",
                rules=("OWN-07",),
                check=AskedInOrder(servers=(SALES,), name=f"www.sales.{WIDGETS}"),
            ),
            Expectation(
                text="An answer comes, never a referral",
                rules=("REC-05",),
                check=Answered(name=f"www.sales.{WIDGETS}", addresses=("198.51.100.43",)),
            ),
        ),
    ),
    "child_inside_parent": Scenario(
        title="A hosted child inside a hosted parent: the closest zone answers",
        story="""The server hosts widgets.tailspintoys.com and, below it,
kids.widgets.tailspintoys.com as a zone of its own. Each name is answered from the zone that is
closest to it.""",
        topology="hosted",
        steps=(
            Ask(name=f"www.kids.{WIDGETS}"),
            Ask(name=f"kids.{WIDGETS}"),
            Ask(name=f"nowhere.kids.{WIDGETS}"),
        ),
        expectations=(
            Expectation(
                text="The child's name has the child's address",
                rules=("OWN-09",),
                check=Answered(
                    name=f"www.kids.{WIDGETS}", addresses=("198.51.100.31",), authoritative=True
                ),
            ),
            Expectation(
                text="The child's apex too",
                rules=("OWN-09",),
                check=Answered(
                    name=f"kids.{WIDGETS}", addresses=("198.51.100.30",), authoritative=True
                ),
            ),
            Expectation(
                text="A missing name is denied by the child's SOA, with the child's negative TTL",
                rules=("OWN-09", "OWN-13"),
                check=Answered(
                    name=f"nowhere.kids.{WIDGETS}",
                    rcode="NXDOMAIN",
                    authoritative=True,
                    soa_ttl_s=30,
                ),
            ),
            Expectation(
                text="Nobody is asked",
                rules=("OWN-09",),
                check=AskedNobody(),
            ),
        ),
    ),
}

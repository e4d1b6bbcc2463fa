from lab.judge.checks import AliasCompleted, Answered, AskedNobody, AskedOnly, Referred
from lab.scenario.model import Ask, Expectation, Message, Scenario

WIDGETS = "widgets.tailspintoys.com"
HR_RULE, FORWARDER = "10.20.0.22", "203.0.113.100"
OWN = ("198.51.100.21",)

SCENARIOS = {
    "aliases": Scenario(
        title="Aliases in a hosted zone: inside in one answer with authority, outside by the order",
        story="""An alias of a name in the same zone is answered in one go, alias and address, with
authority. An alias that leads out of the zone is completed as any other question would be: by the
condition for its name, or by the global forwarder.""",
        topology="hosted",
        steps=(
            Ask(name=f"alias.{WIDGETS}"),
            Ask(name=f"alias2.{WIDGETS}"),
            Ask(name=f"toexample.{WIDGETS}"),
            Ask(name=f"tohr.{WIDGETS}"),
        ),
        expectations=(
            Expectation(
                text="Alias and address inside the zone, with authority",
                rules=("OWN-11",),
                check=AliasCompleted(
                    name=f"alias.{WIDGETS}",
                    through=(f"www.{WIDGETS}",),
                    rdata=OWN,
                    authoritative=True,
                ),
            ),
            Expectation(
                text="Two aliases in a row likewise",
                rules=("OWN-11",),
                check=AliasCompleted(
                    name=f"alias2.{WIDGETS}",
                    through=(f"alias.{WIDGETS}", f"www.{WIDGETS}"),
                    rdata=OWN,
                    authoritative=True,
                ),
            ),
            Expectation(
                text="An alias that leads out is completed by the global forwarder",
                rules=("OWN-11",),
                check=AliasCompleted(
                    name=f"toexample.{WIDGETS}",
                    through=("www.example.com",),
                    rdata=("198.51.100.80",),
                ),
            ),
            Expectation(
                text="The global forwarder is asked for the target alone",
                rules=("OWN-11",),
                check=AskedOnly(servers=(FORWARDER,), below="example.com"),
            ),
            Expectation(
                text="An alias below a delegation is completed through its condition",
                rules=("OWN-11", "OWN-03"),
                check=AliasCompleted(
                    name=f"tohr.{WIDGETS}",
                    through=(f"www.hr.{WIDGETS}",),
                    rdata=("198.51.100.42",),
                ),
            ),
            Expectation(
                text="The condition's server is asked for that one",
                rules=("OWN-11", "OWN-03"),
                check=AskedOnly(servers=(HR_RULE,), below=f"hr.{WIDGETS}"),
            ),
            Expectation(
                text="Nobody is asked for the aliases themselves",
                rules=("OWN-11",),
                check=AskedNobody(name=f"alias2.{WIDGETS}"),
            ),
        ),
    ),
    "wildcards_and_empty_names": Scenario(
        title="Wildcards and empty names in a hosted zone",
        story="""deep.ent exists, so ent exists too, without any data: NODATA, not NXDOMAIN. *.wild
stands for every name below wild that does not exist; host.wild does, so neither it nor anything
below it is the wildcard's.""",
        topology="hosted",
        steps=(
            Ask(name=f"ent.{WIDGETS}"),
            Ask(name=f"any.wild.{WIDGETS}"),
            Ask(name=f"a.b.wild.{WIDGETS}"),
            Ask(name=f"host.wild.{WIDGETS}"),
            Ask(name=f"below.host.wild.{WIDGETS}"),
            Ask(name=f"any.wild.{WIDGETS}", qtype="TXT"),
        ),
        expectations=(
            Expectation(
                text="The empty non-terminal exists and has no data",
                rules=("OWN-12",),
                check=Answered(name=f"ent.{WIDGETS}", count=0, authoritative=True, soa=True),
            ),
            *(
                Expectation(
                    text=f"{name} is the wildcard's",
                    rules=("OWN-12",),
                    check=Answered(
                        name=f"{name}.{WIDGETS}",
                        addresses=("198.51.100.24",),
                        authoritative=True,
                    ),
                )
                for name in ("any.wild", "a.b.wild")
            ),
            Expectation(
                text="A name that exists is its own",
                rules=("OWN-12",),
                check=Answered(name=f"host.wild.{WIDGETS}", addresses=("198.51.100.25",)),
            ),
            Expectation(
                text="A name below it does not exist: the closest encloser has no wildcard",
                rules=("OWN-12",),
                check=Answered(
                    name=f"below.host.wild.{WIDGETS}",
                    rcode="NXDOMAIN",
                    authoritative=True,
                    soa=True,
                ),
            ),
            Expectation(
                text="The wildcard has no such type: NODATA",
                rules=("OWN-12",),
                check=Answered(name=f"any.wild.{WIDGETS}", qtype="TXT", rdata=(), soa=True),
            ),
            Expectation(
                text="Nobody is asked for any of this",
                rules=("OWN-12",),
                check=AskedNobody(),
            ),
        ),
    ),
    "negative_ttl": Scenario(
        title="How long an absence may be remembered",
        story="""Negative answers carry the zone's SOA, with the lesser of its own TTL and its last
field (MINIMUM). In widgets the TTL is 300 and the MINIMUM 60; in kids the TTL is 30 and the
MINIMUM 600. So 60 and 30 seconds.""",
        topology="hosted",
        steps=(
            Ask(name=f"nowhere.{WIDGETS}"),
            Ask(name=f"www.{WIDGETS}", qtype="AAAA"),
            Ask(name=f"nowhere.kids.{WIDGETS}"),
        ),
        expectations=(
            Expectation(
                text="NXDOMAIN in widgets: the MINIMUM, 60 s",
                rules=("OWN-13",),
                check=Answered(name=f"nowhere.{WIDGETS}", rcode="NXDOMAIN", soa_ttl_s=60),
            ),
            Expectation(
                text="NODATA in widgets: the MINIMUM, 60 s",
                rules=("OWN-13",),
                check=Answered(name=f"www.{WIDGETS}", qtype="AAAA", count=0, soa_ttl_s=60),
            ),
            Expectation(
                text="NXDOMAIN in kids: the SOA's own TTL, 30 s",
                rules=("OWN-13",),
                check=Answered(name=f"nowhere.kids.{WIDGETS}", rcode="NXDOMAIN", soa_ttl_s=30),
            ),
        ),
    ),
    "referral": Scenario(
        title="Below a delegation, a question without recursion is answered with a referral",
        story="""Another server, which resolves for itself, asks for a name below sales without
asking for recursion (RD=0). It is told whom to ask: the name server of the delegation with its
address, without authority, and without an answer. Nobody is asked on its behalf.""",
        topology="hosted",
        steps=(Ask(name=f"www.sales.{WIDGETS}", message=Message(rd=False)),),
        expectations=(
            Expectation(
                text="The referral names the server of sales and its address",
                rules=("OWN-08",),
                check=Referred(
                    name=f"www.sales.{WIDGETS}",
                    zone=f"sales.{WIDGETS}",
                    servers=(f"ns1.sales.{WIDGETS}",),
                    glue=("10.20.0.23",),
                ),
            ),
            Expectation(
                text="Nobody is asked",
                rules=("OWN-08", "REC-04"),
                check=AskedNobody(),
            ),
        ),
    ),
}

from lab.judge.checks import AliasCompleted, Answered, AnsweredInTurn, Referred, Turn
from lab.scenario.model import Ask, Expectation, Message, Play, Reply, Scenario, Script

WIDGETS = "widgets.tailspintoys.com"


def answering(*replies: Reply) -> Play:
    return Play(node="dns", program="resolver", script=Script(replies=replies))


SCENARIOS = {
    "referral_with_authority": Scenario(
        title="Broken on purpose: a referral that claims authority",
        story="""In the DNS server's seat sits one that answers a question below a delegation with
the delegation, as it should, but claims authority for it (AA=1), as it should not: a resolver
would take the missing answer for the truth.""",
        topology="hosted",
        steps=(
            answering(
                Reply(
                    authority=(f"sales.{WIDGETS}. 300 IN NS ns1.sales.{WIDGETS}.",),
                    additional=(f"ns1.sales.{WIDGETS}. 300 IN A 10.20.0.23",),
                )
            ),
            Ask(name=f"www.sales.{WIDGETS}", message=Message(rd=False)),
        ),
        expectations=(
            Expectation(
                text="The referral is given without authority",
                rules=("OWN-08",),
                check=Referred(
                    name=f"www.sales.{WIDGETS}",
                    zone=f"sales.{WIDGETS}",
                    servers=(f"ns1.sales.{WIDGETS}",),
                    glue=("10.20.0.23",),
                ),
            ),
        ),
        violates=("OWN-08",),
    ),
    "half_an_alias": Scenario(
        title="Broken on purpose: an alias, and nothing behind it",
        story="""In the DNS server's seat sits one that hands out the alias and leaves the rest to
the client. Stub resolvers follow no aliases.""",
        topology="hosted",
        steps=(
            answering(Reply(answer=(f"alias.{WIDGETS}. 300 IN CNAME www.{WIDGETS}.",))),
            Ask(name=f"alias.{WIDGETS}"),
        ),
        expectations=(
            Expectation(
                text="Alias and address come in one answer",
                rules=("OWN-11",),
                check=AliasCompleted(
                    name=f"alias.{WIDGETS}",
                    through=(f"www.{WIDGETS}",),
                    rdata=("198.51.100.21",),
                    authoritative=True,
                ),
            ),
        ),
        violates=("OWN-11",),
    ),
    "old_data_and_bare_absence": Scenario(
        title="Broken on purpose: own data that never changes, and absences without an SOA",
        story="""In the DNS server's seat sits one that goes on answering what it once read, says
of everything else that it does not exist, and does not say for how long.""",
        topology="hosted",
        steps=(
            answering(
                Reply(
                    name=f"www.{WIDGETS}",
                    qtype="A",
                    answer=("@ 300 IN A 198.51.100.20",),
                ),
                Reply(rcode="NXDOMAIN"),
            ),
            Ask(name=f"www.{WIDGETS}"),
            Ask(name=f"nowhere.{WIDGETS}"),
            Ask(name=f"ent.{WIDGETS}"),
        ),
        expectations=(
            Expectation(
                text="The zone's present address is given",
                rules=("OWN-05",),
                check=AnsweredInTurn(
                    name=f"www.{WIDGETS}",
                    turns=(Turn(address="198.51.100.21", authoritative=True),),
                ),
            ),
            Expectation(
                text="A missing name is denied with the zone's SOA",
                rules=("OWN-02", "OWN-13"),
                check=Answered(name=f"nowhere.{WIDGETS}", rcode="NXDOMAIN", soa=True, soa_ttl_s=60),
            ),
            Expectation(
                text="An empty non-terminal exists",
                rules=("OWN-12",),
                check=Answered(name=f"ent.{WIDGETS}", count=0, soa=True),
            ),
        ),
        violates=("OWN-02", "OWN-05", "OWN-12", "OWN-13"),
    ),
}

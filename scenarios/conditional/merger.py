from lab.judge.checks import AliasCompleted, Answered, AskedInOrder, NameStaysWithin, NothingSent
from lab.scenario.model import Ask, Expectation, Play, Scenario, Script

CONTOSO = "10.1.0.54"
FABRIKAM, FABRIKAM2 = "10.2.0.54", "10.2.0.55"
INTERNAL_ROOT, INTERNET = "10.2.0.2", "203.0.113.0/24"

SCENARIOS = {
    "each_resolves_the_other": Scenario(
        title="After a merger two internal namespaces resolve each other, without any root",
        story="""Contoso and Fabrikam merge. Each has an internal namespace that is no part of the
Internet's, and Fabrikam has an internal root server, which knows nothing of Contoso. Conditional
forwarders "enable name resolution between the two namespaces without performing recursion on the
DNS namespace of the Internet", and without "performing recursion to your internal root". The
servers asked are authoritative and offer no recursion (RA=0); their answers are taken all the
same.""",
        topology="merger",
        steps=(
            Ask(name="www.fabrikam.corp"),
            Ask(node="viewer2", name="www.contoso.corp"),
            Ask(name="nowhere.fabrikam.corp"),
        ),
        expectations=(
            Expectation(
                text="Contoso's DNS server asks Fabrikam's authoritative server",
                rules=("CND-16",),
                check=AskedInOrder(servers=(FABRIKAM,), name="www.fabrikam.corp"),
            ),
            Expectation(
                text="Fabrikam's DNS server asks Contoso's authoritative server",
                rules=("CND-16",),
                check=AskedInOrder(asker="dns2", servers=(CONTOSO,), name="www.contoso.corp"),
            ),
            Expectation(
                text="Contoso's DNS server sends nothing to the Internet",
                rules=("CND-16",),
                check=NothingSent(node="dns", to=(INTERNET,)),
            ),
            Expectation(
                text="Fabrikam's sends nothing to the Internet or to its internal root",
                rules=("CND-16",),
                check=NothingSent(node="dns2", to=(INTERNET, INTERNAL_ROOT)),
            ),
            Expectation(
                text="The answers come from authoritative servers, with AA=1 and RA=0",
                rules=("CND-16",),
                check=Answered(
                    asker="dns",
                    name="www.fabrikam.corp",
                    authoritative=True,
                    recursion_available=False,
                ),
            ),
            Expectation(
                text="The client at Contoso gets Fabrikam's address",
                rules=("CND-16",),
                check=Answered(name="www.fabrikam.corp", addresses=("10.2.0.80",)),
            ),
            Expectation(
                text="The client at Fabrikam gets Contoso's address",
                rules=("CND-16",),
                check=Answered(asker="viewer2", name="www.contoso.corp", addresses=("10.1.0.80",)),
            ),
            Expectation(
                text="A name that does not exist over there is told so by its own server",
                rules=("CND-16",),
                check=Answered(name="nowhere.fabrikam.corp", rcode="NXDOMAIN", soa=True),
            ),
        ),
    ),
    "aliases_across": Scenario(
        title="An alias that leads into the other namespace is completed through its condition",
        story="""partner.contoso.corp is an alias of a name at Fabrikam. The DNS server of Contoso
gets the alias from its own namespace's server and the address from the other's, by the two
conditions. At Fabrikam the same happens the other way round; there, its own namespace comes from
the internal root, and the other one does not.""",
        topology="merger",
        steps=(
            Ask(name="partner.contoso.corp"),
            Ask(node="viewer2", name="partner.fabrikam.corp"),
        ),
        expectations=(
            Expectation(
                text="The client at Contoso gets the alias and Fabrikam's address",
                rules=("CND-12", "CND-16"),
                check=AliasCompleted(
                    name="partner.contoso.corp",
                    through=("www.fabrikam.corp",),
                    rdata=("10.2.0.80",),
                ),
            ),
            Expectation(
                text="The client at Fabrikam gets the alias and Contoso's address",
                rules=("CND-12", "CND-16"),
                check=AliasCompleted(
                    asker="viewer2",
                    name="partner.fabrikam.corp",
                    through=("www.contoso.corp",),
                    rdata=("10.1.0.80",),
                ),
            ),
            Expectation(
                text="Contoso's names never reach Fabrikam's internal root, nor the Internet",
                rules=("CND-16", "CND-08"),
                check=NameStaysWithin(
                    name="contoso.corp",
                    addresses=(
                        *("10.1.0.10", "10.1.0.53", CONTOSO),
                        *("10.2.0.10", "10.2.0.53", FABRIKAM, FABRIKAM2),
                    ),
                ),
            ),
        ),
    ),
    "other_side_fails": Scenario(
        title="The other namespace's first server fails: its second is asked, and no root",
        story="""Fabrikam's first authoritative server is silent. The condition names a second one,
and that is where the question goes; an internal name that cannot be resolved at once is no reason
to look for it on the Internet.""",
        topology="merger",
        steps=(
            Play(node="fabrikam1", program="authority", script=Script(silent=True)),
            Ask(name="www.fabrikam.corp"),
        ),
        expectations=(
            Expectation(
                text="The first, then the second",
                rules=("CND-04", "CND-16"),
                check=AskedInOrder(servers=(FABRIKAM, FABRIKAM2), name="www.fabrikam.corp"),
            ),
            Expectation(
                text="Nothing goes to the Internet",
                rules=("CND-16", "CND-08"),
                check=NothingSent(node="dns", to=(INTERNET,)),
            ),
            Expectation(
                text="The client gets the address after one timeout",
                rules=("CND-16",),
                check=Answered(name="www.fabrikam.corp", addresses=("10.2.0.80",), within_s=1.0),
            ),
        ),
    ),
}

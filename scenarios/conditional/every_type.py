from lab.judge.checks import Answered, AskedInOrder, AskedOnly, NothingSent
from lab.scenario.model import Ask, Expectation, Scenario

TAILSPIN, CORP, REVERSE = "10.20.0.11", "10.20.0.15", "10.20.0.16"
INTERNET = "203.0.113.0/24"
NAME = "text.tailspintoys.com"
QTYPES = (
    "A",
    "AAAA",
    "CAA",
    "CNAME",
    "HTTPS",
    "MX",
    "NAPTR",
    "NS",
    "PTR",
    "SOA",
    "SRV",
    "SVCB",
    "TLSA",
    "TXT",
    "TYPE65280",
)

FOUR = "80.0.20.10.in-addr.arpa"
SIX = "0.8.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa"
INTRANET = "intranet.corp.internal."

SCENARIOS = {
    "one_name": Scenario(
        title="A condition holds for every type of question",
        story="""Some proxies forward questions for addresses and mishandle the rest. Here one name
is asked for by every type that is in use, and by one that nobody has defined: all go to the
domain's server, whether it has such data or not.""",
        topology="conditional",
        steps=tuple(Ask(name=NAME, qtype=qtype) for qtype in QTYPES),
        expectations=(
            *(
                Expectation(
                    text=f"{qtype} is asked of the domain's server alone",
                    rules=("CND-13",),
                    check=AskedInOrder(
                        servers=(TAILSPIN,), name=NAME, qtype=qtype, which="all", times=1
                    ),
                )
                for qtype in QTYPES
            ),
            Expectation(
                text="TXT is answered with the server's text",
                rules=("CND-13",),
                check=Answered(name=NAME, qtype="TXT", rdata=('"first server"',)),
            ),
            Expectation(
                text="A type without data is answered so, with the SOA",
                rules=("CND-13",),
                check=Answered(name=NAME, qtype="TYPE65280", rdata=(), soa=True),
            ),
        ),
    ),
    "services": Scenario(
        title="A service is found through the condition",
        story="""Clients of a directory look for its servers by SRV records. Below a private domain
these must come from the domain's own server.""",
        topology="conditional",
        steps=(Ask(name="_ldap._tcp.corp.internal", qtype="SRV"),),
        expectations=(
            Expectation(
                text="The question goes to the server of corp.internal alone",
                rules=("CND-13",),
                check=AskedOnly(servers=(CORP,)),
            ),
            Expectation(
                text="The client gets the SRV record",
                rules=("CND-13",),
                check=Answered(
                    name="_ldap._tcp.corp.internal",
                    qtype="SRV",
                    rdata=("0 100 389 ns1.corp.internal.",),
                ),
            ),
        ),
    ),
    "reverse": Scenario(
        title="Private addresses are looked up at the condition for their reverse zone",
        story="""Names of addresses are looked up below in-addr.arpa and ip6.arpa. For private
addresses many servers have empty zones built in, which answer "no such name" so that the Internet
is spared. A condition for such a zone is somebody's express wish and comes before them: the
question goes to the condition's server, and never to the Internet.""",
        topology="conditional",
        steps=(
            Ask(name=FOUR, qtype="PTR"),
            Ask(name=SIX, qtype="PTR"),
            Ask(name="99.0.20.10.in-addr.arpa", qtype="PTR"),
        ),
        expectations=(
            *(
                Expectation(
                    text=f"{name} is asked of the reverse zones' server alone",
                    rules=("CND-13", "CND-14"),
                    check=AskedInOrder(servers=(REVERSE,), name=name, qtype="PTR", times=1),
                )
                for name in (FOUR, SIX)
            ),
            *(
                Expectation(
                    text=f"{name} is answered with the name of the machine",
                    rules=("CND-13", "CND-14"),
                    check=Answered(name=name, qtype="PTR", rdata=(INTRANET,)),
                )
                for name in (FOUR, SIX)
            ),
            Expectation(
                text="An address without a name is said to have none by that server",
                rules=("CND-14",),
                check=Answered(name="99.0.20.10.in-addr.arpa", qtype="PTR", rcode="NXDOMAIN"),
            ),
            Expectation(
                text="No packet goes to the Internet",
                rules=("CND-13", "CND-14"),
                check=NothingSent(node="dns", to=(INTERNET,)),
            ),
        ),
    ),
}

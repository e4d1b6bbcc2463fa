from lab.judge.checks import Answered, AskedTimes, OptAnswered, OptionsStay
from lab.scenario.messages import Edns, Message
from lab.scenario.model import Ask, Expectation, Scenario

SUBNET = "00011800c0a801"
"""EDNS Client Subnet: 192.168.1.0/24 (RFC 7871)."""

SCENARIOS = {
    "an_ancestor_that_is_absent": Scenario(
        title="That a domain does not exist for the Internet hides no private name below it",
        story="""Nobody on the Internet has a domain "internal", and whoever asks the global
forwarder is told NXDOMAIN, which covers all names below as well. But corp.internal is ours: a
condition sends its questions to the company's own server. What one source says of a name must not
shadow what another one is responsible for.""",
        topology="conditional",
        steps=(
            Ask(name="internal"),
            Ask(name="a.b.internal"),
            Ask(name="intranet.corp.internal"),
        ),
        expectations=(
            Expectation(
                text="The domain does not exist out there",
                rules=("CCH-16",),
                check=Answered(name="internal", rcode="NXDOMAIN", count=0),
            ),
            Expectation(
                text="Neither does a name below it",
                rules=("CCH-16",),
                check=Answered(name="a.b.internal", rcode="NXDOMAIN", count=0),
            ),
            Expectation(
                text="which needs no question, for nothing is below what does not exist",
                rules=("CCH-16",),
                check=AskedTimes(name="a.b.internal", times=0),
            ),
            Expectation(
                text="The private name is asked for at its own server",
                rules=("CCH-16",),
                check=AskedTimes(name="intranet.corp.internal", to=("10.20.0.15",), times=1),
            ),
            Expectation(
                text="and answered",
                rules=("CCH-16",),
                check=Answered(name="intranet.corp.internal", addresses=("10.20.0.80",)),
            ),
        ),
    ),
    "an_ancestor_of_an_own_zone": Scenario(
        title="That a domain does not exist for the Internet hides no own zone below it",
        story="""The same with a zone of the DNS server's own: nobody out there knows "netz", but
intern.netz is hosted here.""",
        topology="recursion",
        steps=(Ask(name="netz"), Ask(name="other.netz"), Ask(name="www.intern.netz")),
        expectations=(
            Expectation(
                text="The domain does not exist out there",
                rules=("CCH-16",),
                check=Answered(name="netz", rcode="NXDOMAIN", count=0),
            ),
            Expectation(
                text="A name below it costs no question",
                rules=("CCH-16",),
                check=AskedTimes(name="other.netz", times=0),
            ),
            Expectation(
                text="The own zone answers, with authority",
                rules=("CCH-16",),
                check=Answered(
                    name="www.intern.netz", addresses=("192.168.1.80",), authoritative=True
                ),
            ),
        ),
    ),
    "options_of_one_client": Scenario(
        title="What one client says in its OPT record reaches nobody else",
        story="""A client sends its subnet and a private option along with its question. An OPT
record speaks to the next hop alone: nothing of it goes upstream, nothing of it is kept, and the
next client, who gets the same answer from the cache, sees nothing of it.""",
        topology="caches",
        steps=(
            Ask(
                name="www.example.com",
                message=Message(edns=Edns(options=((8, SUBNET), (65001, "abcd")))),
            ),
            Ask(
                node="stranger",
                server="192.168.1.53",
                name="www.example.com",
                message=Message(edns=Edns()),
            ),
            Ask(node="stranger", server="192.168.1.53", name="www.example.com"),
        ),
        expectations=(
            Expectation(
                text="The options go no further",
                rules=("CCH-17",),
                check=OptionsStay(server="dns"),
            ),
            Expectation(
                text="A client without an OPT record is answered without one",
                rules=("CCH-17", "EDN-01"),
                check=OptAnswered(asker="stranger", about="no-opt"),
            ),
            Expectation(
                text="One answer served them all",
                rules=("CCH-17",),
                check=AskedTimes(name="www.example.com", times=1),
            ),
        ),
    ),
}

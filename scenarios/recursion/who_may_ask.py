from lab.judge.checks import (
    Answered,
    AskedNobody,
    AskedOnly,
    ErrorReplied,
    NothingSent,
    ReplyHeader,
)
from lab.scenario.messages import Message
from lab.scenario.model import Ask, Expectation, Scenario

ROOT, COM, EXAMPLE = "203.0.113.10", "203.0.113.20", "203.0.113.40"
DNS = "192.168.1.53"
WITHOUT_RECURSION = Message(rd=False)

SCENARIOS = {
    "forwarders_spare_the_root": Scenario(
        title="With forwarders that work, nothing goes to the root servers",
        story="""This DNS server could resolve names itself, but it has forwarders, and they work.
Then it has no business at the root servers: every question goes to the first forwarder.""",
        topology="forwarders-recursion",
        steps=(
            Ask(name="www.example.com"),
            Ask(name="nope.example.com"),
            Ask(name="www.example.com", qtype="MX"),
            Ask(name="toalias.example.com", transport="tcp"),
        ),
        expectations=(
            Expectation(
                text="No packet goes to the root, to com, or to example.com's server",
                rules=("REC-01",),
                check=NothingSent(node="dns", to=(ROOT, COM, EXAMPLE)),
            ),
            Expectation(
                text="All questions go to the first forwarder",
                rules=("REC-01",),
                check=AskedOnly(servers=("203.0.113.101",)),
            ),
            Expectation(
                text="The client is answered",
                rules=("REC-01",),
                check=Answered(name="www.example.com", addresses=("198.51.100.80",)),
            ),
        ),
    ),
    "recursion_available": Scenario(
        title="RA says what the server does, whatever the question says",
        story="""The RA bit belongs to replies: "I would ask others for you". A client that sets it
in its question changes nothing. The DNS server, which recurses, sets it in every reply, errors
too; the authoritative server, which does not, never.""",
        topology="recursion",
        steps=(
            Ask(name="www.example.com", message=Message(ra=True)),
            Ask(name="www.example.com"),
            Ask(name="www.intern.netz", message=Message(ra=True)),
            Ask(name="x.example.net", qtype="AAAA", message=WITHOUT_RECURSION),
            Ask(name="www.lame.com"),
            Ask(node="stranger", server=EXAMPLE, name="www.example.com", message=Message(ra=True)),
            Ask(node="stranger", server=EXAMPLE, name="www.example.net"),
        ),
        expectations=(
            Expectation(
                text="RA=1 in every reply of the DNS server",
                rules=("REC-02",),
                check=ReplyHeader(ra=True, asked_with=("ra",)),
            ),
            Expectation(
                text="RA=0 in every reply of the authoritative server",
                rules=("REC-02",),
                check=ReplyHeader(asker="stranger", ra=False, asked_with=("ra",)),
            ),
        ),
    ),
    "strangers_are_refused": Scenario(
        title="A client without the right to recursion is refused, and nobody is asked",
        story="""The DNS server serves the LAN. A client out on the Internet asks it for somebody
else's name, and later again, when the answer lies in the cache: it is refused both times, told
that there is no recursion for it, and costs no packet. An open resolver is a weapon against
others. What the server is responsible for itself, its own zone, it tells everybody.""",
        topology="recursion",
        steps=(
            Ask(node="outsider", server=DNS, name="www.example.com", patience_s=5.0),
            Ask(name="two.example.com"),
            Ask(node="outsider", server=DNS, name="two.example.com", patience_s=5.0),
            Ask(node="outsider", server=DNS, name="www.intern.netz", patience_s=5.0),
        ),
        expectations=(
            Expectation(
                text="Refused, with RA=0",
                rules=("REC-03",),
                check=ErrorReplied(
                    asker="outsider", name="www.example.com", rcodes=("REFUSED",), ra=False
                ),
            ),
            Expectation(
                text="Nobody is asked for it",
                rules=("REC-03",),
                check=AskedNobody(name="www.example.com"),
            ),
            Expectation(
                text="What is in the cache is not for it either",
                rules=("REC-03",),
                check=ErrorReplied(
                    asker="outsider", name="two.example.com", rcodes=("REFUSED",), ra=False
                ),
            ),
            Expectation(
                text="A client of the LAN is served",
                rules=("REC-03",),
                check=Answered(
                    name="two.example.com", addresses=("198.51.100.81", "198.51.100.82")
                ),
            ),
            Expectation(
                text="The own zone is for everybody",
                rules=("REC-03",),
                check=Answered(
                    asker="outsider", name="www.intern.netz", addresses=("192.168.1.80",)
                ),
            ),
        ),
    ),
    "recursion_not_desired": Scenario(
        title="A question with RD=0 causes no question",
        story="""A client that does not desire recursion wants to know what the server knows now.
If it knows nothing, it says so and asks nobody: else two servers that forward to each other could
keep a question running for ever. What is in the cache may be told.""",
        topology="forwarders",
        steps=(
            Ask(name="www.example.com", message=WITHOUT_RECURSION),
            Ask(name="two.example.com"),
            Ask(name="two.example.com", message=WITHOUT_RECURSION),
        ),
        expectations=(
            Expectation(
                text="Nobody is asked for the name that is not known",
                rules=("REC-04",),
                check=AskedNobody(name="www.example.com"),
            ),
            Expectation(
                text="The client is told at once that there is nothing for it",
                rules=("REC-04",),
                check=ErrorReplied(name="www.example.com", rcodes=("REFUSED", "SERVFAIL")),
            ),
            Expectation(
                text="What is in the cache is told without recursion too",
                rules=("REC-04",),
                check=Answered(
                    name="two.example.com", addresses=("198.51.100.81", "198.51.100.82")
                ),
            ),
        ),
    ),
    "copied_as_it_came": Scenario(
        title="ID, RD and the question come back as they were sent, letter for letter",
        story="""A client recognises its reply by the ID and by the question, in the spelling it
used: some choose upper and lower case at random, to make forging harder. So the question comes
back as it was, and RD with it, in answers from upstream, from the cache and from an own zone, and
in errors.""",
        topology="recursion",
        steps=(
            Ask(name="wWw.ExAmPlE.nEt"),
            Ask(name="WWW.example.NET"),
            Ask(name="WwW.InTeRn.NeTz", message=WITHOUT_RECURSION),
            Ask(name="nOpE.example.net"),
            Ask(name="WWW.lame.com"),
        ),
        expectations=(
            Expectation(
                text="Each reply has its question's ID, RD and spelling",
                rules=("REC-08",),
                check=ReplyHeader(asked_with=("rd",), asked_without=("rd",)),
            ),
            Expectation(
                text="and the spelling makes no difference to the answer",
                rules=("REC-08",),
                check=Answered(name="www.example.net", addresses=("198.51.100.180",)),
            ),
        ),
    ),
}

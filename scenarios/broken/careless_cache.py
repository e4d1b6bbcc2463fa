from lab.judge.checks import (
    Answered,
    AnswerHolds,
    AskedNobody,
    AskedTimes,
    ErrorReplied,
    FailureRemembered,
    ForgeryIgnored,
    FromCache,
    NeverReferral,
    NeverUsed,
    OneTtlPerRrset,
    OptionsStay,
    PlainRetry,
    ReplyHeader,
    ServerSurvives,
    TransportKept,
    Unpredictable,
)
from lab.scenario.messages import Edns, Message
from lab.scenario.model import (
    Ask,
    AskMany,
    Await,
    Expectation,
    Forge,
    Play,
    Reply,
    Scenario,
    Script,
)

ORIGIN, EVIL, ROOT = "192.168.1.80", "192.168.1.66", "203.0.113.10"
WWW, TWO, NOPE = "www.example.com", "two.example.com", "nope.example.com"
SOA = "example.com. 60 IN SOA ns1.example.com. hostmaster.example.com. 1 7200 900 1209600 60"
ADDRESS = "@ 60 IN A 198.51.100.1"
CARELESS = Play(node="dns", program="resolver", script=Script(relays_to=(ORIGIN,)))
"""In the DNS server's seat: hands each question on as it came, and each reply back, and thinks of
nothing."""


def origin(*replies: Reply) -> Play:
    return Play(node="origin", program="authority", script=Script(replies=replies))


def expects(rule: str, text: str, check: object) -> Expectation:
    return Expectation.model_validate({"text": text, "rules": (rule,), "check": check})


SCENARIOS = {
    "keeps_nothing": Scenario(
        title="Broken on purpose: a forwarder without a memory",
        story="""In the DNS server's seat sits a program that relays everything and keeps nothing.
The judge must see that no answer comes from a cache, that absences and failures are asked for
again and again, that an RRset is told with two TTLs, and that one client's options go
upstream.""",
        topology="caches",
        steps=(
            CARELESS,
            origin(
                Reply(name=WWW, answer=(ADDRESS,)),
                Reply(name=TWO, answer=("@ 60 IN A 198.51.100.1", "@ 2 IN A 198.51.100.2")),
                Reply(name=NOPE, rcode="NXDOMAIN", authority=(SOA,)),
                Reply(rcode="SERVFAIL"),
            ),
            Ask(name=WWW, message=Message(edns=Edns(options=((65001, "abcd"),)))),
            Ask(name=WWW),
            Ask(name=TWO),
            Ask(name=NOPE),
            Ask(name=NOPE, qtype="AAAA"),
            Ask(name="fails.example.com"),
            Ask(name="fails.example.com"),
        ),
        expectations=(
            expects("CCH-01", "The second answer comes from a cache", FromCache(name=WWW)),
            expects("CCH-13", "An RRset has one TTL", OneTtlPerRrset()),
            expects("CCH-04", "An absent name is asked for once", AskedTimes(name=NOPE, times=1)),
            expects(
                "CCH-10",
                "A failure is remembered for a second",
                FailureRemembered(name="fails.example.com"),
            ),
            expects("CCH-17", "Options go no further", OptionsStay()),
            expects(
                "REC-08",
                "What is not broken is seen to be whole: headers are copied",
                ReplyHeader(),
            ),
        ),
        violates=("CCH-01", "CCH-04", "CCH-10", "CCH-13", "CCH-17"),
    ),
    "passes_everything_on": Scenario(
        title="Broken on purpose: a forwarder that passes on whatever it gets",
        story="""The same program, and a server upstream that refers, truncates, refuses OPT
records and leads in circles. A resolver has to do something about each; this one hands it to the
client.""",
        topology="caches",
        steps=(
            CARELESS,
            origin(
                Reply(
                    name=WWW,
                    authoritative=False,
                    authority=("example.com. 60 IN NS ns1.example.com.",),
                ),
                Reply(name=TWO, truncated=True, answer=(ADDRESS,)),
                Reply(name="loop.example.com", answer=("@ 60 IN CNAME loop.example.com.",)),
                Reply(edns=True, rcode="FORMERR", echoes_edns=False),
                Reply(answer=(ADDRESS,), authenticated=True),
            ),
            Ask(name=WWW),
            Ask(name=TWO),
            Ask(name="loop.example.com"),
            Ask(name="n1.example.com", message=Message(edns=Edns())),
            Ask(name="n2.example.com", message=Message(rd=False)),
        ),
        expectations=(
            expects("REC-06", "A referral is not passed on", NeverReferral()),
            expects("CCH-12", "A truncated answer is completed", Answered(name=TWO, count=1)),
            expects(
                "ROB-04",
                "A circle of aliases is an error",
                ErrorReplied(name="loop.example.com", rcodes=("SERVFAIL",)),
            ),
            expects("EDN-08", "A refused OPT record leads to a plain question", PlainRetry()),
            expects("REC-04", "RD=0 causes no question", AskedNobody(name="n2.example.com")),
            expects("REC-02", "RA says that there is recursion", ReplyHeader(name=WWW, ra=True)),
            expects("REC-09", "Nobody claims AD", ReplyHeader(name="n2.example.com", ad=False)),
        ),
        violates=("REC-06", "CCH-12", "ROB-04", "EDN-08", "REC-04", "REC-02", "REC-09"),
    ),
    "believes_everything": Scenario(
        title="Broken on purpose: a forwarder that believes everything",
        story="""The same program again, and a stranger who forges a reply with a wrong ID, an
upstream server that adds an address nobody asked for, and one whose replies are no messages. All
of it reaches the client.""",
        topology="caches",
        steps=(
            CARELESS,
            origin(
                Reply(name=WWW, delay_s=0.3, answer=(ADDRESS,)),
                Reply(name=TWO, answer=(ADDRESS, f"victim.test. 60 IN A {EVIL}")),
                Reply(name="n1.example.com", answer=(ADDRESS,), fault="cut-rdata"),
                Reply(answer=(ADDRESS,)),
            ),
            Ask(name=WWW, wait=False, label="question"),
            Forge(forger="stranger", victim="dns", fault="id", address="203.0.113.66"),
            Await(label="question"),
            Ask(name=TWO),
            Ask(name="victim.test"),
            Ask(name="n1.example.com", patience_s=0.5),
            Ask(name="n2.example.com"),
        ),
        expectations=(
            expects(
                "SEC-03", "A forgery is ignored", ForgeryIgnored(name=WWW, address="203.0.113.66")
            ),
            expects(
                "SEC-06",
                "What nobody asked for is not told",
                NeverUsed(address=EVIL, name="victim.test"),
            ),
            expects(
                "ROB-01", "A malformed reply is kept back", ServerSurvives(then="n2.example.com")
            ),
        ),
        violates=("SEC-03", "SEC-06", "ROB-01"),
    ),
    "serves_anybody": Scenario(
        title="Broken on purpose: a forwarder that serves anybody, and can be forged",
        story="""The same program in front of the Internet: it works for strangers out there, turns
questions over TCP into datagrams, and asks from ports that its host hands out in a range that is
half as wide as it could be.""",
        topology="recursion",
        steps=(
            Play(node="dns", program="resolver", script=Script(relays_to=(ROOT,))),
            Ask(node="outsider", server="192.168.1.53", name="name1.test"),
            Ask(name="name2.test", transport="tcp"),
            AskMany(name="name{n}.test", count=600, at_once=20),
        ),
        expectations=(
            expects(
                "REC-03",
                "A stranger is refused",
                ErrorReplied(asker="outsider", rcodes=("REFUSED",)),
            ),
            expects("TRN-07", "TCP in, TCP out", TransportKept()),
            expects("SEC-04", "Nothing can be guessed", Unpredictable(questions=600)),
        ),
        violates=("REC-03", "TRN-07", "SEC-04"),
    ),
    "lets_private_addresses_in": Scenario(
        title="Broken on purpose: no protection against DNS rebinding",
        story="""The same program in front of the global forwarder hands on what a name on the
Internet claims: an address of our own network.""",
        topology="conditional",
        steps=(
            Play(node="dns", program="resolver", script=Script(relays_to=("203.0.113.100",))),
            Ask(name="rebind.example.com"),
        ),
        expectations=(
            expects(
                "SEC-02",
                "A private address from outside is not told",
                AnswerHolds(name="rebind.example.com", records=()),
            ),
        ),
        violates=("SEC-02",),
    ),
}

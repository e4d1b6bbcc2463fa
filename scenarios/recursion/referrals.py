from lab.judge.checks import (
    Answered,
    AskedIteratively,
    AskedOnly,
    AskedTimes,
    ErrorReplied,
    NeverReferral,
    NothingSent,
)
from lab.scenario.model import Ask, Expectation, Play, Reply, Scenario, Script

ROOT, COM = "203.0.113.10", "203.0.113.20"
EXAMPLE1, EXAMPLE2 = "203.0.113.40", "203.0.113.41"
NET, EXNET = "203.0.113.21", "203.0.113.42"
NOWHERE = "203.0.113.66"
"""The outsider's address: where no referral may lead."""

REFERRAL = Reply(
    authoritative=False,
    authority=("example.com. 60 IN NS ns1.example.com.",),
    additional=("ns1.example.com. 60 IN A 203.0.113.40",),
)


def astray(what: str, story: str, zone: str) -> Scenario:
    """Both servers of example.com refer to a zone that they have no say in."""
    refer = Script(
        replies=(
            Reply(
                authoritative=False,
                # In their own domain, so that the address alone would be believed.
                authority=(f"{zone} 60 IN NS stray.example.com.",),
                additional=(f"stray.example.com. 60 IN A {NOWHERE}",),
            ),
        )
    )
    return Scenario(
        title=f"A referral {what} is not followed",
        story=story,
        topology="recursion",
        steps=(
            Play(node="example1", program="authority", script=refer),
            Play(node="example2", program="authority", script=refer),
            Ask(name="www.example.com"),
            Ask(name="www.example.net"),
        ),
        expectations=(
            Expectation(
                text="Nothing is sent where the referral points",
                rules=("REC-07",),
                check=NothingSent(node="dns", to=(NOWHERE,)),
            ),
            Expectation(
                text="The client gets an error, not the referral",
                rules=("REC-05", "REC-07"),
                check=ErrorReplied(name="www.example.com", rcodes=("SERVFAIL",)),
            ),
            Expectation(
                text="Another zone is none the worse for it",
                rules=("REC-07",),
                check=Answered(name="www.example.net", addresses=("198.51.100.180",)),
            ),
        ),
    )


SCENARIOS = {
    "never_passed_on": Scenario(
        title="A client that desires recursion gets answers and errors, never a referral",
        story="""On its way from the root the DNS server is referred from server to server. These
referrals are for it alone: a client with RD=1 gets the answer, or an error where the way ends at a
server that knows nothing of its zone.""",
        topology="recursion",
        steps=(
            Ask(name="www.sub.example.com"),
            Ask(name="www.lame.com"),
            Ask(name="nope.sub.example.com"),
        ),
        expectations=(
            Expectation(
                text="The DNS server is referred, the client is not",
                rules=("REC-05",),
                check=NeverReferral(),
            ),
            Expectation(
                text="The name is found at the end of the way",
                rules=("REC-05",),
                check=Answered(name="www.sub.example.com", addresses=("198.51.100.130",)),
            ),
            Expectation(
                text="A way that ends nowhere is an error",
                rules=("REC-05",),
                check=ErrorReplied(name="www.lame.com", rcodes=("SERVFAIL",)),
            ),
        ),
    ),
    "from_one_forwarder": Scenario(
        title="A forwarder that refers instead of answering is passed over",
        story="""A forwarder is asked to resolve. One that answers with a referral does not
recurse, for us or for anybody: its referral is no answer. The DNS server turns to the next
forwarder.""",
        topology="forwarders",
        steps=(
            Play(node="forwarder1", program="resolver", script=Script(replies=(REFERRAL,))),
            Ask(name="www.example.com"),
        ),
        expectations=(
            Expectation(
                text="The referral goes no further",
                rules=("REC-06",),
                check=NeverReferral(),
            ),
            Expectation(
                text="The client gets the second forwarder's answer",
                rules=("REC-06",),
                check=Answered(name="www.example.com", addresses=("198.51.100.80",)),
            ),
        ),
    ),
    "from_every_forwarder": Scenario(
        title="When all forwarders refer, the client gets SERVFAIL",
        story="""None of the forwarders recurses. The DNS server must not follow their referrals
either, for it is told to forward; it says that it failed.""",
        topology="forwarders",
        steps=(
            *(
                Play(node=node, program="resolver", script=Script(replies=(REFERRAL,)))
                for node in ("forwarder1", "forwarder2", "forwarder3")
            ),
            Ask(name="www.example.com"),
        ),
        expectations=(
            Expectation(
                text="The referrals go no further",
                rules=("REC-06",),
                check=NeverReferral(),
            ),
            Expectation(
                text="The client is told of the failure",
                rules=("REC-06",),
                check=ErrorReplied(name="www.example.com", rcodes=("SERVFAIL",)),
            ),
            Expectation(
                text="Nothing goes where they point",
                rules=("REC-06",),
                check=NothingSent(node="dns", to=("203.0.113.40",)),
            ),
        ),
    ),
    "closest_servers": Scenario(
        title="The closest servers that are known are asked",
        story="""For the first name the DNS server goes all the way: the root, net, example.net.
For the next one it remembers who is responsible and begins there. Asking higher up again would be
slow, and a burden to the root.""",
        topology="recursion",
        steps=(Ask(name="www.example.net"), Ask(name="chain41.example.net"), Ask(name="nope.net")),
        expectations=(
            Expectation(
                text="The first question takes the whole way down",
                rules=("REC-07",),
                check=AskedIteratively(name="www.example.net", servers=(ROOT, NET, EXNET)),
            ),
            Expectation(
                text="The second begins at example.net's server",
                rules=("REC-07",),
                check=AskedIteratively(name="chain41.example.net", servers=(EXNET,)),
            ),
            Expectation(
                text="A name below net does without the root",
                rules=("REC-07",),
                check=AskedTimes(below="nope.net", to=(ROOT,), times=0),
            ),
        ),
    ),
    "upward": astray(
        "upward",
        """The servers of example.com refer to other servers for com: upward, to a zone above their
own, as servers that do not know their zone did for many years. Believing them would put all of com
into their hands. The DNS server ignores it.""",
        "com.",
    ),
    "sideways": astray(
        "sideways",
        """The servers of example.com refer to other servers for example.net, a zone beside their
own. They have no say in it.""",
        "example.net.",
    ),
    "to_itself": Scenario(
        title="A referral to the zone that was asked itself is not followed for ever",
        story="""com refers to the servers of example.com, and these refer to themselves for the
same zone. A referral must lead downward; this one leads nowhere.""",
        topology="recursion",
        steps=(
            *(
                Play(node=node, program="authority", script=Script(replies=(REFERRAL,)))
                for node in ("example1", "example2")
            ),
            Ask(name="www.example.com"),
        ),
        expectations=(
            Expectation(
                text="The client gets an error",
                rules=("REC-05", "REC-07"),
                check=ErrorReplied(name="www.example.com", rcodes=("SERVFAIL",)),
            ),
            Expectation(
                text="The servers are not asked more than a few times",
                rules=("REC-07", "ROB-04"),
                check=AskedTimes(below="example.com", to=(EXAMPLE1, EXAMPLE2), at_most=8),
            ),
            Expectation(
                text="Only servers on the way were asked",
                rules=("REC-07",),
                check=AskedOnly(servers=(ROOT, COM, EXAMPLE1, EXAMPLE2)),
            ),
        ),
    ),
}

from lab.judge.checks import Answered, ErrorReplied, RdataUnchanged, ReplyHeader, SignedUnchanged
from lab.scenario.messages import Edns, Message
from lab.scenario.model import Ask, Expectation, Play, Reply, Scenario, Script

UNKNOWN = "unknown.example.com"
TRANSLATOR = "192.168.1.1"
OCTETS = r"@ 60 IN TYPE65280 \# 12 c00c03777777c00c00ff0000"
"""Octets that look like compressed names; RDATA of a type that nobody knows has no names."""

SCENARIOS = {
    "bits_of_the_header": Scenario(
        title="AD, CD and the reserved bit in a question change no answer, and Z comes back as 0",
        story="""Of the bits in a question's header some are for resolvers that validate and one is
for nobody yet. Set, they must not make a server refuse or stay silent; and the reserved one must
be 0 in the reply, or its meaning could never be assigned.""",
        topology="forwarders",
        steps=(
            Ask(name="www.example.com", message=Message(ad=True)),
            Ask(name="www.example.com", message=Message(cd=True)),
            Ask(name="www.example.com", message=Message(z=True)),
            Ask(name="www.example.com", message=Message(ad=True, cd=True, z=True, ra=True)),
            Ask(name="www.example.com", message=Message(z=True), transport="tcp"),
        ),
        expectations=(
            Expectation(
                text="Each is answered",
                rules=("TRN-01",),
                check=Answered(name="www.example.com", addresses=("198.51.100.80",)),
            ),
            Expectation(
                text="Z is 0 in each reply, and the rest as it must be",
                rules=("TRN-01",),
                check=ReplyHeader(asked_with=("ad", "cd", "z")),
            ),
        ),
    ),
    "unknown_types": Scenario(
        title="Records of types that nobody knows pass byte for byte",
        story="""New record types come, and old servers must not stand in their way: what they do
not know they pass on as it is. These records' octets even look like compressed names, and must not
be taken for any.""",
        topology="forwarders",
        steps=(
            Ask(name=UNKNOWN, qtype="TYPE1000"),
            Ask(name=UNKNOWN, qtype="TYPE65280"),
            Ask(name=UNKNOWN, qtype="TYPE65280", message=Message(edns=Edns(do=True))),
        ),
        expectations=(
            *(
                Expectation(
                    text=f"{rtype} comes as it was sent",
                    rules=("TRN-02",),
                    check=RdataUnchanged(name=UNKNOWN, rtype=rtype),
                )
                for rtype in ("TYPE1000", "TYPE65280")
            ),
            Expectation(
                text="Without an error",
                rules=("TRN-02",),
                check=Answered(name=UNKNOWN, qtype="TYPE65280", count=0),
            ),
        ),
    ),
    "unknown_types_beside_aliases": Scenario(
        title="Unknown types pass unchanged behind an alias, with names compressed around them",
        story="""The records stand behind an alias, so the names in front of them are compressed
and their place in the message changes. Whoever rewrites the message must move them and not touch
them.""",
        topology="forwarders",
        steps=(
            Play(
                node="forwarder1",
                program="resolver",
                script=Script(
                    replies=(
                        Reply(
                            answer=(
                                "@ 60 IN CNAME a-much-longer-name.www.example.com.",
                                OCTETS.replace("@", "a-much-longer-name.www.example.com."),
                            )
                        ),
                    )
                ),
            ),
            Ask(name="www.example.com", qtype="TYPE65280"),
        ),
        expectations=(
            Expectation(
                text="Alias and octets come as they were sent",
                rules=("TRN-02",),
                check=RdataUnchanged(name="www.example.com", rtype="TYPE65280"),
            ),
        ),
    ),
    "other_classes": Scenario(
        title="A question of another class gets a reply",
        story="""Nearly all questions are of class IN. The few others are for the server itself
(CH) or for nobody. The DNS server may refuse them; silence would make the client wait and ask
again.""",
        topology="forwarders",
        steps=(
            Ask(name="version.bind", qtype="TXT", message=Message(qclass="CH"), patience_s=2.0),
            Ask(name="www.example.com", message=Message(qclass="CLASS65280"), patience_s=2.0),
        ),
        expectations=(
            Expectation(
                text="CH is refused",
                rules=("TRN-03",),
                check=ErrorReplied(qclass="CH", rcodes=("REFUSED", "NOTIMP")),
            ),
            Expectation(
                text="A class that nobody knows is refused",
                rules=("TRN-03",),
                check=ErrorReplied(qclass="CLASS65280", rcodes=("REFUSED", "NOTIMP")),
            ),
        ),
    ),
    "signed_messages": Scenario(
        title="A message signed from end to end passes the DNS translator unchanged",
        story="""The client signs its question with a key that only the load balancer shares
(TSIG). The DNS translator, which stands between, has not got the key. If it changed one octet but
the ID, which the signature leaves out, the signature would no longer fit.""",
        topology="cluster-nat",
        steps=(Ask(server=TRANSLATOR, message=Message(tsig=True), patience_s=3.0),),
        expectations=(
            Expectation(
                text="Question and reply are the same before the translator and behind it",
                rules=("TRN-12",),
                check=SignedUnchanged(),
            ),
        ),
    ),
}

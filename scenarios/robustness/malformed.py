from lab.judge.checks import Answered, MalformedHarmless, ServerSurvives
from lab.scenario.messages import Message, MessageFault
from lab.scenario.model import Ask, Expectation, Play, Reply, Scenario, Script
from lab.scenario.scripts import ReplyFault

NAME, NEXT = "www.example.com", "two.example.com"
ADDRESS = "@ 60 IN A 198.51.100.1"
MESSAGES: tuple[MessageFault, ...] = (
    "short-header",
    "no-question",
    "two-questions",
    "cut-question",
    "bad-pointer",
    "trailing-octets",
    "is-a-reply",
    "wrong-counts",
)
REPLIES: dict[ReplyFault, str] = {
    "bad-pointer": "a compressed name that points at itself",
    "wrong-counts": "more records promised than sent",
    "zero-octets": "nothing but zeros behind the ID",
    "cut-rdata": "a record that ends too early",
    "empty": "no octets at all",
}


def upstream(fault: ReplyFault, what: str) -> Scenario:
    broken = Script(replies=(Reply(name=NAME, answer=(ADDRESS,), fault=fault),))
    return Scenario(
        title=f"A malformed reply from a forwarder does no harm: {what}",
        story=f"""The first forwarder's reply is no DNS message: {what}. It is as good as none: the
DNS server goes on as if nothing had come, and is there for the next question.""",
        topology="forwarders",
        steps=(
            Play(
                node="forwarder1",
                program="resolver",
                script=broken.model_copy(
                    update={"replies": (*broken.replies, Reply(answer=(ADDRESS,)))}
                ),
            ),
            Ask(name=NAME),
            Ask(name=NEXT),
        ),
        expectations=(
            Expectation(
                text="The client gets an answer or SERVFAIL, and the next question works",
                rules=("ROB-01",),
                check=ServerSurvives(then=NEXT),
            ),
            Expectation(
                text="The second forwarder's answer helps",
                rules=("ROB-01",),
                check=Answered(name=NAME, addresses=("198.51.100.80",)),
            ),
        ),
    )


SCENARIOS = {
    "from_clients": Scenario(
        title="Malformed messages from clients do no harm, and do not pay",
        story="""Anybody can send anything to port 53. Headers cut short, questions without an end,
names that point at themselves, replies where questions belong: each gets FORMERR or silence, never
more octets than it brought, for its source may be somebody else's address. And the server goes on
serving.""",
        topology="forwarders",
        steps=(
            *(Ask(name=NAME, message=Message(fault=fault), patience_s=0.2) for fault in MESSAGES),
            Ask(name=NAME),
        ),
        expectations=(
            Expectation(
                text="FORMERR or silence, no amplification, and the next question is answered",
                rules=("ROB-02",),
                check=MalformedHarmless(messages=len(MESSAGES)),
            ),
        ),
    ),
    **{
        f"{fault.replace('-', '_')}_upstream": upstream(fault, what)
        for fault, what in REPLIES.items()
    },
}

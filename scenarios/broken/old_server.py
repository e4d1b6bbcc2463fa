from lab.judge.checks import (
    AllReplied,
    AnsweredOnConnection,
    BitReachesUpstream,
    ErrorReplied,
    NotHeldUp,
    OptAnswered,
    RdataUnchanged,
    ReplyFits,
    SignedUnchanged,
)
from lab.scenario.messages import Edns, Message
from lab.scenario.model import (
    Ask,
    AskMany,
    Await,
    Elapse,
    Expectation,
    Misconfigure,
    Play,
    Reply,
    RewriteAnswers,
    Scenario,
    Script,
)

WWW, TWO = "www.example.com", "two.example.com"
ADDRESS = "@ 60 IN A 198.51.100.1"
TEXT = "a-text-that-is-rather-long-so-that-thirty-of-them-fit-no-datagram"


def in_its_seat(*replies: Reply) -> Play:
    return Play(node="dns", program="resolver", script=Script(replies=replies))


def expects(rule: str, text: str, check: object) -> Expectation:
    return Expectation.model_validate({"text": text, "rules": (rule,), "check": check})


SCENARIOS = {
    "knows_no_edns": Scenario(
        title="Broken on purpose: a server that overlooks EDNS",
        story="""In the DNS server's seat sits a program from before EDNS: it answers as if there
were no OPT record, whatever its version, and stays silent to what it cannot read. It knows one
opcode, and answers all alike.""",
        topology="caches",
        steps=(
            in_its_seat(Reply(answer=(ADDRESS,), echoes_edns=False)),
            Ask(name=WWW, message=Message(edns=Edns(do=True))),
            Ask(name=WWW, message=Message(edns=Edns(version=1))),
            Ask(name=TWO, message=Message(edns=Edns(copies=2)), patience_s=0.3),
            Ask(name="n1.example.com", message=Message(opcode=15), patience_s=0.3),
        ),
        expectations=(
            expects("EDN-01", "An OPT record is answered with one", OptAnswered(about="opt")),
            expects("EDN-02", "Another version gives BADVERS", OptAnswered(about="version")),
            expects("EDN-05", "DO goes upstream", BitReachesUpstream(bit="do")),
            expects(
                "EDN-06",
                "Two OPT records give FORMERR",
                ErrorReplied(name=TWO, rcodes=("FORMERR",)),
            ),
            expects(
                "EDN-07",
                "An unknown opcode gives NOTIMP",
                ErrorReplied(opcode=15, rcodes=("NOTIMP",)),
            ),
        ),
        violates=("EDN-01", "EDN-02", "EDN-05", "EDN-06", "EDN-07"),
    ),
    "sends_what_does_not_fit": Scenario(
        title="Broken on purpose: a server that sends more than its client takes, or less",
        story="""This one sends the whole answer over UDP although the client takes 512 octets, and
cuts a small one; it closes connections instead of answering on them.""",
        topology="caches",
        steps=(
            in_its_seat(
                Reply(transport="tcp", closes_stream=True),
                Reply(name=TWO, truncated=True),
                Reply(answer=tuple(f'@ 60 IN TXT "{TEXT}-{n}"' for n in range(12))),
            ),
            Ask(name=WWW, qtype="TXT"),
            Ask(name="n1.example.com", qtype="TXT", message=Message(edns=Edns(size=600))),
            Ask(name=TWO, qtype="TXT", message=Message(edns=Edns(size=4096))),
            Ask(name=WWW, transport="tcp", patience_s=0.5),
        ),
        expectations=(
            expects("TRN-05", "At most 512 octets", ReplyFits(name=WWW)),
            expects("TRN-10", "At most what the client takes", ReplyFits(name="n1.example.com")),
            expects("TRN-09", "What fits is not cut", ReplyFits(name=TWO, truncated=False)),
            expects("TRN-06", "Answered on its connection", AnsweredOnConnection()),
        ),
        violates=("TRN-05", "TRN-06", "TRN-09", "TRN-10"),
    ),
    "holds_up_and_loses": Scenario(
        title="Broken on purpose: a server that takes its time, and loses questions",
        story="""One name makes it think for long, another for longer, and of many questions it
leaves some without a word.""",
        topology="caches",
        steps=(
            in_its_seat(
                Reply(name="slow.example.com", delay_s=0.9, answer=(ADDRESS,)),
                Reply(name=WWW, delay_s=0.6, answer=(ADDRESS,)),
                Reply(name="n7.example.com", silent=True),
                Reply(answer=(ADDRESS,)),
            ),
            Ask(
                node="stranger",
                server="192.168.1.53",
                name="slow.example.com",
                wait=False,
                label="slow",
            ),
            Elapse(seconds=0.1),
            Ask(name=WWW),
            Await(label="slow"),
            AskMany(name="n{n}.example.com", count=10, patience_s=0.5),
        ),
        expectations=(
            expects(
                "TRN-11",
                "A slow question holds up nobody",
                NotHeldUp(name=WWW, slow="slow.example.com", within_s=0.05),
            ),
            expects("ROB-03", "No question is lost", AllReplied(count=10)),
        ),
        violates=("TRN-11", "ROB-03"),
    ),
    "changes_what_it_relays": Scenario(
        title="Broken on purpose: a translator that changes what it must pass on",
        story="""The DNS translator rewrites addresses in answers, as many NAT boxes did. For a
client that signs its messages end to end, that is an attack like any other.""",
        topology="cluster-nat",
        steps=(
            Misconfigure(fault=RewriteAnswers()),
            Ask(),
            Ask(server="192.168.1.1", message=Message(tsig=True), patience_s=3.0),
        ),
        expectations=(
            expects(
                "TRN-02",
                "Records pass byte for byte",
                RdataUnchanged(asker="dns", rtype="A"),
            ),
            expects("TRN-12", "Signed messages pass unchanged", SignedUnchanged()),
        ),
        violates=("TRN-02", "TRN-12"),
    ),
}

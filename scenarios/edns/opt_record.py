from lab.judge.checks import (
    Answered,
    BitReachesUpstream,
    ErrorReplied,
    OptAnswered,
    PlainRetry,
    ReplyHeader,
)
from lab.scenario.messages import Edns, Message
from lab.scenario.model import Ask, Expectation, Play, Reply, Scenario, Script

NAME = "www.example.com"
ADDRESS = "198.51.100.80"
VERSIONS = {
    "version 1": Edns(version=1),
    "version 100": Edns(version=100),
    "version 1 with a flag": Edns(version=1, flags=0x40),
    "version 1 with an option": Edns(version=1, options=((65001, "abcd"),)),
    "version 1 with DO": Edns(version=1, do=True),
}


def asked(edns: Edns | None = None, *, name: str = NAME, opcode: int = 0) -> Ask:
    return Ask(name=name, message=Message(edns=edns, opcode=opcode), patience_s=3.0)


def old_forwarder(rcode: str) -> Scenario:
    return Scenario(
        title=f"A forwarder that answers OPT with {rcode} is asked once more without it",
        story=f"""The forwarder is older than EDNS and answers questions with an OPT record
{rcode}. The DNS server puts the same question without one; the client notices nothing.""",
        topology="forwarders",
        steps=(
            Play(
                node="forwarder1",
                program="resolver",
                script=Script(
                    replies=(
                        Reply(edns=True, rcode=rcode, echoes_edns=False),
                        Reply(answer=("@ 60 IN A 198.51.100.1",)),
                    )
                ),
            ),
            asked(Edns()),
        ),
        expectations=(
            Expectation(
                text="The question is put once more, without OPT",
                rules=("EDN-08",),
                check=PlainRetry(),
            ),
            Expectation(
                text="The client gets that forwarder's answer",
                rules=("EDN-08",),
                check=Answered(name=NAME, addresses=("198.51.100.1",)),
            ),
            Expectation(
                text="with an OPT record, for it sent one",
                rules=("EDN-01",),
                check=OptAnswered(about="opt"),
            ),
        ),
    )


SCENARIOS = {
    "for_an_opt_record": Scenario(
        title="An OPT record is answered with one, and none with none",
        story="""An OPT record says that its sender speaks EDNS. To a client that does, the server
answers in kind, from upstream and from the cache, in errors too; to one that does not, an OPT
record would be a record it never heard of.""",
        topology="forwarders",
        steps=(
            asked(Edns()),
            asked(None),
            asked(Edns(size=4096, do=True)),
            asked(Edns(), name="nope.example.com"),
            asked(None, name="nope.example.com"),
        ),
        expectations=(
            Expectation(
                text="With OPT: exactly one comes back",
                rules=("EDN-01",),
                check=OptAnswered(about="opt"),
            ),
            Expectation(
                text="Without: none",
                rules=("EDN-01",),
                check=OptAnswered(about="no-opt"),
            ),
            Expectation(
                text="The answer is the same",
                rules=("EDN-01",),
                check=Answered(name=NAME, addresses=(ADDRESS,)),
            ),
        ),
    ),
    "other_versions": Scenario(
        title="EDNS of another version gives BADVERS and a clean OPT record of version 0",
        story="""There is no EDNS version but 0 yet. A client that speaks a later one is told
BADVERS with the version that the server has, whatever else stands in its OPT record, so that it
can ask again in words that are understood. Answering as if nothing were would stop any later
version from ever working.""",
        topology="forwarders",
        steps=tuple(asked(edns) for edns in VERSIONS.values()),
        expectations=(
            Expectation(
                text="BADVERS, OPT of version 0, nothing echoed, no answer",
                rules=("EDN-02",),
                check=OptAnswered(about="version"),
            ),
            Expectation(
                text="and no record in any section",
                rules=("EDN-02",),
                check=ErrorReplied(name=NAME, rcodes=("BADVERS",)),
            ),
        ),
    ),
    "unknown_options": Scenario(
        title="An unknown option is ignored: a normal answer, and nothing echoed",
        story="""Options come and go; servers that do not know one answer as if it were not there.
An echo would make the client believe that it was understood.""",
        topology="forwarders",
        steps=(
            asked(Edns(options=((65001, "abcd"),))),
            asked(Edns(options=((65001, ""), (100, "00112233445566778899")))),
        ),
        expectations=(
            Expectation(
                text="Nothing is echoed",
                rules=("EDN-03",),
                check=OptAnswered(about="options"),
            ),
            Expectation(
                text="The answer is a normal one",
                rules=("EDN-03",),
                check=Answered(name=NAME, addresses=(ADDRESS,)),
            ),
        ),
    ),
    "unknown_flags": Scenario(
        title="An unknown EDNS flag is ignored: a normal answer, and the flag not echoed",
        story="""Fifteen of the sixteen flags have no meaning yet. Set, they change nothing, and
must be 0 in the reply.""",
        topology="forwarders",
        steps=(asked(Edns(flags=0x40)), asked(Edns(flags=0x7FFF, do=True))),
        expectations=(
            Expectation(
                text="No flag comes back but DO",
                rules=("EDN-04",),
                check=OptAnswered(about="flags"),
            ),
            Expectation(
                text="The answer is a normal one",
                rules=("EDN-04",),
                check=Answered(name=NAME, addresses=(ADDRESS,)),
            ),
        ),
    ),
    "do_reaches_the_forwarder": Scenario(
        title="DO reaches the forwarder, with a client of any size",
        story="""A client that wants signatures says DO. Whether it gets them is for the zone's
server to say: the bit must reach it.""",
        topology="forwarders",
        steps=(asked(Edns(do=True)), asked(Edns(do=True, size=512), name="two.example.com")),
        expectations=(
            Expectation(
                text="Every question that it causes has DO=1",
                rules=("EDN-05",),
                check=BitReachesUpstream(bit="do"),
            ),
            Expectation(
                text="The client is answered",
                rules=("EDN-05",),
                check=Answered(name=NAME, addresses=(ADDRESS,)),
            ),
        ),
    ),
    "two_of_them": Scenario(
        title="Two OPT records are a format error",
        story="""A message has one OPT record at most. Which of two should count? None: FORMERR.""",
        topology="forwarders",
        steps=(asked(Edns(copies=2)), asked(Edns(copies=3), name="two.example.com")),
        expectations=(
            Expectation(
                text="FORMERR, and no records",
                rules=("EDN-06",),
                check=ErrorReplied(rcodes=("FORMERR",)),
            ),
        ),
    ),
    "unknown_opcode": Scenario(
        title="An unknown opcode is not implemented, and says so",
        story="""A message may ask for other things than a query, one day. A server that does not
know them says NOTIMP with the same opcode, and repeats nothing that it could not read.""",
        topology="forwarders",
        steps=(asked(opcode=15), asked(Edns(), opcode=15), asked(opcode=3)),
        expectations=(
            Expectation(
                text="NOTIMP, the same opcode, empty sections",
                rules=("EDN-07",),
                check=ErrorReplied(opcode=15, rcodes=("NOTIMP",), bare=True),
            ),
            Expectation(
                text="The header is otherwise as it must be",
                rules=("EDN-07",),
                check=ReplyHeader(),
            ),
        ),
    ),
    "formerr_upstream": old_forwarder("FORMERR"),
    "notimp_upstream": old_forwarder("NOTIMP"),
}

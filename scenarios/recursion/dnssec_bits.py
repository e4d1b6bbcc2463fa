from typing import Literal

from lab.judge.checks import AnswerHolds, AskedTimes, BitReachesUpstream, ReplyHeader
from lab.scenario.messages import Edns, Message
from lab.scenario.model import Ask, Expectation, Play, Reply, Scenario, Script

SeatName = Literal["authority", "resolver"]

NAME = "signed.example.net"
ADDRESS = f"{NAME} A 198.51.100.97"
SIGNATURE = (
    f"{NAME} RRSIG A 8 3 300 20300101000000 20200101000000 12345 example.net. "
    "c2lnbmVkLWluLW5hbWUtb25seQ=="
)
WANTS_SIGNATURES = Message(edns=Edns(do=True), ad=True)
CHECKS_ITSELF = Message(edns=Edns(do=True), cd=True)


SIGNED = Script(
    replies=(
        Reply(
            name=NAME,
            qtype="A",
            authenticated=True,
            answer=tuple(line.replace(NAME, f"{NAME}. 300 IN", 1) for line in (ADDRESS, SIGNATURE)),
        ),
    )
)
"""A server that signs, in name only, and claims with AD that it has validated what it says."""


def scenario(topology: str, whom: str, seats: dict[str, SeatName]) -> Scenario:
    return Scenario(
        title=f"DO and CD are honoured, AD is never claimed: {whom}",
        story="""A client that validates asks for signatures (DO) and perhaps that nobody else
judges them (CD). The DNS server does not validate: it passes both bits on and the signatures back,
keeps answers with signatures apart from those without, and never claims with AD to have checked
what it has not, though the server upstream does.""",
        topology=topology,
        steps=(
            *(Play(node=node, program=seat, script=SIGNED) for node, seat in seats.items()),
            Ask(name=NAME),
            Ask(name=NAME, message=WANTS_SIGNATURES),
            Ask(name=NAME),
            Ask(name=NAME, message=WANTS_SIGNATURES),
            Ask(node="stranger", server="192.168.1.53", name=NAME, message=CHECKS_ITSELF),
        ),
        expectations=(
            Expectation(
                text="DO=1 reaches the servers upstream",
                rules=("REC-09", "EDN-05"),
                check=BitReachesUpstream(bit="do"),
            ),
            Expectation(
                text="CD=1 too",
                rules=("REC-09",),
                check=BitReachesUpstream(bit="cd"),
            ),
            Expectation(
                text="A client without DO gets the address alone",
                rules=("REC-09",),
                check=AnswerHolds(name=NAME, which="first", records=(ADDRESS,)),
            ),
            Expectation(
                text="A client with DO gets the signature too, from the cache as well",
                rules=("REC-09", "EDN-05"),
                check=AnswerHolds(name=NAME, which="last", records=(ADDRESS, SIGNATURE)),
            ),
            Expectation(
                text="Each kind of question went upstream once",
                rules=("REC-09",),
                check=AskedTimes(name=NAME, qtype="A", times=3),
            ),
            Expectation(
                text="AD=0 in every reply, although the client set it",
                rules=("REC-09",),
                check=ReplyHeader(ad=False, asked_with=("ad",)),
            ),
            Expectation(
                text="CD comes back as it was sent",
                rules=("REC-09",),
                check=ReplyHeader(asker="stranger", ad=False, asked_with=("cd",)),
            ),
        ),
    )


SCENARIOS = {
    "forwarding": scenario("forwarders", "through a forwarder", {"forwarder1": "resolver"}),
    "recursing": scenario(
        "recursion",
        "on the way from the root",
        {"exnet": "authority"},
    ),
}

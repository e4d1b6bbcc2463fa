from lab.judge.checks import (
    Answered,
    AskedInOrder,
    AskedOnly,
    FreshIdentifiers,
    NextAskedAfterTimeout,
    NothingSent,
    QuestionsBounded,
)
from lab.scenario.model import Ask, Expectation, Play, Scenario, Script, Step

FIRST, SECOND, THIRD = "203.0.113.101", "203.0.113.102", "203.0.113.103"
ROOT = "203.0.113.10"
SILENT = Script(silent=True)


def silent(*forwarders: int) -> tuple[Step, ...]:
    return tuple(
        Play(node=f"forwarder{each}", program="resolver", script=SILENT) for each in forwarders
    )


SCENARIOS = {
    "first_and_second_silent": Scenario(
        title="The first two forwarders are silent, the third answers",
        story="""The worked example of the forwarders article. The DNS server is set up with three
forwarders. The first does not respond; after the forwarding timeout the second is asked; it does
not respond either; after one more timeout the third is asked, and answers. The client waits two
timeouts and gets the third one's answer.""",
        topology="forwarders",
        steps=(*silent(1, 2), Ask(name="www.example.com")),
        expectations=(
            Expectation(
                text="The forwarders are asked in listed order, each once: first, second, third",
                rules=("FWD-01", "FWD-03", "FWD-17"),
                check=AskedInOrder(servers=(FIRST, SECOND, THIRD)),
            ),
            Expectation(
                text="Each is waited for one second, the timeout, before the next is asked",
                rules=("FWD-02",),
                check=NextAskedAfterTimeout(timeout_s=1.0),
            ),
            Expectation(
                text="Each question is the same, with an ID and a source port of its own",
                rules=("FWD-12",),
                check=FreshIdentifiers(),
            ),
            Expectation(
                text="The client gets the third forwarder's answer after two timeouts",
                rules=("FWD-03",),
                check=Answered(name="www.example.com", addresses=("198.51.100.80",), within_s=2.0),
            ),
            Expectation(
                text="Nothing goes to the root server or to anybody else",
                rules=("FWD-03", "REC-01"),
                check=AskedOnly(servers=(FIRST, SECOND, THIRD)),
            ),
        ),
    ),
    "first_silent": Scenario(
        title="The first forwarder is silent, the second answers: the third hears nothing",
        story="""Forwarders behind the one that answers are not bothered: the search ends with the
first affirmative answer.""",
        topology="forwarders",
        steps=(*silent(1), Ask(name="www.example.com")),
        expectations=(
            Expectation(
                text="The first and the second are asked, in this order",
                rules=("FWD-01", "FWD-03"),
                check=AskedInOrder(servers=(FIRST, SECOND)),
            ),
            Expectation(
                text="No packet at all goes to the third",
                rules=("FWD-03",),
                check=NothingSent(node="dns", to=(THIRD, ROOT)),
            ),
            Expectation(
                text="The client gets the second one's answer after one timeout",
                rules=("FWD-03",),
                check=Answered(name="www.example.com", addresses=("198.51.100.80",), within_s=1.0),
            ),
        ),
    ),
    "all_silent": Scenario(
        title="No forwarder answers and recursion is off: SERVFAIL in time, and nothing leaks",
        story="""All three forwarders are silent. The DNS server is not allowed to resolve names
itself, so after three timeouts it tells the client that it failed. It has asked each forwarder
once, and neither a root server nor any other.""",
        topology="forwarders",
        steps=(*silent(1, 2, 3), Ask(name="www.example.com")),
        expectations=(
            Expectation(
                text="Each forwarder is asked once, in order",
                rules=("FWD-01", "FWD-17"),
                check=AskedInOrder(servers=(FIRST, SECOND, THIRD)),
            ),
            Expectation(
                text="Three questions, no more: one for each forwarder, and no retries",
                rules=("FWD-15", "FWD-16"),
                check=QuestionsBounded(at_most=3),
            ),
            Expectation(
                text="The client is told SERVFAIL after three timeouts",
                rules=("FWD-13",),
                check=Answered(name="www.example.com", rcode="SERVFAIL", count=0, within_s=3.0),
            ),
            Expectation(
                text="Nothing goes to the root server or to any authoritative server",
                rules=("FWD-13",),
                check=AskedOnly(servers=(FIRST, SECOND, THIRD)),
            ),
        ),
    ),
}

from lab.judge.checks import Answered, AskedInOrder, FailsBack, NextAskedAfterTimeout
from lab.scenario.model import Ask, Elapse, Expectation, Halt, Resume, Scenario

FIRST, SECOND = "203.0.113.101", "203.0.113.102"

SCENARIO = Scenario(
    title="After its recovery the first forwarder is first again",
    story="""The first forwarder loses power, and the second stands in for it: each new question
costs the client one timeout. When the first has power again, the very next new question goes to
it. How long the DNS server went on without it is noted: some products take minutes.""",
    topology="forwarders",
    steps=(
        Ask(name="n1.example.com"),
        Halt(node="forwarder1"),
        Ask(name="n2.example.com"),
        Resume(node="forwarder1"),
        # By then whoever looked for it in vain has looked again: ARP does so each second.
        Elapse(seconds=1.2),
        Ask(name="n3.example.com"),
    ),
    expectations=(
        Expectation(
            text="Before the failure the first is asked",
            rules=("FWD-05",),
            check=AskedInOrder(servers=(FIRST,), name="n1.example.com"),
        ),
        Expectation(
            text="Without power it is asked first nevertheless, and the second stands in",
            rules=("FWD-05", "FWD-02"),
            check=AskedInOrder(servers=(FIRST, SECOND), name="n2.example.com"),
        ),
        Expectation(
            text="The second is asked one timeout later",
            rules=("FWD-02",),
            check=NextAskedAfterTimeout(timeout_s=1.0, name="n2.example.com"),
        ),
        Expectation(
            text="With power again, the first is first again, with the next new question",
            rules=("FWD-05",),
            check=FailsBack(server=FIRST),
        ),
        Expectation(
            text="The client has its answer at once",
            rules=("FWD-05",),
            check=Answered(name="n3.example.com", addresses=("198.51.101.3",), within_s=0.0),
        ),
    ),
)

from lab.judge.checks import Answered, AskedInOrder, NothingSent
from lab.scenario.model import Ask, Expectation, Scenario

FIRST, SECOND, THIRD = "203.0.113.101", "203.0.113.102", "203.0.113.103"

SCENARIO = Scenario(
    title='"No such name" and "no such data" are answers too',
    story="""The search through the forwarders goes on "until it receives an affirmative answer".
What that means is settled here: data, NODATA (the name exists, without such data) and NXDOMAIN (no
such name) end the search. A resolver that asked the next forwarder after an NXDOMAIN would ask all
of them for every typing mistake, and would let them contradict each other.""",
    topology="forwarders",
    steps=(
        Ask(name="www.example.com"),
        Ask(name="www.example.com", qtype="AAAA"),
        Ask(name="nowhere.example.com"),
    ),
    expectations=(
        Expectation(
            text="Data: the first forwarder alone is asked",
            rules=("FWD-06",),
            check=AskedInOrder(servers=(FIRST,), name="www.example.com", qtype="A", times=1),
        ),
        Expectation(
            text="NODATA: the first forwarder alone is asked",
            rules=("FWD-06",),
            check=AskedInOrder(servers=(FIRST,), name="www.example.com", qtype="AAAA", times=1),
        ),
        Expectation(
            text="NXDOMAIN: the first forwarder alone is asked",
            rules=("FWD-06", "FWD-10"),
            check=AskedInOrder(servers=(FIRST,), name="nowhere.example.com", times=1),
        ),
        Expectation(
            text="No packet goes to the others",
            rules=("FWD-06", "FWD-10"),
            check=NothingSent(node="dns", to=(SECOND, THIRD)),
        ),
        Expectation(
            text="The client gets the data",
            rules=("FWD-06",),
            check=Answered(name="www.example.com", addresses=("198.51.100.80",)),
        ),
        Expectation(
            text="The client is told that there is no such data, and by the SOA for how long",
            rules=("FWD-06",),
            check=Answered(name="www.example.com", qtype="AAAA", count=0, soa=True),
        ),
        Expectation(
            text="The client is told that there is no such name, likewise",
            rules=("FWD-06", "FWD-10"),
            check=Answered(name="nowhere.example.com", rcode="NXDOMAIN", soa=True),
        ),
    ),
)

from lab.judge.checks import Answered, NeverReferral, QuestionsBounded, Unfragmented
from lab.scenario.model import Ask, Edns, Expectation, Message, Play, Reply, Scenario, Script

NAME, BIG = "www.example.com", "big4000.example.com"
VICTIM = "victim.example.net"
FAN = tuple(f"example.com. 60 IN NS ns{number}.{VICTIM}." for number in range(1, 21))

SCENARIOS = {
    "fan_of_name_servers": Scenario(
        title="A forwarder that refers to twenty servers without addresses costs nobody a flood",
        story="""All forwarders have been taken over. Instead of answering they name twenty name
servers, all in a domain that is to be flooded, none with an address. Whoever looked each of them up
would send the victim twenty questions for one (NXNSAttack, 2020). A forwarder's referral is no
answer, and nothing to follow.""",
        topology="forwarders",
        steps=(
            *(
                Play(
                    node=f"forwarder{number}",
                    program="resolver",
                    script=Script(replies=(Reply(authority=FAN, authoritative=False),)),
                )
                for number in (1, 2, 3)
            ),
            Ask(name=NAME, patience_s=20.0),
        ),
        expectations=(
            Expectation(
                text="Nine questions at most go out for it, about whatever name",
                rules=("FWD-15",),
                check=QuestionsBounded(at_most=9),
            ),
            Expectation(
                text="The referral is not passed on",
                rules=("REC-06",),
                check=NeverReferral(),
            ),
            Expectation(
                text="The client is told SERVFAIL",
                rules=("REC-06",),
                check=Answered(name=NAME, rcode="SERVFAIL", count=0),
            ),
        ),
    ),
    "fan_at_the_resolver": Scenario(
        title="A delegation to fifty servers without addresses costs nobody a flood",
        story="""fan.com is delegated to fifty name servers, none of which has an address. Whoever
looks for all of them sends the servers of that other domain fifty questions and more for one, and
anybody may ask for it again and again (NXNSAttack, 2020). A few are looked for, and then the search
is given up.""",
        topology="recursion",
        steps=(Ask(name="www.fan.com", patience_s=40.0),),
        expectations=(
            Expectation(
                text="Fewer questions go out for it than servers are named, about whatever name",
                rules=("FWD-15",),
                check=QuestionsBounded(at_most=49),
            ),
            Expectation(
                text="The client is told SERVFAIL",
                rules=("REC-05",),
                check=Answered(name="www.fan.com", rcode="SERVFAIL", count=0),
            ),
        ),
    ),
    "no_fragments": Scenario(
        title="No forwarder's reply comes in fragments",
        story="""Of a reply in fragments only the first has port, ID and question. A forger who
slips in a second one of his own need guess none of them (Herzberg and Shulman, 2013). So the DNS
server offers no more than fits one packet, whatever the client offers, and fetches the rest over
TCP.""",
        topology="forwarders",
        steps=(
            Ask(name=BIG, qtype="TXT", message=Message(edns=Edns(size=4096))),
            Ask(name=NAME),
        ),
        expectations=(
            Expectation(
                text="The big answer came over, and not in fragments",
                rules=("SEC-03",),
                check=Unfragmented(name=BIG, octets=3000),
            ),
            Expectation(
                text="The next question is answered",
                rules=("SEC-03",),
                check=Answered(name=NAME, addresses=("198.51.100.80",)),
            ),
        ),
    ),
}

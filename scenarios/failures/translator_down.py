from lab.judge.checks import Answered, NameStaysWithin, NothingSent
from lab.scenario.model import Ask, Elapse, Expectation, Halt, Scenario


def translator_down(topology: str, asked: str, masters: tuple[str, ...]) -> Scenario:
    return Scenario(
        title=f"The translator is down: an error in time, and nothing leaks (DNS asks {asked})",
        story="""The translator has lost power, and with it both ways to the cluster: the DNS
translator and the NAT. The local DNS server gets no answer and says SERVFAIL in time; it tries no
other way to the private name.""",
        topology=topology,
        steps=(Ask(), Elapse(seconds=2.1), Halt(node="translator"), Ask()),
        expectations=(
            Expectation(
                text="While the translator lived, the viewer got an address",
                rules=("CLU-08",),
                check=Answered(
                    which="first", among=("192.168.1.100", "192.168.1.101", "192.168.1.102")
                ),
            ),
            Expectation(
                text="Without it the viewer is told SERVFAIL",
                rules=("CLU-16",),
                check=Answered(
                    which="last", rcode="SERVFAIL", count=0, within_s=1.0 * len(masters)
                ),
            ),
            Expectation(
                text="The name goes to no other address",
                rules=("CND-08", "CLU-16"),
                check=NameStaysWithin(
                    addresses=(
                        "192.168.1.10",
                        "192.168.1.53",
                        *masters,
                        "10.10.10.1",
                        "10.10.10.100",
                        "10.10.10.101",
                    )
                ),
            ),
            Expectation(
                text="The DNS server never tries a real address",
                rules=("CLU-09",),
                check=NothingSent(node="dns", to=("10.10.10.0/24",)),
            ),
        ),
    )


SCENARIOS = {
    "translator_address": translator_down("cluster-nat", "the translator", ("192.168.1.1",)),
    "alias_addresses": translator_down(
        "cluster-nat-aliases", "the aliases", ("192.168.1.100", "192.168.1.101")
    ),
}

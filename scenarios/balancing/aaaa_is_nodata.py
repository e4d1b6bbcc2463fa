from lab.judge.checks import Answered, FamilyHarmless
from lab.scenario.model import Ask, Connect, Expectation, Scenario

REAL = ("10.10.10.100", "10.10.10.101", "10.10.10.102")
ALIASES = ("192.168.1.100", "192.168.1.101", "192.168.1.102")


def aaaa_first(topology: str, where: str, servers: tuple[str, ...]) -> Scenario:
    return Scenario(
        title=f"AAAA for the cluster's name gives no data and does no harm{where}",
        story="""Every viewer asks for IPv6 addresses too. The cluster has none: the right answer is
"no data", with an SOA. A load balancer that says "no such name" instead would make caches deny the
IPv4 addresses as well.""",
        topology=topology,
        steps=(Ask(qtype="AAAA"), Ask(), Ask(qtype="AAAA"), Ask(), Connect()),
        expectations=(
            Expectation(
                text="Every server on the path answers AAAA with NODATA and an SOA",
                rules=("CLU-17",),
                check=FamilyHarmless(qtype="AAAA"),
            ),
            Expectation(
                text="The viewer's AAAA questions get NOERROR without an address",
                rules=("CLU-17",),
                check=Answered(qtype="AAAA", count=0, soa=True),
            ),
            Expectation(
                text="The A questions after them get addresses of the cluster",
                rules=("CLU-17",),
                check=Answered(qtype="A", among=servers),
            ),
        ),
    )


SCENARIOS = {
    "cluster": aaaa_first("cluster", "", REAL),
    "nat": aaaa_first("cluster-nat", ", behind NAT", ALIASES),
}

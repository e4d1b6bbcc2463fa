"""Valid topologies, drawn at random; and what is said of a file."""

from ipaddress import ip_network

from hypothesis import strategies as st

from lab.topology.load import TopologyError, load_topology


def problems_in(file):
    try:
        load_topology(file)
    except TopologyError as refused:
        return list(refused.problems)
    return []


@st.composite
def clusters(draw):
    """Valid topologies: servers of any numbers, behind NAT or not, and what they need."""
    behind_nat = draw(st.booleans())
    numbers = draw(st.lists(st.integers(1, 60), min_size=2, max_size=12, unique=True))
    balancers = draw(st.integers(1, min(3, len(numbers))))
    viewers = draw(st.integers(1, 4))
    networks = {
        "lan": {"prefix": "192.168.1.0/24", "delay_ms": draw(st.sampled_from([0.0, 2.5]))},
        "cluster": {"prefix": draw(st.sampled_from(["10.10.10.0/24", "172.16.0.0/20"]))},
    }
    inner = ip_network(networks["cluster"]["prefix"])
    base = draw(st.integers(100, 194))  # number 60 still fits before the broadcast address
    part = {"name": "main", "network": "cluster"}
    if behind_nat:
        part |= {"behind_nat_on": "lan", "alias_base": f"192.168.1.{base}"}
    nodes = [
        {
            "name": f"viewer{n}",
            "plays": "viewer",
            "asks": "dns",
            "addresses": {"lan": f"192.168.1.{10 + n}"},
        }
        for n in range(viewers)
    ]
    reals = {number: str(inner[10 + number]) for number in numbers}
    asked = [reals[number] for number in numbers[:balancers]]
    middle = {
        "name": "middle",
        "plays": "router",
        "addresses": {"lan": "192.168.1.1", "cluster": str(inner[1])},
    }
    if behind_nat:
        serves = draw(st.booleans())
        middle |= {
            "plays": "translator",
            "dns": {
                "zone": "internet.intern.netz",
                "servers": asked,
                "timeout_s": 0.3,
                "serves_aliases": serves,
            },
        }
        asked = ["192.168.1.1"]
        if serves:
            asked = [f"192.168.1.{base + number - 1}" for number in numbers[:balancers]]
    nodes += [
        middle,
        {
            "name": "dns",
            "plays": "resolver",
            "addresses": {"lan": "192.168.1.53"},
            "forward": [{"zone": "internet.intern.netz", "servers": asked, "timeout_s": 1.0}],
        },
    ]
    for position, number in enumerate(numbers):
        addresses = {"cluster": reals[number]}
        if behind_nat and draw(st.booleans()):
            addresses["lan"] = f"192.168.1.{base + number - 1}"
        nodes.append(
            {
                "name": f"server{number}",
                "plays": "server",
                "number": number,
                "load_balancer": position < balancers,
                "addresses": addresses,
            }
        )
    return {
        "format": 1,
        "title": "any",
        "networks": networks,
        "cluster": {"dns_name": "internet.intern.netz", "sub_clusters": [part]},
        "nodes": draw(st.permutations(nodes)),
    }

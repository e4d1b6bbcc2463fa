"""Forgeries are wrong in exactly one way."""

from typing import get_args

import pytest
from scapy.layers.dns import DNS
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6

from lab.scenario import packets
from lab.scenario.model import Edns, ForgeryFault, Message
from resolver.machine import Endpoint

ASKER = Endpoint("192.168.1.53", 65535)
SERVER = Endpoint("10.10.10.100", 53)
FORGER = "192.168.1.66"
QUERY = packets.question("internet.intern.netz", "A", 65535, Message(edns=Edns()))


FAULTS = get_args(ForgeryFault)


def differences(packet: bytes) -> set[str]:
    """Return in what a forgery differs from what a true reply shows."""
    ip = IP(packet)
    # Its port may keep scapy from seeing a DNS message.
    dns, true = DNS(bytes(ip[UDP].payload)), DNS(QUERY)
    seen = {
        "source": ip.src == SERVER.address,
        "source-port": ip[UDP].sport == SERVER.port,
        "destination": ip.dst == ASKER.address,
        "port": ip[UDP].dport == ASKER.port,
        "id": dns.id == true.id,
        "question": dns.qd[0].qname == true.qd[0].qname,
        "question-type": dns.qd[0].qtype == true.qd[0].qtype,
        "class": dns.qd[0].qclass == true.qd[0].qclass,
    }
    return {name for name, same in seen.items() if not same}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_forgery_is_wrong_in_one_thing_only(fault) -> None:
    packet = packets.forged_reply(
        QUERY, ASKER, SERVER, fault=fault, address=FORGER, elsewhere=FORGER
    )
    assert differences(packet) == {fault}
    forged = DNS(bytes(IP(packet)[UDP].payload))
    assert forged.qr == 1
    assert forged.an[0].rdata == FORGER


def test_a_forgery_of_ipv6_is_one() -> None:
    asker, server = Endpoint("fd00::1", 4000), Endpoint("fd00::2", 53)
    packet = packets.forged_reply(
        QUERY, asker, server, fault="id", address=FORGER, elsewhere="fd00::9"
    )
    assert (IPv6(packet).src, IPv6(packet).dst) == ("fd00::2", "fd00::1")

"""A small Internet served by NSD, for a resolver that does not know it is a test.

Everything lives on the loopback interface of one network namespace, at documentation addresses.
One NSD for each party that an Internet has: the root, the top-level domains, and two operators of
ordinary zones, so that referrals, glue and foreign servers are real.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from servers import add_address, start_nsd, wait_until_answers

ROOT_ADDRESS: Final = "198.41.0.4"
TLD_ADDRESS: Final = "192.0.2.1"
ALPHA_ADDRESS: Final = "192.0.2.10"
ALPHA_ADDRESS_6: Final = "2001:db8::10"
BETA_ADDRESS: Final = "192.0.2.20"
SILENT_ADDRESS: Final = "192.0.2.99"
"""The host has it, and nobody listens there: questions meet "port unreachable"."""

OURS: Final = "192.0.2.53"
PEER: Final = "192.0.2.54"
"""Where the resolvers listen that are asked."""

_HEAD = "$TTL 3600\n@ IN SOA ns hostmaster 1 3600 600 86400 300\n"
_MANY = "".join(f'big IN TXT "{number:03} {"x" * 200}"\n' for number in range(30))
_CHAIN = "".join(f"c{number} 60 IN CNAME c{number + 1}\n" for number in range(14))

ZONES: Final[Mapping[str, str]] = {
    ".": _HEAD + f"""@ IN NS ns
ns IN A {ROOT_ADDRESS}
com IN NS ns.nic.com.
ns.nic.com. IN A {TLD_ADDRESS}
net IN NS ns.nic.net.
ns.nic.net. IN A {TLD_ADDRESS}
arpa IN NS ns.nic.net.
""",
    "com": _HEAD + f"""@ IN NS ns.nic
ns.nic IN A {TLD_ADDRESS}
alpha 600 IN NS ns1.alpha
alpha 600 IN NS ns2.alpha
ns1.alpha 600 IN A {ALPHA_ADDRESS}
ns2.alpha 600 IN AAAA {ALPHA_ADDRESS_6}
glueless 600 IN NS ns.beta.net.
refused 600 IN NS ns.beta.net.
halfdead 600 IN NS ns.beta.net.
halfdead 600 IN NS ns.halfdead
ns.halfdead 600 IN A {SILENT_ADDRESS}
dead 600 IN NS ns.dead
ns.dead 600 IN A {SILENT_ADDRESS}
circle1 600 IN NS ns.circle2
circle2 600 IN NS ns.circle1
nowhere 600 IN NS ns.missing.net.
""",
    "net": _HEAD + f"""@ IN NS ns.nic
ns.nic IN A {TLD_ADDRESS}
beta 600 IN NS ns.beta
ns.beta 600 IN A {BETA_ADDRESS}
""",
    "arpa": _HEAD + """@ IN NS ns.nic.net.
2.0.192.in-addr 600 IN NS ns.beta.net.
""",
    "alpha.com": _HEAD + f"""@ 300 IN NS ns1
@ 300 IN NS ns2
@ 300 IN A 203.0.113.1
@ 300 IN MX 10 mail
ns1 300 IN A {ALPHA_ADDRESS}
ns2 300 IN AAAA {ALPHA_ADDRESS_6}
www 60 IN A 203.0.113.10
www 60 IN A 203.0.113.11
www 60 IN AAAA 2001:db8:1::10
mail 120 IN A 203.0.113.25
text 60 IN TXT "one" "two"
text 60 IN TXT "three"
{_MANY}zero 0 IN A 203.0.113.40
_sip._udp 60 IN SRV 10 20 5060 www
odd 60 IN TYPE65280 \\# 4 01020304
here 60 IN CNAME www
away 90 IN CNAME www.beta.net.
gone 60 IN CNAME missing
lost 60 IN CNAME nowhere.beta.net.
deeper 60 IN CNAME away
loop1 60 IN CNAME loop2
loop2 60 IN CNAME loop1
self 60 IN CNAME self
{_CHAIN}c14 60 IN A 203.0.113.50
*.wild 60 IN A 203.0.113.60
*.wild 60 IN TXT "wild"
taken.wild 60 IN TXT "no address"
*.alias 60 IN CNAME www
x.y.empty 60 IN A 203.0.113.70
tree 60 IN DNAME other
leaf.other 60 IN A 203.0.113.80
bridge 60 IN DNAME land.beta.net.
sub 600 IN NS ns.sub
ns.sub 600 IN A {BETA_ADDRESS}
lame 600 IN NS ns.lame
ns.lame 600 IN A {SILENT_ADDRESS}
""",
    "glueless.com": _HEAD + "@ IN NS ns.beta.net.\nwww 60 IN A 203.0.113.100\n",
    "halfdead.com": _HEAD + f"""@ IN NS ns.beta.net.
@ IN NS ns
ns IN A {SILENT_ADDRESS}
www 60 IN A 203.0.113.101
""",
    "sub.alpha.com": _HEAD + f"""@ IN NS ns
ns IN A {BETA_ADDRESS}
www 60 IN A 203.0.113.102
up 60 IN CNAME www.alpha.com.
""",
    "beta.net": _HEAD + f"""@ IN NS ns
ns IN A {BETA_ADDRESS}
www 30 IN A 203.0.113.110
back 30 IN CNAME here.alpha.com.
house.land 30 IN A 203.0.113.111
""",
    "2.0.192.in-addr.arpa": _HEAD + "@ IN NS ns.beta.net.\n10 60 IN PTR ns1.alpha.com.\n",
}  # fmt: skip

_SERVERS: Final[Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "root": ((ROOT_ADDRESS,), (".",)),
    "tld": ((TLD_ADDRESS,), ("com", "net", "arpa")),
    "alpha": ((ALPHA_ADDRESS, ALPHA_ADDRESS_6), ("alpha.com",)),
    "beta": (
        (BETA_ADDRESS,),
        ("beta.net", "glueless.com", "halfdead.com", "sub.alpha.com", "2.0.192.in-addr.arpa"),
    ),
}
"""Server to its addresses and its zones. `refused.com` is delegated to one that has it not."""


def start_internet(folder: Path) -> None:
    """Start every server of it in this network namespace and return when each answers. They end
    with the namespace's processes."""
    addresses = {address for served, _ in _SERVERS.values() for address in served}
    for address in sorted(addresses | {SILENT_ADDRESS, OURS, PEER}):
        add_address(address)
    for name, (served, zones) in _SERVERS.items():
        start_nsd(folder / name, served, {zone: ZONES[zone] for zone in zones})
    for served, zones in _SERVERS.values():
        for address in served:
            wait_until_answers(address, zones[0])

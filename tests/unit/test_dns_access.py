"""Who may ask for more than our own zones."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver import limits
from resolver.config import LOCAL_NETWORKS
from resolver.dns.access import Access, read_network

addresses = st.ip_addresses().filter(lambda a: getattr(a, "ipv4_mapped", None) is None)


@st.composite
def networks(draw) -> str:
    address = draw(addresses)
    length = draw(st.integers(0, address.max_prefixlen))
    return str(ip_network(f"{address}/{length}", strict=False))


@given(st.lists(networks().filter(lambda n: not n.startswith("::")), max_size=5), addresses)
def test_access_agrees_with_looking_through_the_networks(allowed, address):
    inside = any(
        ip_network(n).version == address.version and address in ip_network(n) for n in allowed
    )
    access = Access(allowed)
    assert [access.allows(str(address)) for _ in range(2)] == [inside, inside]


@pytest.mark.parametrize("address", ["10.1.2.3", "127.0.0.1", "fe80::1", "::ffff:192.168.1.10"])
def test_local_clients_are_allowed_by_default(address):
    assert Access(LOCAL_NETWORKS).allows(address)


@pytest.mark.parametrize("address", ["198.51.100.7", "172.32.0.1", "2001:db8::1", "::ffff:8.8.8.8"])
def test_strangers_are_not(address):
    assert not Access(LOCAL_NETWORKS).allows(address)


def test_no_network_allows_nobody():
    assert not Access(()).allows("127.0.0.1")


def test_any_number_of_clients_takes_bounded_memory():
    access = Access(("10.0.0.0/8",))
    for number in range(limits.CLIENTS_REMEMBERED + 500):
        access.allows(str(ip_address(0x0B000000 + number)))
    assert access.allows.cache_info().currsize == limits.CLIENTS_REMEMBERED


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("10.0.0.0/33", "write one such as 192.168.1.0/24"),
        ("home", "write one such as 192.168.1.0/24"),
        ("", "write one such as 192.168.1.0/24"),
        ("10.1.2.3/8", "write 10.0.0.0/8 for the network, 10.1.2.3 for the one address"),
        ("fd00::1/8", "write fd00::/8 for the network, fd00::1 for the one address"),
        ("::ffff:10.0.0.0/104", "write 10.0.0.0/8"),
    ],
)
def test_a_bad_network_says_what_to_write(text, remedy):
    with pytest.raises(ValueError, match="; write ") as raised:
        read_network(text)
    assert remedy in str(raised.value)
    with pytest.raises(ValueError, match="; write "):
        Access((text,))


@pytest.mark.parametrize("text", ["10.0.0.1", "fd00::1", "0.0.0.0/0", "::/0", "10.0.0.0/255.0.0.0"])
def test_what_people_write(text):
    assert read_network(text) == ip_network(text)

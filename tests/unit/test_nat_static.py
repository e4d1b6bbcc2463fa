"""The table of alias and real addresses."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.nat.static import AliasTable, TableRefused


def packed(text: str) -> bytes:
    return IPv4Address(text).packed


@given(st.lists(st.ip_addresses(v=4).map(str), unique=True, max_size=20))
def test_both_look_ups_are_inverse(addresses):
    half = len(addresses) // 2
    pairs = list(zip(addresses[:half], addresses[half:], strict=False))
    table = AliasTable(pairs)
    assert len(table) == len(pairs)
    for alias, real in pairs:
        assert table.real(packed(alias)) == packed(real)
        assert table.alias(packed(real)) == packed(alias)
        assert table.real(packed(real)) is None
        assert table.alias(packed(alias)) is None


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        (
            [("192.168.1.100", "10.10.10.100"), ("192.168.1.100", "10.10.10.101")],
            r"entry 2 .*alias address 192.168.1.100 already stands for 10.10.10.100; give",
        ),
        (
            [("192.168.1.100", "10.10.10.100"), ("192.168.1.101", "10.10.10.100")],
            r"entry 2 .*real address 10.10.10.100 already has the alias 192.168.1.100; keep",
        ),
        (
            [("192.168.1.100", "10.10.10.100"), ("192.168.1.101", "192.168.1.100")],
            r"192.168.1.100 stands on both sides",
        ),
        ([("192.168.1.100", "10.10.10.10.0")], r"entry 1 .*'10.10.10.10.0' is no IPv4 address"),
        ([("fd00::1", "fd00::2")], r"'fd00::1' is no IPv4 address; write"),
    ],
)
def test_a_table_that_is_not_one_to_one_is_refused(pairs, message):
    with pytest.raises(TableRefused, match=message):
        AliasTable(pairs)

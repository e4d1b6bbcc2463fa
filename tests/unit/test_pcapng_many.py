"""Many packets written at once are what each would be by itself."""

from hypothesis import given
from hypothesis import strategies as st

from lab.observe import pcapng
from lab.observe.pcapng import ETHERNET, PcapngWriter

PACKETS = st.lists(
    st.tuples(st.integers(0, 2**63 - 1), st.integers(0, 1), st.binary(max_size=70), st.booleans()),
    max_size=30,
)


def written(path, write):
    with PcapngWriter(path) as out:
        for number in range(2):
            out.interface(f"node{number}-eth0", ETHERNET)
        write(out)
    return path.read_bytes()


@given(PACKETS, st.integers(1, 200))
def test_the_same_octets_are_written(tmp_path_factory, packets, at_once):
    folder = tmp_path_factory.mktemp("captures")

    def one_by_one(out):
        for at, interface, octets, outgoing in packets:
            out.packet(interface, at, octets, outgoing)

    before, pcapng._WRITTEN_AT_ONCE = pcapng._WRITTEN_AT_ONCE, at_once
    try:
        many = written(folder / "many.pcapng", lambda out: out.packets(packets))
    finally:
        pcapng._WRITTEN_AT_ONCE = before
    assert many == written(folder / "one.pcapng", one_by_one)

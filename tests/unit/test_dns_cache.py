"""The cache against a model that keeps everything, and its bounds."""

from __future__ import annotations

from dns_upstreams import ZONE, a, soa
from hypothesis import given
from hypothesis import strategies as st

from resolver.dns.bounds import Bounds
from resolver.dns.cache import Cache, Failure, Negative, Positive, Route, Slot, Wishes
from resolver.dns.message import Rcode
from resolver.dns.records import Record, Type
from resolver.machine import SECOND

PLAIN = Wishes()


def cache(entries: int = 100, max_ttl_s: int = 86_400, max_negative_ttl_s: int = 900) -> Cache:
    return Cache(Bounds(entries, 1 << 20, max_ttl_s, max_negative_ttl_s))


def slot(name: str = ZONE, rtype: int | None = Type.A, wishes=PLAIN, route: str = ZONE) -> Slot:
    return Slot(name, rtype, wishes, Route(route))


def ttls(finding) -> list[int]:
    records = finding.records if isinstance(finding, Positive) else finding.authority
    return [record.ttl for record in records]


# --- time --------------------------------------------------------------------------------------


def test_a_ttl_counts_down_and_ends():
    kept = cache()
    kept.keep_rrset(slot(), (a(ZONE, "10.0.0.1", 7),), 0)
    assert ttls(kept.find(slot(), 0)) == [7]
    assert ttls(kept.find(slot(), 1)) == [6]
    assert ttls(kept.find(slot(), 6 * SECOND)) == [1]
    assert ttls(kept.find(slot(), 7 * SECOND - 1)) == [0]
    assert kept.find(slot(), 7 * SECOND) is None
    assert len(kept) == 0


def test_ttl_zero_is_never_reused_and_ends_what_was_there():
    kept = cache()
    kept.keep_rrset(slot(), (a(ZONE, "10.0.0.1", 7),), 0)
    assert kept.keep_rrset(slot(), (a(ZONE, "10.0.0.2", 0),), 0)[0].ttl == 0
    assert kept.find(slot(), 0) is None


def test_one_rrset_has_one_ttl_the_lowest():
    kept = cache()
    given_out = kept.keep_rrset(slot(), (a(ZONE, "10.0.0.1", 30), a(ZONE, "10.0.0.2", 5)), 0)
    assert [record.ttl for record in given_out] == [5, 5]
    assert ttls(kept.find(slot(), 0)) == [5, 5]


def test_ttls_are_capped():
    kept = cache(max_ttl_s=10, max_negative_ttl_s=4)
    assert kept.keep_rrset(slot(), (a(ZONE, "10.0.0.1", 99),), 0)[0].ttl == 10
    negative = kept.keep_negative(slot(rtype=28), Rcode.NOERROR, (soa(ttl=99, minimum=99),), 0)
    assert negative[0].ttl == 4
    assert kept.find(slot(rtype=28), 4 * SECOND) is None


# --- absence -----------------------------------------------------------------------------------


def test_nodata_holds_for_a_type_and_nxdomain_for_a_name():
    kept = cache()
    kept.keep_negative(slot(rtype=28), Rcode.NOERROR, (soa(),), 0)
    assert isinstance(kept.find(slot(rtype=28), 0), Negative)
    assert kept.find(slot(rtype=1), 0) is None
    kept.keep_negative(slot("x." + ZONE, 28), Rcode.NXDOMAIN, (soa(),), 0)
    assert kept.find(slot("x." + ZONE, 1), 0) == Negative(Rcode.NXDOMAIN, (soa(),))
    assert kept.find(slot("y." + ZONE, 1), 0) is None


def test_the_soa_of_an_absence_counts_down_and_answers_no_question_for_it():
    kept = cache()
    kept.keep_negative(slot("x." + ZONE), Rcode.NXDOMAIN, (soa(ttl=7, minimum=100),), 0)
    assert ttls(kept.find(slot("x." + ZONE), 2 * SECOND)) == [5]
    assert kept.find(slot(ZONE, Type.SOA), 0) is None


def test_absence_without_soa_is_not_kept():
    kept = cache()
    kept.keep_negative(slot(), Rcode.NXDOMAIN, (), 0)
    assert len(kept) == 0


def test_nxdomain_covers_what_lies_below_it_on_its_own_route_only():
    kept = cache()
    kept.keep_negative(slot("x.intern.netz", route="intern.netz"), 3, (soa("intern.netz"),), 0)
    assert isinstance(kept.find(slot("a.b.x.intern.netz", route="intern.netz"), 0), Negative)
    assert kept.find(slot("a.b.x.intern.netz", route="b.x.intern.netz"), 0) is None
    assert kept.find(slot("intern.netz", route="intern.netz"), 0) is None


# --- kept apart --------------------------------------------------------------------------------


def test_wishes_and_routes_are_kept_apart():
    kept = cache()
    kept.keep_rrset(slot(), (a(ZONE, "10.0.0.1"),), 0)
    assert kept.find(slot(wishes=Wishes(do=True)), 0) is None
    assert kept.find(slot(wishes=Wishes(cd=True)), 0) is None
    assert kept.find(slot(route="intern.netz"), 0) is None
    assert kept.find(slot(), 0) is not None


def test_a_failure_is_remembered_for_a_second_and_for_its_question_only():
    kept, failed = cache(), Failure(Rcode.SERVFAIL)
    kept.keep_failure(slot(), failed, 0)
    assert kept.find(slot(), SECOND - 1) == failed
    assert kept.find(slot(rtype=28), 0) is None
    assert kept.find(slot(), SECOND) is None
    kept.keep_failure(slot(), failed, SECOND)
    kept.keep_rrset(slot(), (a(ZONE, "10.0.0.1", 1),), SECOND)
    assert isinstance(kept.find(slot(), SECOND), Positive)
    assert kept.find(slot(), 2 * SECOND) is None  # answered since: forgotten


# --- bounds ------------------------------------------------------------------------------------


def test_the_entry_unused_longest_goes_first():
    kept = cache(entries=2)
    for name in ("a", "b"):
        kept.keep_rrset(slot(name, route="."), (a(name, "10.0.0.1"),), 0)
    kept.find(slot("a", route="."), 0)
    kept.keep_rrset(slot("c", route="."), (a("c", "10.0.0.1"),), 0)
    assert len(kept) == 2
    assert kept.find(slot("b", route="."), 0) is None
    assert kept.find(slot("a", route="."), 0) is not None


def test_octets_are_bounded_whatever_the_number_of_entries():
    kept = Cache(Bounds(100, 100_000, 86_400, 900))
    for number in range(10):
        name = f"n{number}"
        big = (Record(name, 65280, 60, bytes(30_000)),)
        kept.keep_rrset(slot(name, 65280, route="."), big, 0)
        kept.keep_rrset(slot(name, 65280, route="."), big, 0)
    assert len(kept) == 3
    assert kept.find(slot("n9", 65280, route="."), 0) is not None


names = st.sampled_from(["z", "a.z", "b.z", "x.a.z"])
rtypes = st.sampled_from([1, 28])
lives = st.integers(0, 5)
events = st.one_of(
    st.tuples(st.just("rrset"), names, rtypes, lives),
    st.tuples(st.just("nodata"), names, rtypes, lives),
    st.tuples(st.just("nxdomain"), names, rtypes, lives),
    st.tuples(st.just("pass"), st.just("z"), st.just(1), st.integers(0, 3 * SECOND)),
)


class Everything:
    """The model: all that was learnt, by (name, type), with until when it holds."""

    def __init__(self) -> None:
        self.learnt: dict[tuple[str, int | None], tuple[str, int]] = {}

    def learn(self, what: str, name: str, rtype: int, until: int) -> None:
        self.learnt[name, None if what == "nxdomain" else rtype] = (what, until)

    def holds(self, name: str, rtype: int, now: int) -> tuple[str, int] | None:
        above = [name.split(".", n)[n] for n in range(name.count(".") + 1)]
        places = [(name, rtype), *((ancestor, None) for ancestor in above)]
        found = (self.learnt.get(place) for place in places)
        return next((entry for entry in found if entry and entry[1] > now), None)


def teach(kept: Cache, what: str, where: Slot, life: int, now: int) -> None:
    if what == "rrset":
        kept.keep_rrset(where, (a(where.name, "10.0.0.1", life),), now)
    else:
        rcode = Rcode.NXDOMAIN if what == "nxdomain" else Rcode.NOERROR
        kept.keep_negative(where, rcode, (soa("z", life, life),), now)


def told(finding) -> tuple[str, int] | None:
    """What a finding says, in the model's words: what it is and how many whole seconds it holds."""
    match finding:
        case Positive():
            return "rrset", ttls(finding)[0]
        case Negative(rcode):
            return "nxdomain" if rcode == Rcode.NXDOMAIN else "nodata", ttls(finding)[0]
    return None


@given(st.lists(events, max_size=25))
def test_what_is_found_is_what_a_list_of_all_that_was_learnt_says(history):
    kept, model, now = cache(), Everything(), 0
    for what, name, rtype, life in history:
        if what == "pass":
            now += life
            continue
        teach(kept, what, slot(name, rtype, route="z"), life, now)
        model.learn(what, name, rtype, now + life * SECOND)
    for name in ("z", "a.z", "b.z", "x.a.z"):
        for rtype in (1, 28):
            holds = model.holds(name, rtype, now)
            expected = None if holds is None else (holds[0], (holds[1] - now) // SECOND)
            assert told(kept.find(slot(name, rtype, route="z"), now)) == expected

"""Many questions at once: so many and no more, each until its reply or the end of its patience."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from lab.scenario.crowd import Crowd, Pipeline, Questions
from resolver.machine import (
    SECOND,
    Close,
    Effect,
    Endpoint,
    MessageArrived,
    Open,
    Send,
    StreamClosed,
    StreamOpened,
    Transport,
    Unreachable,
)

SERVER = Endpoint("192.168.1.53", 53)
VIEWER = Endpoint("192.168.1.10", 40000)


def payload(number: int) -> bytes:
    return number.to_bytes(2, "big") + b"question"


def many(kind: type[Questions], count: int, at_once: int) -> Questions:
    payloads = [payload(number) for number in range(1, count + 1)]
    return kind(SERVER, payloads, at_once=at_once, patience_ns=SECOND)


def sent(effects: Sequence[Effect]) -> list[int]:
    return [int.from_bytes(each.payload[:2], "big") for each in effects if isinstance(each, Send)]


def arrived(flow: int, identifier: int) -> MessageArrived:
    octets = identifier.to_bytes(2, "big") + b"reply"
    return MessageArrived(flow, octets, Transport.UDP, SERVER, VIEWER)


def test_each_datagram_has_a_socket_of_its_own_and_so_many_wait_at_once() -> None:
    crowd = many(Crowd, 4, at_once=2)
    assert crowd.deadline() == 0
    assert crowd.expire(5) == [
        Open(1, Transport.UDP, SERVER),
        Send(1, payload(1)),
        Open(2, Transport.UDP, SERVER),
        Send(2, payload(2)),
    ]
    assert crowd.deadline() == 5 + SECOND
    assert crowd.handle(arrived(2, 1), 6) == []  # not what was sent from that socket
    assert crowd.handle(arrived(2, 2), 7) == [Close(2)]
    assert crowd.deadline() == 0  # there is room for the next
    assert crowd.expire(7) == [Open(3, Transport.UDP, SERVER), Send(3, payload(3))]
    assert crowd.handle(arrived(2, 2), 8) == []  # a second reply
    assert crowd.handle(Unreachable(1, "port unreachable"), 9) == [Close(1)]
    assert sent(crowd.expire(9)) == [4]
    assert crowd.deadline() == 7 + SECOND
    assert crowd.expire(7 + SECOND) == [Close(3)]
    assert not crowd.finished
    assert crowd.handle(arrived(4, 4), 8 + SECOND) == [Close(4)]
    assert crowd.finished
    assert crowd.deadline() is None


def test_a_pipeline_asks_on_one_connection_and_takes_replies_in_any_order() -> None:
    pipeline = many(Pipeline, 4, at_once=3)
    (opening,) = pipeline.expire(0)
    assert isinstance(opening, Open)
    assert opening.transport is Transport.TCP
    flow = opening.flow
    assert pipeline.deadline() == SECOND
    assert pipeline.handle(StreamOpened(flow, SERVER, VIEWER), 1) == []
    assert sent(pipeline.expire(1)) == [1, 2, 3]
    assert pipeline.handle(arrived(flow, 3), 2) == []
    assert sent(pipeline.expire(2)) == [4]
    assert pipeline.handle(arrived(flow, 3), 3) == []
    assert pipeline.handle(arrived(flow, 9), 3) == []
    assert pipeline.handle(arrived(flow, 1), 4) == []
    assert pipeline.deadline() == 1 + SECOND
    assert pipeline.expire(1 + SECOND) == []  # 2 was in vain
    assert pipeline.handle(arrived(flow, 4), 2 + SECOND) == [Close(flow)]
    assert pipeline.finished


def test_a_pipeline_ends_with_its_connection() -> None:
    for event in (StreamClosed(-1), Unreachable(-1, "connection reset")):
        pipeline = many(Pipeline, 4, at_once=1)
        pipeline.expire(0)
        pipeline.handle(StreamOpened(-1, SERVER, VIEWER), 1)
        assert sent(pipeline.expire(1)) == [1]
        assert pipeline.handle(event, 2) == [Close(-1)]
        assert pipeline.finished


def test_a_burst_leaves_turn_by_turn() -> None:
    crowd = many(Crowd, 120, at_once=110)
    counts = []
    for now in range(4):
        assert (crowd.deadline() or 0) <= now or now == 3
        counts.append(len(sent(crowd.expire(now))))
    assert counts == [50, 50, 10, 0]
    assert crowd.deadline() == SECOND


def test_a_connection_that_does_not_come_is_given_up() -> None:
    pipeline = many(Pipeline, 4, at_once=1)
    pipeline.expire(3)
    assert pipeline.deadline() == 3 + SECOND
    assert pipeline.expire(3 + SECOND) == [Close(-1)]
    assert pipeline.finished


@given(st.integers(1, 30), st.integers(1, 9), st.randoms(use_true_random=False))
def test_everything_is_asked_once_and_never_more_than_so_many_wait(count, at_once, random) -> None:
    crowd = many(Crowd, count, at_once)
    now, waiting, asked = 0, [], []
    effects = list(crowd.expire(now))
    while True:
        for effect in effects:
            if isinstance(effect, Send):
                waiting.append(effect.flow)
                asked.append(effect.flow)
            elif isinstance(effect, Close):
                waiting.remove(effect.flow)
        assert len(waiting) <= at_once
        # Nobody stands back while there is room.
        assert len(waiting) == at_once or len(asked) == count or crowd.deadline() == 0
        if crowd.finished:
            break
        if crowd.deadline() == 0:
            effects = list(crowd.expire(now))
        elif random.random() < 0.5:
            now += random.randrange(SECOND)
            flow = random.choice(waiting)
            effects = list(crowd.handle(arrived(flow, flow), now))
        else:
            now = max(now, crowd.deadline())
            effects = list(crowd.expire(now))
            assert any(isinstance(each, Close) for each in effects)
    assert asked == list(range(1, count + 1))

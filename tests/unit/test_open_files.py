"""The limit of open files goes up as far as is needed and allowed, and never down."""

import resource

import pytest

from lab.worlds import open_files

ENDLESS = resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("limits", "wanted"),
    [
        ((1024, ENDLESS), (open_files.ENOUGH, ENDLESS)),
        ((1024, 524_288), (open_files.ENOUGH, 524_288)),
        ((1024, 4096), (4096, 4096)),
        ((20_000, 20_000), None),
        ((ENDLESS, ENDLESS), None),
    ],
)
def test_the_limit_goes_up_as_far_as_it_can(limits, wanted, monkeypatch) -> None:
    told = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits)
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: told.append(limits))
    open_files.allow_open_files()
    assert told == ([] if wanted is None else [wanted])

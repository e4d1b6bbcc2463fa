"""Records that are kept small are the records that were put in."""

import pickle

import pytest
from sample_record import eight_steps, every_node, listed_deviation, silent_forwarder

from lab.report.records import Records

SAMPLES = [eight_steps(), silent_forwarder(), every_node(), listed_deviation()]


def test_what_is_looked_at_is_what_was_kept():
    records = Records(SAMPLES[:3])
    records.append(SAMPLES[3])
    assert list(records) == SAMPLES
    assert len(records) == 4
    assert records[-1] == SAMPLES[-1]
    assert list(records[1:3]) == SAMPLES[1:3]


def test_what_is_not_there_is_not_made_up():
    with pytest.raises(IndexError):
        Records()[0]


def test_they_are_kept_small():
    assert len(pickle.dumps(Records(SAMPLES))) < len(pickle.dumps(SAMPLES)) / 2

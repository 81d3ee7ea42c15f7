"""A small part of benchmarks/suite.py: no false finding, and none missed, by the command itself."""

import pytest

import train
from discover import findings
from helpers import benchmark

suite = benchmark("suite")
SMALL = ["--pairs", "6000", "--epochs", "40", "--hidden", "64", "16"]


def outcome(name, monkeypatch, *options):
    for module in (train, findings):
        monkeypatch.setattr(module, "draw", lambda *_: {})
    return suite.outcome(name, 5, *SMALL, *options)


@pytest.mark.parametrize("name", ["measured_pendulum", "isotropic", "gas"])
def test_what_is_conserved_is_found_and_named(name, monkeypatch):
    found = outcome(name, monkeypatch)
    assert (found["count"], found["named"], found["false"]) == (*suite.KINDS[name][1:], [])
    assert found["word"] == "conserved"


@pytest.mark.parametrize("name", [
    "white_noise", "time_stamp", "sensor_off", "pieces_of_a_walk", "short_chaos", "one_hot",
    "offset_of_a_sensor", "wrong_groups", "sampled_at_the_period"])
def test_nothing_is_found_where_nothing_is_conserved(name, monkeypatch):
    found = outcome(name, monkeypatch)
    assert found["count"] == 0 and found["word"] in ("nothing", "undecided", "approximately conserved")


@pytest.mark.parametrize("name", ["pieces_of_noise", "kepler"])
def test_a_search_counts_what_there_is(name, monkeypatch):
    found = outcome(name, monkeypatch, "--discover")
    assert (found["count"], found["false"]) == (suite.KINDS[name][1], [])


def test_every_kind_of_data_can_be_made_and_at_least_twenty_hold_nothing():
    counts = [count for _, count, _ in suite.KINDS.values()]
    assert counts.count(0) >= 20 and len(counts) - counts.count(0) >= 10

"""Kinds of benchmarks/suite.py: no false finding, and none missed, by the command itself."""

import pytest

from helpers import benchmark, mostly_slow

SMALL = ["--pairs", "6000", "--epochs", "40", "--hidden", "64", "16"]
WITH_INVARIANTS = [
    "pendulum", "gas", "isotropic", "kepler", "measured_pendulum", "anharmonic", "incommensurate",
    "rigid_body", "predator_and_prey", "magnetic_field"]
WITHOUT = [
    "white_noise", "time_stamp", "sensor_off", "pieces_of_a_walk", "short_chaos", "one_hot",
    "offset_of_a_sensor", "wrong_groups", "sampled_at_the_period", "heavy_tails", "discrete",
    "driven", "drifting_parameter", "slow_friction"]


def outcome(name, monkeypatch):
    from discover import pictures
    monkeypatch.setattr(pictures, "pictures_of_run", lambda *_: {})
    suite = benchmark("suite")
    _, count, named = suite.KINDS[name]
    return suite.outcome(name, 5, *SMALL), count, named


@pytest.mark.parametrize("name", mostly_slow(WITH_INVARIANTS, 2))
def test_what_is_conserved_is_found_and_named(name, monkeypatch):
    found, count, named = outcome(name, monkeypatch)
    assert (found["count"], found["named"], found["false"]) == (count, named, [])


@pytest.mark.parametrize("name", mostly_slow(WITHOUT, 2))
def test_nothing_is_found_where_nothing_is_conserved(name, monkeypatch):
    found, _, _ = outcome(name, monkeypatch)
    assert (found["count"], found["false"]) == (0, []) and found["word"] != "complete"


def test_every_kind_of_data_can_be_made_and_at_least_twenty_hold_nothing():
    counts = [count for _, count, _ in benchmark("suite").KINDS.values()]
    assert counts.count(0) >= 20 and len(counts) - counts.count(0) >= 10

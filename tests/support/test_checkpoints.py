"""The state of a training: when it is saved, and that a training goes on from it to the same bits."""

import csv
import os

import numpy as np
import pytest

import siamese
import train
from helpers import TINY, sample_sets
from support import checkpoints
from support.checks import UserError
from support.process import PARENT, orphaned


def test_a_network_of_the_default_size_goes_on_to_the_same_bits():
    sets = sample_sets(0, 500)

    def begin():
        network = siamese.SiameseNetwork((4, 200, 200, 1), 1)
        return train.Training(network, *sets, siamese.SCHEDULES["quick"], 2)
    straight, broken = begin(), begin()
    for _ in range(6):
        straight.epoch()
        broken.epoch()
        state, broken = checkpoints.state_of(broken), begin()
        checkpoints.set_state(broken, state)
    assert straight.network.parameters.tobytes() == broken.network.parameters.tobytes()
    for name in straight.history:
        if name != "seconds":
            assert straight.history[name] == broken.history[name]


def test_a_training_that_goes_on_lowers_its_rate_and_stops_where_it_would_have():
    # At this learning rate the loss soon stops improving, so that both callbacks act.
    schedule = siamese.Schedule(300.0, batch_size=20, epochs=200, reduce_patience=2, stop_patience=6)
    sets = sample_sets(0, 20)

    def begin():
        return train.Training(siamese.SiameseNetwork((4, 5, 1)), *sets, schedule)
    straight, broken = begin(), begin()
    while not straight.finished:
        straight.epoch()
    while not broken.finished:
        broken.epoch()
        state, broken = checkpoints.state_of(broken), begin()
        checkpoints.set_state(broken, state)
    assert broken.history["learning_rate"] == straight.history["learning_rate"]
    assert broken.history["loss"] == straight.history["loss"]
    assert len(straight.history["epoch"]) < 200 and straight.history["learning_rate"][-1] < 300


@pytest.mark.parametrize("decay, plateaus", [(1.0, True), (0.96, True), (0.96, False)])
def test_the_state_is_saved_at_each_plateau_and_at_the_end_but_not_wherever_the_rate_falls_by_itself(
        tmp_path, monkeypatch, decay, plateaus):
    schedule = siamese.Schedule(4.0, epochs=50, reduce_patience=3 if plateaus else 50, decay=decay)
    monkeypatch.setitem(siamese.SCHEDULES, "quick", schedule)
    save, saved = checkpoints.save, []

    def noted(folder, identity, versions, state):
        saved.append(state["history"].shape[1])
        save(folder, identity, versions, state)
    monkeypatch.setattr(checkpoints, "save", noted)
    monkeypatch.setattr(train, "draw", lambda *_: {})
    monkeypatch.setattr(train.findings, "draw", lambda *_: {})
    assert train.main([*TINY, "--out", str(tmp_path)]) == 0
    with open(tmp_path / "sr" / "seed-0" / "history.csv", newline="") as file:
        rates = [float(row["learning_rate"]) for row in csv.DictReader(file)]
    halved = [epoch for epoch, (rate, later) in enumerate(zip(rates, rates[1:]), start=1) if later < 0.6 * rate]
    assert {*halved, 50} == set(saved) and bool(halved) == plateaus


IDENTITY = {"system": "sr", "seed": 0}
VERSIONS = {"numpy": "2.0", "kernels": "Haswell", "threads": 1}


def begin():
    return train.Training(siamese.SiameseNetwork((4, 5, 1)), *sample_sets(0, 20), siamese.Schedule(1.0))


def test_a_state_is_found_again_by_the_same_run_and_by_no_other(tmp_path):
    first, second = begin(), begin()
    assert not checkpoints.restore(second, tmp_path, IDENTITY, VERSIONS)
    first.epoch()
    checkpoints.save(tmp_path, IDENTITY, VERSIONS, checkpoints.state_of(first))
    assert checkpoints.restore(second, tmp_path, IDENTITY, VERSIONS)
    assert np.array_equal(first.network.parameters, second.network.parameters)
    assert np.array_equal(first.best, second.best)
    for other in ({**IDENTITY, "seed": 1}, {**IDENTITY, "more": 2}, {"seed": 0}):
        with pytest.raises(UserError, match="an unfinished run of other settings"):
            checkpoints.restore(second, tmp_path, other, VERSIONS)


def test_a_training_that_goes_on_with_other_kernels_or_packages_says_so(tmp_path, capsys):
    training = begin()
    training.epoch()
    checkpoints.save(tmp_path, IDENTITY, VERSIONS, checkpoints.state_of(training))
    assert checkpoints.restore(begin(), tmp_path, IDENTITY, VERSIONS) and not capsys.readouterr().out
    assert checkpoints.restore(begin(), tmp_path, IDENTITY, {**VERSIONS, "kernels": "SkylakeX", "cupy": "13.0"})
    assert "saved with other versions (kernels, cupy)" in capsys.readouterr().out


def test_a_job_whose_parent_is_gone_ends_after_its_epoch_and_keeps_its_state(tmp_path, monkeypatch):
    monkeypatch.setenv(PARENT, str(os.getppid()))
    assert not orphaned()
    monkeypatch.setenv(PARENT, "1234567")
    with pytest.raises(SystemExit):
        checkpoints.carry_on(begin(), tmp_path, IDENTITY, VERSIONS)
    monkeypatch.setattr(checkpoints, "orphaned", iter([False, True]).__next__)
    with pytest.raises(SystemExit):
        checkpoints.carry_on(begin(), tmp_path, IDENTITY, VERSIONS)
    training = begin()
    assert checkpoints.restore(training, tmp_path, IDENTITY, VERSIONS) and training.history["epoch"] == [1]

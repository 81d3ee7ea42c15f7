"""The state of a training: when it is saved, and that a training goes on from it to the same bits."""

import csv

import numpy as np
import pytest

import siamese
import train
from helpers import TINY, sample_sets
from support import checkpoints
from support.checks import UserError

IDENTITY = {"system": "sr", "seed": 0, "data": None}


def begin(schedule=siamese.Schedule(1.0), sizes=(4, 5, 1), n=20):
    return train.Training(siamese.SiameseNetwork(sizes, 1), *sample_sets(0, n), schedule, 2)


@pytest.mark.parametrize("schedule, sizes, n, epochs", [
    (siamese.SCHEDULES["quick"], (4, 200, 32, 1), 300, 4),
    # At this learning rate the loss soon stops improving, so that both callbacks act.
    (siamese.Schedule(300.0, batch_size=20, epochs=200, reduce_patience=2, stop_patience=6), (4, 5, 1), 20, 200)])
def test_a_training_that_goes_on_comes_to_the_same_bits(schedule, sizes, n, epochs):
    straight, broken = begin(schedule, sizes, n), begin(schedule, sizes, n)
    while not straight.finished and len(straight.history["epoch"]) < epochs:
        straight.epoch()
        broken.epoch()
        state, broken = checkpoints.copy_state(broken), begin(schedule, sizes, n)
        checkpoints.set_state(broken, state)
    assert straight.finished == broken.finished
    assert straight.network.parameters.tobytes() == broken.network.parameters.tobytes()
    assert straight.best.tobytes() == broken.best.tobytes()
    for name in straight.history:
        if name != "seconds":
            assert straight.history[name] == broken.history[name]
    if epochs == 200:
        assert len(straight.history["epoch"]) < 200 and straight.history["learning_rate"][-1] < 300


@pytest.mark.parametrize("decay, plateaus", [(1.0, True), (0.96, False)])
def test_the_state_is_saved_at_each_plateau_and_at_the_end_but_not_wherever_the_rate_falls_by_itself(
        tmp_path, monkeypatch, every_epoch, decay, plateaus):
    schedule = siamese.Schedule(4.0, epochs=50, reduce_patience=3 if plateaus else 50, decay=decay)
    monkeypatch.setitem(siamese.SCHEDULES, "quick", schedule)
    monkeypatch.setattr(checkpoints, "SECONDS_BETWEEN", 20)
    save, saved = checkpoints.save, []

    def noted(folder, identity, state):
        saved.append(state["history"].shape[1])
        save(folder, identity, state)
    monkeypatch.setattr(checkpoints, "save", noted)
    assert train.main([*TINY, "--out", str(tmp_path)]) == 0
    with open(tmp_path / "sr" / "seed-0" / "history.csv", newline="") as file:
        rates = [float(row["learning_rate"]) for row in csv.DictReader(file)]
    halved = [epoch for epoch, (rate, later) in enumerate(zip(rates, rates[1:]), start=1) if later < 0.6 * rate]
    assert {*halved, 50} == set(saved) and bool(halved) == plateaus


def test_a_state_is_found_again_by_the_same_run_and_by_no_other(tmp_path):
    first, second = begin(), begin()
    assert not checkpoints.restore(second, tmp_path, IDENTITY)
    first.epoch()
    checkpoints.save(tmp_path, IDENTITY, checkpoints.copy_state(first))
    assert checkpoints.restore(second, tmp_path, IDENTITY)
    assert np.array_equal(first.network.parameters, second.network.parameters)
    for other, advice in (({**IDENTITY, "seed": 1}, True), ({**IDENTITY, "more": 2}, True),
                          ({**IDENTITY, "data": "another file"}, False)):
        with pytest.raises(UserError, match="an unfinished run of other settings") as caught:
            checkpoints.restore(second, tmp_path, other)
        assert ("--fresh" in str(caught.value)) == advice          # which would cost the other data's run


def test_a_training_that_goes_on_with_other_kernels_or_packages_says_so(tmp_path, capsys, monkeypatch):
    training = begin()
    training.epoch()
    checkpoints.save(tmp_path, IDENTITY, checkpoints.copy_state(training))
    assert checkpoints.restore(begin(), tmp_path, IDENTITY) and not capsys.readouterr().out
    monkeypatch.setattr(checkpoints, "versions", lambda here=checkpoints.versions(): {**here, "kernels": "Z80"})
    assert checkpoints.restore(begin(), tmp_path, IDENTITY)
    assert "saved with other versions (kernels)" in capsys.readouterr().out


def test_a_damaged_state_is_refused_by_name(tmp_path):
    training = begin()
    training.epoch()
    checkpoints.save(tmp_path, IDENTITY, checkpoints.copy_state(training))
    path = tmp_path / "checkpoint.npz"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UserError, match="checkpoint.npz is damaged; --fresh"):
        checkpoints.restore(begin(), tmp_path, IDENTITY)


def test_a_job_whose_parent_is_gone_ends_after_its_epoch_and_keeps_its_state(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "is_orphaned", iter([False, True]).__next__)
    with pytest.raises(SystemExit):
        checkpoints.train_with_checkpoints(begin(), tmp_path, IDENTITY)
    training = begin()
    assert checkpoints.restore(training, tmp_path, IDENTITY) and training.history["epoch"] == [1]

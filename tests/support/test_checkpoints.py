"""The state of a training: when it is saved, and that a training goes on from it to the same bits."""

import numpy as np
import pytest

import siamese
import train
from helpers import sample_sets
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

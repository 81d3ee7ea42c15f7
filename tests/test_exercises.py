"""The exercises of the course: python -m pytest -k exercise_step judges one, in words.

The judges are in marking.py; docs/course says which functions a student writes.
"""

from pathlib import Path

import pytest

import marking


def judge(name):
    """Fail with the words of the judge alone, unless the exercise is solved."""
    words = ""
    try:
        marking.judge_exercise(name)
    except marking.Wrong as wrong:
        words = str(wrong)
    if words:
        pytest.fail(words, pytrace=False)


def test_exercise_sigmoid():
    judge("sigmoid")


def test_exercise_pair_logits():
    judge("pair_logits")


def test_exercise_derangement():
    judge("derangement")


def test_exercise_cross_entropy():
    judge("cross_entropy")


def test_exercise_derivatives():
    judge("derivatives")


def test_exercise_activations():
    if (Path(__file__).parent.parent / "docs" / "course" / "sessions.txt").exists():   # a copy
        judge("activations")
    else:                               # here none is added, and the judge says so
        with pytest.raises(marking.Wrong, match="holds relu and tanh, and no other"):
            marking.judge_exercise("activations")


def test_exercise_backpropagate_delta():
    judge("backpropagate_delta")


def test_exercise_backward():
    judge("backward")


def test_exercise_step():
    judge("step")


def test_exercise_forward():
    judge("forward")


def test_exercise_early_stopping():
    judge("early_stopping")


def test_exercise_reduce_rate():
    judge("reduce_rate")


def test_exercise_adadelta():
    judge("adadelta")


def test_exercise_boosts():
    judge("boosts")


def test_exercise_transform_fields():
    judge("transform_fields")


def test_exercise_interval():
    judge("interval")


def test_exercise_ridge():
    judge("ridge")


def test_exercise_r2_score():
    judge("r2_score")


def test_exercise_group_terms():
    judge("group_terms")

"""The command line: what it accepts, what it refuses and in which words, and how it is written for other processes."""

import re

import pytest

import physics
import siamese
import train
from helpers import command, parsed
from support import options
from support.checks import UserError


@pytest.mark.parametrize("arguments, words", [
    (["--system", "mars"], "--system: invalid choice: 'mars'"),
    (["--schedule", "slow"], "--schedule: invalid choice: 'slow'"),
    (["--movie", "--discover"], "argument --movie: is of one network"),
    (["--epo", "3"], "unrecognized arguments: --epo"),
    (["--epochs", "1000001"], "from 1 to 1000000"), (["--seed", "1000000001"], "from 0 to 1000000000"),
    (["--speed", "3"], "unrecognized arguments: --speed"), (["sr"], "unrecognized arguments: sr"),
    (["--seed", "-1"], "--seed"), (["--seed", "1.5"], "--seed: must be a whole number"), (["--seed", "x"], "--seed"),
    (["--seed", "9" * 5000], "--seed: must be a whole number"), (["--seed"], "--seed: expected one argument"),
    (["--pairs", "0"], "--pairs: must be a whole number from 2"), (["--pairs", "-5"], "--pairs"),
    (["--pairs", "99999999999"], "--pairs"), (["--epochs", "0"], "--epochs: must be a whole number from 1"),
    (["--hidden", "0"], "--hidden"), (["--hidden", "200", "-3"], "--hidden"), (["--hidden"], "--hidden"),
    (["--learning-rate", "0"], "--learning-rate: must be a positive number"),
    (["--learning-rate", "nan"], "positive"), (["--learning-rate", "fast"], "positive"),
    (["--learning-rate", "inf"], "positive"), (["--activation", "swish"], "--activation: invalid choice: 'swish'"),
    (["--model", "absent.npz"], "--model absent.npz: No such file"),
    (["--model", "absent.npz", "--epochs", "7", "--learning-rate", "9"], "leave out --epochs, --learning-rate"),
    (["--model", "m.npz", "--discover", "--seeds", "0-1"], "leave out --discover, --seeds"),
    (["--system", "all", "--model", "m.npz"], "give its one --system"),
    (["--report", "runs", "--system", "cp"], "leave out --system"), (["--report"], "--report: expected at least one"),
    (["--report", "results", "--seeds", "0-3"], "leave out --seeds"),
    (["--apply", "a.csv", "--seeds", "0-3"], "argument --apply: is of one finished run"),
    (["--apply", "a.csv", "--fresh"], "argument --apply: is of one finished run"),
    (["--jobs", "4"], "goes with --seeds or --system all"), (["--jobs", "two"], "--jobs: must be a whole number"),
    (["--jobs", "0"], "--jobs: must be a whole number from 1"), (["--known", "t"], "go with --data"),
    (["--group", "t"], "go with --data"), (["--data", "a.csv", "--system", "sr"], "not allowed with"),
    (["--out", ""], "must be a path"), (["--features", "-t"], "put a space before"),
    (["--seeds", "5-2"], "must be rising"), (["--seeds", "1,1"], "must be rising"),
    (["--seeds", "0-3,2"], "must be rising"), (["--seeds", "a"], "whole numbers as in 0-9"),
    (["--seeds", ""], "whole numbers as in 0-9"), (["--seeds", "-3"], "whole numbers as in 0-9"),
    (["--seeds", "2-"], "whole numbers as in 0-9"), (["--seeds", "0-99999999"], "too many seeds"),
    (["--seeds", "0-3", "--seed", "1"], "not allowed with"),
])
def test_bad_options_end_with_one_sentence_and_status_2(arguments, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert train.main(arguments) == 2
    printed = capsys.readouterr()
    assert words in printed.err and printed.err.count("\n") == 1 and printed.out == ""
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text, seeds", [("0-2", [0, 1, 2]), ("3", [3]), ("0,3,7-9", [0, 3, 7, 8, 9])])
def test_seeds_are_given_as_ranges_and_lists(text, seeds):
    assert parsed(["--seeds", text]).seeds == seeds


@pytest.mark.parametrize("words", [
    [],
    ["--system", "cp", "--discover", "--fresh", "--pairs", "9", "--epochs", "3", "--learning-rate", "1e-05",
     "--hidden", "7", "5", "--activation", "tanh", "--schedule", "paper", "--device", "gpu", "--out=-x",
     "--features", "rational", " -v_x^2 + y"],
    ["--data=-mine.csv", "--group=-g", "--known", "x*v_y - y*v_x", " -x", "--seed", "6"]])
def test_options_that_are_written_and_parsed_again_are_the_same(words):
    given = parsed(words)
    assert vars(parsed(options.written(given, train.PARSER))) == vars(given)


def test_lists_of_seeds_have_names_of_their_own():
    every = [[0, 1], [0, 2], [*range(0, 400, 2)], [*range(0, 402, 2)], [*range(0, 400, 2), 1000]]
    names = [options.in_short(seeds) for seeds in every]
    assert names[:2] == ["0-1", "0,2"] and len(set(names)) == 5 and max(map(len, names)) < 80


def test_sentences_show_strange_names_escaped_in_one_line(capsys):
    assert options.refuse("cannot read a\x1b[31m\nb\udcff") == 2
    assert capsys.readouterr().err == "train.py: cannot read a\\x1b[31m\\nb\\udcff\n"


def test_help_lists_every_system_and_option():
    shown = command("--help")
    assert shown.returncode == 0 and shown.stderr == ""
    flags = ["--" + name.replace("_", "-") for name in vars(parsed([]))]
    for word in (*physics.SYSTEMS, *siamese.SCHEDULES, *flags):
        assert re.search(rf"(?<![\w-]){word}(?![\w-])", shown.stdout), word


def test_a_folder_named_like_an_option_can_be_given():
    assert str(parsed(["--out=-x"]).out) == "-x"
    with pytest.raises(UserError, match="expected one argument"):
        parsed(["--out", "-x"])

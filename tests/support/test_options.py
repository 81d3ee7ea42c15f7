"""The command lines: what they accept, what they refuse and in which words."""

import re
import subprocess
import sys

import pytest

import physics
import siamese
import train
from helpers import ROOT, command, parsed
from support import options
from support.checks import UserError


@pytest.mark.parametrize("arguments, words", [
    (["--system", "mars"], "--system: invalid choice: 'mars'"), (["--epo", "3"], "unrecognized arguments: --epo"),
    (["sr"], "unrecognized arguments: sr"), (["--epochs", "1000001"], "from 1 to 1000000"),
    (["--seed", "-1"], "--seed"), (["--seed", "1.5"], "--seed: must be a whole number"), (["--seed"], "one argument"),
    (["--seed", "9" * 5000], "--seed: must be a whole number"), (["--seed", "٣"], "--seed: must be a whole number"),
    (["--pairs", "1"], "must be a whole number from 2"),
    (["--hidden", "200", "-3"], "--hidden"), (["--learning-rate", "0"], "--learning-rate: must be a positive number"),
    (["--learning-rate", "nan"], "positive"), (["--learning-rate", "inf"], "positive"), (["--out", ""], "a path"),
    (["--report", "runs", "--system", "cp"], "leave out --system"), (["--report"], "--report: expected at least one"),
    (["--jobs", "4"], "goes with several runs"), (["--seeds", "5-2"], "must be rising"),
    (["--seeds", "0-3,2"], "must be rising"), (["--seeds", "a"], "whole numbers as in 0-9"), (["--seeds", ""], "0-9"),
    (["--seeds", "0-99999999"], "too many seeds"), (["--seeds", "0-3", "--seed", "1"], "not allowed with"),
    (["--data", "a.csv"], "python -m discover"), (["--sampling", "box"], "is for cp and cp-fixed, not for sr"),
])
def test_bad_options_end_with_one_sentence_and_status_2(arguments, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert train.main(arguments) == 2
    printed = capsys.readouterr()
    assert words in printed.err and printed.err.count("\n") == 1 and printed.out == ""
    assert printed.err.startswith("train.py: ") and not list(tmp_path.iterdir())


def test_the_least_and_the_largest_of_each_number_are_accepted():
    for words in ("--seed 0 --pairs 2 --epochs 1 --hidden 1", "--seeds 0-1 --jobs 1000",
                  "--seed 1000000000 --pairs 10000000 --epochs 1000000 --hidden 10000"):
        parsed(words.split())


@pytest.mark.parametrize("text, seeds", [("0-2", [0, 1, 2]), ("3", [3]), ("0,3,7-9", [0, 3, 7, 8, 9])])
def test_seeds_are_given_as_ranges_and_lists(text, seeds):
    assert parsed(["--seeds", text]).seeds == seeds


def test_lists_of_seeds_have_names_of_their_own():
    every = [[0, 1], [0, 2], [*range(0, 400, 2)], [*range(0, 402, 2)], [*range(0, 400, 2), 1000]]
    names = [options.abbreviate(seeds) for seeds in every]
    assert names[:2] == ["0-1", "0,2"] and len(set(names)) == 5 and max(map(len, names)) < 80


def test_sentences_show_strange_names_escaped_in_one_line(capsys):
    options.note("train.py", "cannot read a\x1b[31m\nb\udcff")
    assert capsys.readouterr().err == "train.py: cannot read a\\x1b[31m\\nb\\udcff\n"


def test_the_home_folder_may_be_named_by_a_tilde(monkeypatch):
    monkeypatch.setenv("HOME", "/home/of/mine")
    assert str(parsed(["--out=~/runs"]).out) == "/home/of/mine/runs"
    assert str(parsed(["--out=-x"]).out) == "-x"
    with pytest.raises(UserError, match="expected one argument"):
        parsed(["--out", "-x"])


def test_help_is_one_screen_and_lists_every_system_and_option():
    shown = command("--help")
    assert shown.returncode == 0 and shown.stderr == ""
    flags = ["--" + name.replace("_", "-") for name in vars(parsed([])) if name != "given"]
    for word in (*physics.SYSTEMS, *siamese.SCHEDULES, *flags):
        assert re.search(rf"(?<![\w-]){word}(?![\w-])", shown.stdout), word
    lines = shown.stdout.splitlines()
    assert len(lines) <= 50 and max(map(len, lines)) <= 100


def test_an_output_that_is_closed_takes_nothing_from_the_run(tmp_path):
    ended = subprocess.run(f"{sys.executable} train.py --pairs 100 --epochs 1 --out {tmp_path} >&-", shell=True,
                           cwd=ROOT, stderr=subprocess.PIPE, text=True)
    assert ended.returncode == 0 and ended.stderr == "" and (tmp_path / "sr" / "seed-0" / "result.json").exists()


def test_an_output_that_cannot_be_written_ends_with_status_2():
    with open("/dev/full", "w") as full:
        ended = subprocess.run([sys.executable, "train.py", "--help"], cwd=ROOT, stdout=full, stderr=subprocess.PIPE,
                               text=True)
    assert ended.returncode == 2 and ended.stderr == "train.py: cannot write the output: No space left on device\n"

"""Pictures that the paper does not have, from what a run found."""

import numpy as np

import physics
import train
from discover import pictures
from helpers import planned


def test_lines_of_f_cover_those_of_the_law_where_f_is_a_function_of_it():
    x, _ = physics.SYSTEMS["sr"].sample(2000, np.random.default_rng(0))
    laws = {"s²": physics.interval}
    figure = pictures.figure_levels(lambda x: np.tanh(physics.interval(x)) + 3, laws, x, ("t", "x", "y", "z"))
    (f, law), axes = figure.axes[0].collections[:2], figure.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("x", "t")
    for of_f, of_law in zip(f.get_paths(), law.get_paths()):
        across, up = of_f.vertices.T
        s2 = across**2 - up**2                                  # one value on a line, and that of the law's line
        assert np.ptp(s2) < 0.01 and abs(s2[0] - (of_law.vertices[0] @ [[1, 0], [0, -1]] @ of_law.vertices[0])) < 0.01


def diverges(_):
    raise FloatingPointError("the loss became nan")


def test_a_movie_is_a_gif_of_the_first_epochs(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(pictures, "EPOCHS", 2)
    small = ["--pairs", "300", "--epochs", "1", "--hidden", "8", "--out", str(tmp_path)]
    assert train.main([*small, "--movie"]) == train.main([*small, "--movie"]) == 0     # of a finished run too
    content = (tmp_path / "sr" / "seed-0" / "movie.gif").read_bytes()
    assert content.startswith(b"GIF89a") and content.count(b"\x21\xf9\x04") == 3        # the start, and two epochs
    assert "movie.gif" in capsys.readouterr().out
    assert train.main([*small, "--movie", "--discover"]) == 2
    capsys.readouterr()
    monkeypatch.setattr(train.Training, "epoch", diverges)
    assert train.main([*small, "--movie"]) == 2
    assert "--movie goes through 2 epochs, and the loss became nan" in capsys.readouterr().err


def test_a_movie_shows_f_as_the_run_had_it():
    training, _, test = train.prepared(planned("--pairs", "300", "--epochs", "3", "--hidden", "8"))
    start = training.network.f(test.x)
    again, _, _ = train.prepared(planned("--pairs", "300", "--epochs", "3", "--hidden", "8"))
    assert np.array_equal(again.network.f(test.x), start)
    training.epoch(), again.epoch()
    assert np.array_equal(again.network.f(test.x), training.network.f(test.x))


def test_pdf_stands_beside_each_picture(tmp_path):
    assert train.main(["--pairs", "300", "--epochs", "1", "--hidden", "8", "--pdf", "--out", str(tmp_path)]) == 0
    folder = tmp_path / "sr" / "seed-0"
    drawn = {path.stem for path in folder.glob("*.png")}
    assert drawn >= {"figure_1", "figure_2", "figure_3", "figure_8", "figure_9", "decision", "levels"}
    assert {path.stem for path in folder.glob("*.pdf")} == drawn
    assert all(path.read_bytes().startswith(b"%PDF") for path in folder.glob("*.pdf"))

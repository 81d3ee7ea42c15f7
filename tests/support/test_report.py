"""The report of one run and the page on many, from canned results."""

from dataclasses import replace

import pytest

import physics
from helpers import canned, saved, table_rows
from support import report
from support.page import Formula, Picture, markdown
from support.results import Interpreted, LawRecord, Score, load_results

SCORE = Score(0.98, 0.981, 0.3)
CAPTIONS = {"figure_3.png": "Fig. 3", "figure_9.png": "Fig. 9"}


def reported(result):
    """The report on a result of one of the paper's systems."""
    return markdown(report.report(result, physics.SYSTEMS[result.system], CAPTIONS))


def summary(*results):
    """The page on results of the paper's systems."""
    return markdown(report.summary(list(results), physics.SYSTEMS))


# ---------------------------------------------------------------------------------------- one run

def test_the_formula_comes_first_then_its_picture_then_every_number_beside_the_paper():
    parts = report.report(canned(), physics.SYSTEMS["sr"], CAPTIONS)
    assert parts[1] == Formula("f ≈ -9.00 t² + 0.50", large=True) and parts[3] == Picture("figure_3.png", "Fig. 3")
    rows = table_rows(reported(canned(accuracy=0.95, r2=0.997)))
    assert ["accuracy", "0.960", "0.950", "0.94", "0.92"] in rows and ["optimal order", "2", "", "2", ""] in rows
    assert ["R² of order 2 (Table I)", "0.9970", "0.9960", "0.9894", "0.9893"] in rows


def test_a_run_none_of_whose_pictures_could_be_drawn_has_a_report_too():
    parts = report.report(canned(), physics.SYSTEMS["sr"], {})
    assert not any(isinstance(part, Picture) for part in parts) and "## More pictures" in markdown(parts)


def test_the_report_shows_both_lines_of_the_equation_ours_and_the_papers():
    text, published = reported(canned()), physics.SYSTEMS["sr"].published
    for line in ("f ≈ -9.00t² + 0.50", "f ≈ -9.00 t² + 0.50", published.polynomial, published.formula):
        assert line in text


def test_the_report_speaks_of_a_common_factor_only_where_terms_share_it():
    assert "\nThe largest term left out, x, is 1.0% of the first factor.\n" in reported(canned())
    shared = reported(canned(formula_spread=0.02, largest_dropped=("", 0.0)))
    assert "\nCoefficients under a common factor agree within 2.0%.\n" in shared
    assert "factor" not in reported(canned(largest_dropped=("", 0.0)))


def test_the_report_shows_how_much_the_known_invariants_explain():
    text = reported(canned(on_invariants={"s^2": SCORE, "L, E": replace(SCORE, correlation_of_square=None)}))
    assert ["s^2", "0.9800", "0.9810", "0.3000"] in table_rows(text)
    assert ["L, E", "0.9800", "0.9810", "-"] in table_rows(text)


def test_a_network_that_learned_nothing_is_said_so_on_the_page_and_on_the_screen():
    failed = canned("sr-fixed", accuracy=0.58, formula=None)
    assert "In 1 of 1 runs the network tells equivalent pairs from others hardly better" in summary(failed)
    for text in (reported(failed), report.summarise(failed, physics.SYSTEMS["sr-fixed"])):
        assert "No invariant was found: the network learned too little, its test accuracy is 0.580" in text


def test_the_screen_shows_accuracies_beside_the_paper_and_the_formula():
    text = report.summarise(canned(), physics.SYSTEMS["sr"])
    assert "Accuracy 0.960 (paper 0.94) on the training set, 0.950 (paper 0.92) on the test set." in text
    assert text.endswith("\nf ≈ -9.00 t² + 0.50, R² 0.9960")


def test_the_best_training_cycle_has_its_numbers():
    best = Interpreted(True, 0.97, 0.96, {"1": (0, 0.1), "2": (0, 0.9)}, formula="f ≈ 3 t²")
    text = reported(canned(best=best, best_epoch=7))
    assert "epoch 7 of 80: accuracy 0.970 on the training set, 0.960 on the test set" in text and "f ≈ 3 t²" in text


# --------------------------------------------------------------------------------- the page on many

def test_the_page_gives_mean_deviation_and_lowest_seed_beside_the_paper(tmp_path):
    for seed, accuracy in enumerate((0.93, 0.94, 0.98)):
        saved(tmp_path / f"{seed}", seed=seed, accuracy=accuracy)
    text = summary(*load_results([tmp_path], physics.SYSTEMS))
    assert "Seeds 0, 1, 2." in text and "Optimal order: 2 (all runs)." in text
    # mean 0.95, deviations -0.02, -0.01, 0.03, so that the variance is 0.0014 / 2
    assert ["accuracy, test", "0.92", "0.9500", "0.0265", "0.9300", "higher"] in table_rows(text)
    assert ["R² of order 1, training", "0.0013", "0.0010", "0.0000", "0.0010", "agrees"] in table_rows(text)


@pytest.mark.parametrize("name", physics.SYSTEMS)
def test_the_page_holds_every_number_that_the_paper_publishes(name):
    paper = physics.SYSTEMS[name].published
    text = summary(canned(name))
    found = [tuple(row[:2]) for row in table_rows(text)]
    for i, which in enumerate(("training", "test")):
        assert (f"accuracy, {which}", f"{paper.accuracy[i]:.2f}") in found
        for order, scores in paper.r2.items():
            assert (f"R² of order {order}, {which}", f"{scores[i]:.4f}") in found
    assert paper.polynomial in text and paper.formula in text


def test_the_page_lists_every_seed_and_the_range_of_what_the_invariants_explain():
    text = summary(*(canned(seed=seed, formula=f"f ≈ {seed} t²",
                            on_invariants={"s^2": Score(r2, r2 + 0.001, 0.1 * seed)})
                     for seed, r2 in enumerate((0.97, 0.99, 0.98))))
    assert ["s^2", "0.9800", "0.9700", "0.9900", "0.9810", "0.9710", "0.9910", "0.99 to 0.99", "0.00 to 0.20"] in (
        table_rows(text))
    for seed in range(3):
        assert [str(seed), "0.9500", "0.9960", f"f ≈ {seed} t²"] in table_rows(text)


def test_the_page_says_which_seeds_learned_nothing_and_shows_the_equation_of_another():
    lost = canned(seed=0, accuracy=0.5, formula=None)
    text = summary(lost, canned(seed=1, formula="f ≈ 1 t²"))
    rows = table_rows(text)
    # Of the seed that learned, and the lowest of all.
    assert ["accuracy, test", "0.92", "0.9500", "-", "0.5000", ""] in rows      # one seed is no verdict
    assert rows[2][1] == "1 of 2" and "Eq. (5), seed 1:" in text and "In 1 of 2 runs" in text
    assert ["0", "0.5000", "0.9960", "no invariant"] in rows and ["1", "0.9500", "0.9960", "f ≈ 1 t²"] in rows


def test_a_disagreement_over_seeds_is_said():
    def found(seed, *laws):
        records = tuple(LawRecord(law, law, "exact", 10.0**-20 * (seed + 1), terms={law: 1.0}) for law in laws)
        return replace(canned(seed=seed), system="mine.csv", laws=records, count=len(laws), named=len(laws))
    alike = summary(found(0, "x + y"), found(1, "x + y"))
    assert "All 2 seeds count 1." in alike and ["x + y", "exact", "2 of 2", "2e-20"] in table_rows(alike)
    apart = summary(found(0, "x + y"), found(1), found(2, "x + y"))
    assert "**Undecided, since the seeds disagree: 0 in 1 of 3, 1 in 2 of 3**" in apart
    assert ["x + y", "exact", "2 of 3", "3e-20"] in table_rows(apart)

"""The report of one run and the page on many, from canned results."""

from dataclasses import replace

import pytest

import physics
from helpers import canned, saved, table_rows
from support import report
from support.page import markdown
from support.results import load_results

SCORES = {"r2": 0.98, "r2_cubic": 0.981, "coefficients": [1.0], "correlation_of_square": 0.3}


def reported(result):
    """The report on a result of one of the paper's systems."""
    return markdown(report.report(result, physics.SYSTEMS[result.system]))


def summary(*results):
    """The page on results of the paper's systems."""
    return markdown(report.summary(list(results), physics.SYSTEMS))


# ---------------------------------------------------------------------------------------- one run

def test_the_report_puts_every_number_beside_the_paper():
    rows = table_rows(reported(canned(accuracy=0.95, r2=0.997)))
    assert ["training set", "0.960", "0.94"] in rows and ["test set", "0.950", "0.92"] in rows
    assert ["2", "0.9970", "0.9960", "0.9894", "0.9893"] in rows


def test_the_report_shows_both_lines_of_the_equation_ours_and_the_papers():
    text, published = reported(canned()), physics.SYSTEMS["sr"].published
    for line in ("f ≈ -9.00t² + 0.50", "f ≈ -9.00 t² + 0.50", published.polynomial, published.formula):
        assert line in text


def test_the_report_on_own_data_does_not_speak_of_the_paper():
    text = markdown(report.report(canned(notes=("Column q is still.",))))
    assert "paper" not in text and "\nColumn q is still.\n" in text


def test_the_report_speaks_of_a_common_factor_only_where_terms_share_one():
    assert "\nThe largest term left out, x, is 1.0% of the first factor.\n" in reported(canned())
    shared = reported(canned(formula_spread=0.02, formula_dropped=("", 0.0)))
    assert "\nCoefficients under a common factor agree within 2.0%.\n" in shared
    assert "factor" not in reported(canned(formula_dropped=("", 0.0)))


def test_the_report_shows_how_much_the_known_invariants_explain():
    text = reported(canned(on_invariants={"s^2": SCORES, "L, E": {**SCORES, "correlation_of_square": None}}))
    assert ["s²", "0.9800", "0.9810", "0.3000"] in table_rows(text)
    assert ["L, E", "0.9800", "0.9810", "-"] in table_rows(text)


def test_a_search_that_fails_is_said_in_words():
    failed = canned("sr-fixed", accuracy=0.58, formula=None)
    assert "In 1 of 1 runs the network found no invariant" in summary(failed)
    assert "No invariant was found" in reported(failed)


# --------------------------------------------------------------------------------- the page on many

def test_the_page_gives_mean_deviation_and_lowest_seed_beside_the_paper(tmp_path):
    for seed, accuracy in enumerate((0.93, 0.94, 0.98)):
        saved(tmp_path / f"{seed}", seed=seed, accuracy=accuracy)
    text = summary(*load_results([tmp_path], physics.SYSTEMS))
    assert "Seeds 0, 1, 2." in text and "Optimal order: 2 in 3 of 3." in text
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
    def scores(seed, r2):
        return {"s^2": {**SCORES, "r2": r2, "r2_cubic": r2 + 0.001, "correlation_of_square": 0.1 * seed}}
    r2 = 0.97, 0.99, 0.98
    text = summary(*(canned(seed=seed, on_invariants=scores(seed, value), formula=f"f ≈ {seed} t²")
                     for seed, value in enumerate(r2)))
    assert ["s²", "0.9800", "0.9700", "0.9900", "0.9810", "0.9710", "0.9910", "0.00 to 0.20"] in table_rows(text)
    for seed in range(3):
        assert [str(seed), "0.9500", "0.9960", f"f ≈ {seed} t²"] in table_rows(text)


def test_the_page_says_which_seeds_learned_nothing_and_shows_the_equation_of_one_that_did():
    lost = canned(seed=0, accuracy=0.5, formula=None)
    text = summary(lost, canned(seed=1, formula="f ≈ 1 t²"))
    rows = table_rows(text)
    # Of the seed that learned, and the lowest of all.
    assert ["accuracy, test", "0.92", "0.9500", "-", "0.5000", ""] in rows      # one seed is no verdict
    assert "In 1 of 2 runs the network found no invariant" in text
    assert "They count for the lowest values alone." in text
    assert rows[2][-1].endswith(", in 1 of 2 seeds") and "Eq. (5), seed 1:" in text
    assert ["0", "0.5000", "0.9960", "no invariant"] in rows and ["1", "0.9500", "0.9960", "f ≈ 1 t²"] in rows
    assert summary(lost).count("no invariant") == 3


def said(seed, *laws, word="conserved"):
    """A canned result on own data with these laws."""
    verdict = {"word": word, "sentence": "seen", "within": 0.01}
    kept = [{"text": law, "verdict": "exact", "within": 1e-20, "function_of": [], "terms": {law: 1}}
            for law in laws]
    return replace(canned(seed=seed, laws=kept, verdict=verdict, formula=None), system="mine.csv")


def test_a_disagreement_over_seeds_is_said_as_a_verdict():
    together = summary(said(0, "x + y"), said(1, "x + y"), said(2, "x + y"))
    assert "All 3 seeds say the same: 1 law." in together and "paper" not in together
    apart = summary(said(0, "x + y"), said(1, word="undecided"), said(2, "x + y"))
    assert "**Undecided, since the seeds disagree: 1 law in 2 of 3, undecided in 1 of 3.**" in apart
    rows = table_rows(apart)
    assert [row[0] for row in rows[2:5]] == ["0", "1", "2"] and "Conserved: x + y" in rows[2][1]
    other = replace(said(0, "a"), system="other.csv")
    both = summary(said(0, "x + y"), said(1, "x + y"), other)
    assert "# mine.csv, seeds 0, 1\n" in both and "# other.csv, seeds 0\n" in both and "disagree" not in both
    nearly = {"text": "x", "verdict": "approximate", "within": 0.01, "function_of": [], "terms": {}}
    almost = [replace(said(seed, word="undecided"), laws=[nearly]) for seed in (0, 1)]
    assert "All 2 seeds say the same: undecided, 1 nearly a law." in summary(*almost)
    searches = [canned(seed=seed, steps=(), count=count, named=0) for seed, count in enumerate((1, 2))]
    assert "Undecided, since the seeds disagree: 1 invariant in 1 of 2, 2 invariants in 1 of 2." in summary(*searches)


# ------------------------------------------------------------------------------------- searches

def searched(seed, accuracies):
    """A canned search for all invariants."""
    steps = tuple({"train_accuracy": accuracy, "test_accuracy": accuracy, "independence": 0.9, "within": 0.001,
                   "found": accuracy > 0.7, "word": "conserved" if accuracy > 0.7 else "nothing", "sentence": "",
                   "interval": (accuracy - 0.01, accuracy + 0.01), "test_classes": 50, "test_pairs": 100}
                  for accuracy in accuracies)
    count = sum(step["found"] for step in steps)
    return canned(seed=seed, settings={"layer_sizes": [4, 8, 1]}, steps=steps, count=count, named=0)


def test_searches_for_all_invariants_have_a_report_and_a_page_of_their_own():
    text = reported(searched(4, [0.95, 0.6]))
    assert "1 invariant" in text
    assert [(row[0], row[1]) for row in table_rows(text)[-2:]] == [("1", "0.950"), ("2", "0.600")]
    page = summary(searched(0, [0.95, 0.6]), searched(1, [0.96, 0.9, 0.5]))
    assert [row[2] for row in table_rows(page) if row[0] == "sr"] == ["1", "2"]          # found


def test_a_network_that_found_again_what_is_known_does_not_make_a_search_complete():
    nothing, again = searched(0, [0.95, 0.6]), searched(0, [0.95, 0.95])
    assert "Complete, as far as a network can tell" in reported(nothing)
    last = {**again.steps[1], "found": False, "independence": 0.01}
    again = replace(again, steps=(again.steps[0], last), count=1)
    assert "Complete" not in reported(again) and "Open: the last network found again" in reported(again)


def test_an_approximate_law_is_named_with_what_the_network_says():
    law = {"text": "x + y", "verdict": "approximate", "within": 0.001, "function_of": [], "terms": {}, "errors": {},
           "python": "", "latex": "", "sympy": ""}
    text = markdown(report.report(replace(said(0, word="approximately conserved"), laws=[law])))
    assert "Something is approximately conserved, with 1 % of the variance of f within classes" in text
    assert "nearly x + y (0.1 % of its variance lies within classes" in text


def test_a_law_says_whether_it_holds_exactly_within_noise_or_nearly():
    law = {"text": "x", "function_of": [], "terms": {"x": 2.0}, "errors": {"x": 0.1}, "python": "", "latex": "",
           "sympy": ""}
    kinds = [("exact", 1e-20), ("exact", 1e-3), ("approximate", 1e-3)]
    laws = [{**law, "verdict": verdict, "within": within} for verdict, within in kinds]
    rows = table_rows(markdown(report.report(replace(said(0), laws=laws))))
    assert [row[2:5] for row in rows if row[1] == "x"] == [
        ["exact", "1.0e-20", "5e-02"], ["exact within noise", "1.0e-03", "5e-02"], ["approximate", "1.0e-03", "5e-02"]]

"""Marking of the course's exercises: each judge here judges one, and says in words what is wrong.

A failure names the array that is off and how: by a factor, by its sign, in which entry. Then it compares with
errors that are often made: what they give is computed here, and the words are said only if the student's numbers
are these. What is right comes from plain formulas and from central differences, never from the code under test.

score.py starts this file in the folder of a copy: it judges one exercise by the modules that stand there.
"""

import contextlib
import importlib
import math
import os
import pkgutil
import signal
import sys
from pathlib import Path
from unittest import mock

import numpy as np

sys.path.append(str(Path(__file__).resolve().parents[1] / "docs" / "course"))
from exercises import JUDGED

siamese = physics = regression = None                   # imported by `prepare`, if the exercise needs it
TARGETS = {name: row[3].split() for name, row in JUDGED.items()} | {"activations": ["siamese.ACTIVATIONS"]}
SECONDS = 2             # of the processor, after which a loop is taken for one without end
MEMORY = 2 * 2**30      # bytes, of a judge that score.py starts
__tracebackhide__ = True                                # an error of Python shows the student's lines, not these


class Wrong(AssertionError):
    """What is wrong with an answer, in words."""


def judge_exercise(name):
    """Raise Wrong, in words, unless the exercise is solved."""
    from support.checks import UserError
    try:
        with ended_within(SECONDS, name), contextlib.ExitStack() as stack:
            prepare(name, stack)
            JUDGES[name]()
            return
    except UserError as error:                          # the body that the hand-out leaves
        words = str(error)
    except SyntaxError as error:                        # in its words, Python names the file and the line
        words = f"{type(error).__name__}: {error}"
    raise Wrong(words)


def prepare(name, stack):
    """Import the module of an exercise, and no other; plain functions stand in for the other exercises."""
    module = TARGETS[name][0].split(".")[0]
    globals()[module] = importlib.import_module(module)
    for target in TARGETS[name]:
        if not is_there(target):
            fail(f"{target} is not there. Does its function have another name?")
    if module == "siamese":
        for other, target, plain in STAND_INS:
            if other != name:                           # `create`, since a student may have renamed it
                stack.enter_context(mock.patch(target, plain, create=True))
        pairs = {"relu": (siamese.relu, siamese.relu_derivative), "tanh": (siamese.tanh, siamese.tanh_derivative)}
        stack.enter_context(mock.patch.dict(siamese.ACTIVATIONS, pairs))


def is_there(target):
    """Whether a name such as "siamese.Adadelta.step" exists; what a class inherits does not count."""
    place, _, name = target.rpartition(".")
    try:
        return name in vars(pkgutil.resolve_name(place))
    except AttributeError:                              # nor does the class exist
        return False


# ------------------------------------------------------------------------------------------------ words

def fail(*lines):
    """End the judgement with these lines: a student need not read the test."""
    raise Wrong("\n".join(lines)) from None


def off(found, expected, reference="what it should be", close=1e-6, entries=True):
    """How an array differs from the expected one, in words; "" if it does not. entries: name those that are off."""
    if found is None:
        return "is None; the function returns nothing"
    found, expected = np.asarray(found), np.asarray(expected, float)
    if found.shape != expected.shape:
        return f"has the shape {found.shape} and should have {expected.shape}"
    if found.dtype.kind not in "fiub":
        return f"does not hold real numbers, but {found.dtype}"
    if not np.isfinite(found).all():
        return f"is not finite: it holds {found[~np.isfinite(found)].flat[0]}"
    found, within = found.astype(float), close * (np.abs(expected).max() or 1)

    def near(a, b):
        return np.isclose(a, b, rtol=close, atol=within).all()
    if near(found, expected):
        return ""
    ratio = np.vdot(found, expected) / (np.vdot(expected, expected) or 1)
    if found.size > 1 or not entries:
        if not found.any():
            return "is zero"
        if near(found, -expected):
            return "has the wrong sign"
        if abs(ratio) > 1e-9 and near(found / ratio, expected):
            return f"is {ratio:.6g} times {reference}"
    if not entries:
        largest, error = np.abs(expected).max(), np.abs(found - expected).max()
        return f"has errors of up to {error / largest:.0%} of its largest value" if largest else "should be zero"
    if found.size > 2 and near(found - found.flat[0], expected - expected.flat[0]):
        return f"is off by {found.flat[0] - expected.flat[0]:+.4g} everywhere"
    if found.ndim == 0:
        return f"is {found:.4g} and should be {expected:.4g}"
    wrong = np.argwhere(~np.isclose(found, expected, rtol=close, atol=within)).tolist()
    named = [f"entry {place} is {found[tuple(place)]:.4g} and should be {expected[tuple(place)]:.4g}"
             for place in wrong[:2]]
    return "; ".join(named) + f"; {len(wrong) - 2} more of {found.size} are off" * (len(wrong) > 2)


def judge(name, found, expected, mistakes=(), advice=(), close=1e-6):
    """Fail unless the array is the expected one. mistakes: {words: what a mistake gives}."""
    wrong = off(found, expected, close=close)
    if wrong:
        same = [f"This is what comes out {words}." for words, value in dict(mistakes).items() if not off(found, value)]
        fail(f"{name}: {'' if wrong.startswith('entry') else 'the result '}{wrong}.", *(same[:1] or advice))


@contextlib.contextmanager
def warnings_as_failures(name, *advice):
    """NumPy's overflow, division by zero and nan become failures."""
    try:
        with np.errstate(over="raise", invalid="raise", divide="raise"):
            yield
    except FloatingPointError as error:
        fail(f"{name}: {error}.", *advice)


@contextlib.contextmanager
def ended_within(seconds, name):
    """Fail if what is inside does not end; where there is no such alarm (Windows), wait."""
    if not hasattr(signal, "setitimer"):
        yield
        return
    words = f"{name} does not end. Does a loop wait for what cannot happen?"
    before = signal.signal(signal.SIGPROF, lambda *_: fail(words))
    left = signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
        signal.setitimer(signal.ITIMER_PROF, *left)     # of an alarm around this one


def refused(name, call, *advice):
    """Fail unless the call raises ValueError."""
    try:
        with np.errstate(all="ignore"):
            returned = call()
        found = f"returns {returned if np.size(returned) < 4 else 'numbers'}"
    except ValueError:
        return
    except Wrong:                                       # a loop without end
        raise
    except Exception as error:
        found = f"raises {type(error).__name__}"
    fail(f"{name} {found}. It must raise ValueError.", *advice)


# ----------------------------------------------------------------------------------- session 1: eq. (1)

def network(activation="relu", k=1, w=1.3):
    """A float64 network with random parameters, biases and b included, and the given w."""
    made = siamese.SiameseNetwork((4, 7, 6, k), activation=activation, dtype=np.float64)
    made.parameters[:] = 0.5 * np.random.default_rng(0).standard_normal(made.parameters.size)
    made.w[:] = w
    return made


def plain_layers(net, x, biases=1, activate=True, last=False):
    """The inputs of all layers (n, m + 1), and f (n, k), in the plainest form; with what may be forgotten."""
    inputs = []
    for layer, weights in enumerate(net.layers, 1):
        inputs.append(np.c_[x, np.ones(len(x))])
        x = x @ weights[:-1] + biases * weights[-1]
        if activate and (last or layer < len(net.layers)):
            siamese.ACTIVATIONS[net.activation][0](x, np.zeros_like(x))
    return inputs, x


def plain_loss(net, x, first, second, y):
    """The loss (B1) of pairs of the observations x (r, 4), without the code under test."""
    z, _, _ = plain_logits(net, plain_layers(net, x)[1], first, second)
    return np.mean(np.logaddexp(0, z) - y * z)


def plain_logits(net, f, first, second):
    """z (n,), s (n,) and difference (n, k) of pairs, as `pair_logits` gives them."""
    difference = f[first] - f[second]
    s = np.sum(difference**2, axis=1)
    return net.w * s + net.b, s, difference


def differences(net, function, h=1e-6):
    """Derivative of a function without arguments by every parameter, by central differences."""
    numerical = np.empty(net.parameters.size)
    for i, value in enumerate(net.parameters.copy()):
        values = []
        for net.parameters[i] in (value + h, value - h):
            values.append(function())
        net.parameters[i] = value
        numerical[i] = (values[0] - values[1]) / (2 * h)
    return numerical


def sigmoid():
    z = np.array([-6.0, -1, 0, 0.5, 3])
    right = np.array([1 / (1 + math.exp(-value)) for value in z])
    kept = z.copy()
    judge("sigmoid(z)", siamese.sigmoid(z), right, {
        "with the sign of z turned around": 1 - right, "for tanh(z)": np.tanh(z),
        "without the 1/2 inside tanh": 0.5 + 0.5 * np.tanh(z), "without the 1/2 in front": 0.5 + np.tanh(z / 2),
        "for its derivative": right * (1 - right)})
    judge("sigmoid changes its argument z", z, kept, advice=["Write the result to a new array: step needs z later."])
    for dtype in (np.float32, np.float64):
        name = f"sigmoid(z) at z = -10000 and 10000, as {np.dtype(dtype)}"
        with warnings_as_failures(name, "exp of a large number is too large for the computer. np.where does not help:",
                                  "it computes both of its branches. Express sigmoid by tanh, which cannot overflow."):
            judge(name, siamese.sigmoid(np.array([-1e4, 1e4], dtype)), [0, 1])


def cross_entropy():
    z, y = np.array([-2.0, -0.5, 0.1, 1, 3]), np.array([0, 1.0, 0, 1, 1])
    same, different = [-(1 - y) * np.log(1 / (1 + np.exp(z))), -y * np.log(1 / (1 + np.exp(-z)))]
    right = np.mean(same + different)
    judge("cross_entropy(z, y)", siamese.cross_entropy(z, y), right, {
        "if the sum over the pairs takes the place of the mean": 5 * right, "with the opposite sign": -right,
        "with y and 1 - y exchanged": right + np.mean((2 * y - 1) * z), "without - y z": right + np.mean(y * z),
        "for + y z in place of - y z": right + 2 * np.mean(y * z), "without the term of y = 0": np.mean(different),
        "without the term of y = 1": np.mean(same), "if the minus stands before the first term alone, as (B1) is "
        "printed": np.mean(different - same), "without the mean over the pairs": same + different,
        "if z is taken for F, and the sigmoid applied once more": np.mean(
            np.logaddexp(0, 1 / (1 + np.exp(-z))) - y / (1 + np.exp(-z)))})
    advice = ["F is rounded to 0 or 1 there, and ln(0) is infinite. exp(10000) is too large for the computer.",
              "Compute the loss from z, as softplus(z) - y z.",
              "softplus(z) = ln(1 + exp(z)) = max(z, 0) + ln(1 + exp(-|z|)), and the last form cannot overflow."]
    for dtype in (np.float32, np.float64):
        extreme, labels = np.array([1e4, -1e4, 1e4, -1e4], dtype), np.array([1, 0, 0, 1], dtype)
        name = f"cross_entropy(z, y) at z = -10000 and 10000, as {np.dtype(dtype)}"
        with warnings_as_failures(name, *advice):
            judge(name + ", labels 1 and 0", siamese.cross_entropy(extreme[:2], labels[:2]), 0, advice=advice)
            judge(name + ", labels 0 and 1", siamese.cross_entropy(extreme[2:], labels[2:]), 1e4, advice=advice)


def pair_logits():
    rng = np.random.default_rng(1)
    first, second = np.array([0, 1, 2, 2]), np.array([3, 4, 5, 3])        # rows 2 and 3 stand in two pairs
    for k in (1, 3):
        net, f = network(k=k), rng.standard_normal((6, k))
        w, b, difference = net.w[0], net.b[0], f[first] - f[second]
        squares, name = difference**2, f"pair_logits, for a bottleneck of k = {k}"
        right = w * squares.sum(axis=1) + b
        returned = net.pair_logits(f, first, second)
        if not isinstance(returned, tuple) or len(returned) != 3:
            fail(f"{name}: it must return three arrays: z (n,), s (n,) and the difference (n, k).")
        judge(f"{name}, difference", returned[2], difference, {
            "for f' - f": -difference, "for the rows 0 to n - 1 and n to 2n - 1, whatever `first` and `second` say":
            f[:len(first)] - f[-len(first):], "for its square": squares, "for |f - f'|": np.abs(difference)})
        judge(f"{name}, s", returned[1], squares.sum(axis=1), {
            "without the square": difference.sum(axis=1), "with the factor w": w * squares.sum(axis=1),
            "with |f - f'| in place of its square": np.linalg.norm(difference, axis=1),
            "if the sum over the k neurons is squared, and not the neurons summed": difference.sum(axis=1)**2,
            "if the mean over the k neurons takes the place of their sum": squares.mean(axis=1),
            "if only the first neuron counts": squares[:, 0],
            "for f² - f'² in place of (f - f')²": np.sum(f[first]**2 - f[second]**2, axis=1)})
        judge(f"{name}, z", returned[0], right, {
            "without + b": right - b, "without the factor w": squares.sum(axis=1) + b,
            "for w (s + b)": right - b + w * b,
            "for b - w s": b - w * squares.sum(axis=1),
            "after the sigmoid: z is its argument": 1 / (1 + np.exp(-right)),
            "if the sum runs over the pairs, too": w * squares.sum() + b})


def derangement():
    def draw(n, seed=0):
        with ended_within(SECONDS, f"derangement({n}, rng)"):
            partner = np.asarray(physics.derangement(n, np.random.default_rng(seed)))
        if partner.shape != (n,) or partner.dtype.kind not in "iu":
            fail(f"derangement({n}, rng) has the shape {partner.shape} and holds {partner.dtype}.",
                 f"It should have ({n},) and hold whole numbers, which can serve as indices.")
        return partner
    for n in (2, 3, 10):
        for seed in range(20):
            partner = draw(n, seed)
            if sorted(partner) != list(range(n)):
                fail(f"derangement({n}, rng) is {partner.tolist()}. Each of 0 to {n - 1} must be there once.")
            in_place = np.flatnonzero(partner == np.arange(n))
            if len(in_place):
                fail(f"derangement({n}, rng) is {partner.tolist()}. Element {in_place[0]} is left in its place.")
    if any(not np.array_equal(draw(10, seed), draw(10, seed)) for seed in range(3)):
        fail("derangement gives two results for two generators of one seed.", "Draw from the rng that is passed in.")
    if all(np.array_equal(draw(10, 0), draw(10, seed)) for seed in range(1, 9)):
        fail(f"derangement(10, rng) is {draw(10).tolist()} for every rng. It must be random.")
    rng, counts = np.random.default_rng(2), np.zeros((5, 5))
    for _ in range(4000):
        counts[np.arange(5), physics.derangement(5, rng)] += 1
    i, j = np.unravel_index(np.argmax(np.abs(counts / 4000 - (1 - np.eye(5)) / 4)), (5, 5))
    if abs(counts[i, j] / 4000 - 0.25) > 0.03:
        fail(f"derangement(5, rng) gives element {i} the partner {j} in {counts[i, j] / 40:.0f} % of the draws.",
             "Each other partner must come equally often, in 25 %.")
    for n in (1, 0):
        refused(f"derangement({n}, rng)", lambda: draw(n), "A single element has no other place.")


# ------------------------------------------------------------------------------ session 2: the gradients

STEP = {                                # what may go wrong in `step`, and the words for it
    "sum": "if the sum over the pairs takes the place of the mean (step 2)",
    "y - F": "for y - F in place of F - y (step 2)", "F": "for F in place of F - y (step 2)",
    "rows": "with 2n in place of n: the mean is over the pairs, not over their rows (step 2)",
    "F(1-F)": "with F (1 - F) as a further factor: it cancels (steps 1 and 2)",
    "w": "without the factor w (step 4)", "2": "without the factor 2 (step 4)",
    "first only": "if the second member of each pair gets no -g (step 5)",
    "both +": "with +g in place of -g for the second members (step 5)",
    "abs": "with |f_i - f_j| in place of f_i - f_j (step 4)", "b": "without b in z"}
BACKWARD = {
    "derivative": "without the derivative of the activation (step 7)",
    "all derivatives": "if the derivative is applied at the bottleneck too, which has no activation (step 7)",
    "mean": "with a division by the number of rows (step 6)",
    "biases": "if the last row of each W, the biases, is forgotten: take `a` with its column of ones (step 6)"}


def plain_backward(net, x, delta, mistake=""):
    """The gradients (p,) of the sum of f * delta as step 6 and 7 say, or with one mistake; zero for w and b."""
    inputs, f = plain_layers(net, x)
    found = [np.zeros(2)]
    for l in reversed(range(len(net.layers))):
        a = inputs[l + 1][:, :-1] if l + 1 < len(net.layers) else f
        if mistake == "all derivatives" or (a is not f and mistake != "derivative"):
            delta = delta * (a > 0 if net.activation == "relu" else 1 - a**2)
        block = inputs[l].T @ delta / (len(x) if mistake == "mean" else 1)
        block[-1] *= mistake != "biases"
        found.insert(0, block.ravel())
        delta = delta @ net.layers[l][:-1].T
    return np.concatenate(found)


def plain_gradients(net, x, first, second, y, mistake=""):
    """The gradients (p,) of the loss as steps 1 to 7 say, or with one mistake."""
    f = plain_layers(net, x)[1]
    _, s, difference = plain_logits(net, f, first, second)
    predicted = 1 / (1 + np.exp(-(net.w * s + (0 if mistake == "b" else net.b))))
    dz = (predicted - (0 if mistake == "F" else y)) * (-1 if mistake == "y - F" else 1)
    dz /= {"sum": 1, "rows": 2 * len(y)}.get(mistake, len(y))
    dz *= predicted * (1 - predicted) if mistake == "F(1-F)" else 1
    g = (1 if mistake == "2" else 2) * (1 if mistake == "w" else net.w) * dz[:, None] * difference
    g *= np.sign(difference) if mistake == "abs" else 1
    delta = np.zeros_like(f)
    np.add.at(delta, first, g)
    np.add.at(delta, second, {"first only": 0, "both +": 1}.get(mistake, -1) * g)
    gradient = plain_backward(net, x, delta, mistake)
    gradient[-2:] = dz @ s, dz.sum()
    return gradient


def blocks(net, vector):
    """The blocks of a vector of all parameters, by name."""
    found, start = {}, 0
    for l, weights in enumerate(net.layers, 1):
        block = vector[start:start + weights.size].reshape(weights.shape)
        found[f"dW{l}"], found[f"dW{l}, last row (biases)"] = block[:-1], block[-1]
        start += weights.size
    return {**found, "dw of (1)": vector[-2:-1], "db of (1)": vector[-1:]}


def filled(name, net, run):
    """The flat vector of the gradients after a pass; fail if an array was bound anew or adds up from pass to pass."""
    flat = net.gradients
    flat[:] = 0
    run()
    views = {f"self._dlayers[{l}]": each for l, each in enumerate(net._dlayers)}
    views |= {"self._dw": net._dw, "self._db": net._db, "self.gradients": net.gradients}
    bound = [view for view, each in views.items() if not np.shares_memory(np.asarray(each), flat)]
    if bound:
        verb = "was" if len(bound) == 1 else "were each"
        fail(f"{name}: {' and '.join(bound)} {verb} bound to a new array. `gradients` stays zero there.",
             f"Fill the array that is there: {bound[0]}[:] = ... in place of {bound[0]} = ...")
    once = flat.copy()
    run()
    if off(flat, once):
        fail(f"{name}: the gradients change if the same batch goes through a second time.",
             "Is `+=` used where `=` is needed? What the step before has left must go.")
    return once


def gradients(name, net, found, expected, mistakes=(), advice=""):
    """Fail with a table of all blocks unless the gradients (p,) are the numerical ones."""
    parts, numerical = blocks(net, found), blocks(net, expected)
    least = 1e-9 * np.abs(expected).max()                                 # what is less is rounding
    wrong = {part: words for part, values in numerical.items() if np.abs(parts[part] - values).max() > least
             and (words := off(parts[part], values, "the numerical gradient", 1e-5, entries=False))}
    if wrong:
        same = [f"This is what comes out {words}." for words, value in dict(mistakes).items()
                if not off(found, value, close=1e-5)]
        begin = advice or f"Begin with {[*wrong][-1]}, the first wrong block on the way back."
        sort = f"{net.activation}, k = {net.layer_sizes[-1]}, w = {net.w[0]:.1f}"
        fail(f"{name}: blocks of the gradient are wrong ({sort}). {(same or [begin])[0]}",
             *(f"    {part:24} {wrong.get(part, 'right')}" for part in parts if parts[part].any() or part in wrong))


def derivatives():
    for name in ("relu", "tanh"):
        judge_activation(name)


def activations():
    """Exercise 2.7, which is marked by hand: the activations that a student added."""
    added = [name for name in siamese.ACTIVATIONS if name not in ("relu", "tanh")]
    if not added:
        fail("siamese.ACTIVATIONS holds relu and tanh, and no other.")
    for name in added:
        judge_activation(name)


def judge_activation(name):
    activate, differentiate = siamese.ACTIVATIONS[name]
    z, memory = np.random.default_rng(3).uniform(-2, 2, (4, 3)), np.zeros((4, 3))
    activate(a := z.copy(), memory)
    differentiate(found := a.copy(), memory)
    advice = ["It must work in place: `a = ...` and `return ...` make a new array, `a[:] = ...` fills this one."]
    judge(f"the derivative of {name}", found, plain_derivative(activate, z), {
        "if a stays as it was": a, "without the square, 1 - a": 1 - a, "for a² in place of 1 - a²": a**2,
        "for 1 + a² in place of 1 - a²": 1 + a**2,
        "for 1 - tanh(a)²: a is tanh(z) already": 1 - np.tanh(a)**2, "for a >= 0: a is 0 where z < 0": a >= 0,
        "for a <= 0": a <= 0, "for -1 where z < 0": np.where(a > 0, 1, -1),
        "if a is taken for z: what the derivative needs of z, the first function writes to `memory`":
        plain_derivative(activate, a)}, advice if np.array_equal(found, a) else (), close=1e-5)


def plain_derivative(activate, z, h=1e-6):
    """da/dz of an activation at z, by central differences."""
    high, low = z + h, z - h
    for each in (high, low):
        activate(each, np.zeros_like(z))
    return (high - low) / (2 * h)


def backpropagate_delta():
    for activation in ("relu", "tanh"):
        rng, net = np.random.default_rng(5), network(activation, k=2)
        inputs, _ = plain_layers(net, x := rng.standard_normal((8, 4)))
        for l in (2, 1):
            weights, a, delta = net.layers[l], inputs[l][:, :-1], rng.standard_normal((8, net.layers[l].shape[1]))
            slope = (a > 0) * 1.0 if activation == "relu" else 1 - a**2
            net.forward(net.augment(x))
            before = delta.copy()
            below, biased = delta @ weights[:-1].T, delta @ weights.T
            name = f"_backpropagate_delta ({activation}, l = {l})"
            judge(name, net._backpropagate_delta(delta, l), below * slope, {
                "without the derivative of the activation (step 7)": below, "with the column of the constant 1, which "
                "has no gradient to hand down": np.c_[below * slope, biased[:, -1]],
                "with the column of the constant 1, and without the derivative": biased,
                "with a in place of its derivative": below * a, "if the row of biases is kept and the first row "
                "dropped": biased[:, 1:] * slope})
            judge(f"{name} changes its argument delta", delta, before)


def backward():
    rng = np.random.default_rng(2)
    for activation, k in (("relu", 1), ("relu", 3), ("tanh", 1)):
        net, x, delta = network(activation, k), rng.standard_normal((12, 4)), rng.standard_normal((12, k))
        augmented = net.augment(x)
        net.forward(net.augment(np.vstack([x, x])))                       # buffers for more rows than there are

        def both():
            net.forward(augmented)
            net.backward(augmented, delta.copy())
        expected = differences(net, lambda: np.sum(plain_layers(net, x)[1] * delta))
        gradients("backward", net, filled("backward", net, both), expected, {
            words: plain_backward(net, x, delta, mistake) for mistake, words in BACKWARD.items()})


def step_of(net, x, first, second, y, name="step", advice=""):
    """Judge a step with these pairs of the observations x (r, 4)."""
    augmented, z = net.augment(x), []
    net.forward(net.augment(np.vstack([x, x])))                           # buffers for more rows than there are
    found = filled(name, net, lambda: z.append(net.step(augmented, first, second, y)))
    expected = differences(net, lambda: plain_loss(net, x, first, second, y))
    gradients(name, net, found, expected, {words: plain_gradients(net, x, first, second, y, mistake)
                                           for mistake, words in (STEP | BACKWARD).items()}, advice)
    right, _, _ = plain_logits(net, plain_layers(net, x)[1], first, second)
    judge(f"{name} returns z, the logits", z[0], right, {"after the sigmoid": 1 / (1 + np.exp(-right))})


def step():
    rng = np.random.default_rng(2)
    first, second, y = np.arange(30), np.arange(30, 60), rng.integers(0, 2, 30)
    for activation, k, w in (("relu", 1, 1.3), ("relu", 3, -0.7), ("tanh", 1, 1.3)):
        step_of(network(activation, k, w), rng.standard_normal((60, 4)), first, second, y)
    first, second = rng.integers(0, 10, (2, 40))
    step_of(network(k=3), rng.standard_normal((10, 4)), first, second, rng.integers(0, 2, 40),
            "step where a row stands in several pairs",
            "`delta[first] += g` counts such a row once. np.add.at and np.subtract.at count it in every pair (step 5).")


def forward():
    for activation in ("relu", "tanh"):
        net = network(activation, k=2)
        for n in (9, 5):                                                  # the second uses a part of the buffers
            x = np.random.default_rng(n).standard_normal((n, 4))
            inputs, f = plain_layers(net, x)
            judge(f"forward ({activation})", net.forward(net.augment(x)), f, {
                "without the biases": plain_layers(net, x, biases=0)[1],
                "without the activation": plain_layers(net, x, activate=False)[1],
                "if the bottleneck has the activation too": plain_layers(net, x, last=True)[1]})
            for l, right in enumerate(inputs[1:]):
                judge(f"forward must leave the input of W{l + 2} in the buffer a[{l}], for backward",
                      net._buffers.a[l][:n], right)


def plain_forward(net, augmented):
    """Stands in for `forward`."""
    inputs, f = plain_layers(net, augmented[:, :-1])
    for buffer, a in zip(net._allocate_buffers(len(f)).a, inputs[1:]):
        buffer[:len(a)] = a
    return f


def plain_below(net, delta, l):
    """Stands in for `_backpropagate_delta`, for ReLU and tanh."""
    a = net._buffers.a[l - 1][:len(delta), :-1]
    return delta @ net.layers[l][:-1].T * (a > 0 if net.activation == "relu" else 1 - a**2)


def plain_pass(net, augmented, delta):
    """Stands in for `backward`."""
    net.gradients[:-2] = plain_backward(net, augmented[:, :-1], delta)[:-2]


# ------------------------------------------------------------------- session 3: Adadelta and the callbacks

def plain_adadelta(gradients, rate, rho, epsilon, mistake=""):
    """The parameters (steps, p) after each step, from 1, or with one mistake."""
    p, g2, d2, path = np.ones(gradients.shape[1]), 0, 0, []
    epsilon *= {"epsilon": 1 - rho, "factor": 1 / (1 - rho), "g² alone, factor": 1 / (1 - rho)}.get(mistake, 1)
    rho = 1 - rho if mistake == "rho" else rho
    share = 1 if mistake.startswith("g² alone") else 1 - rho            # of the newest d² in E[d²]
    for g in gradients:
        before, g2 = g2, rho * g2 + (1 - rho) * g**2
        ratio = (d2 + epsilon) / ((before if mistake == "late" else g2) + epsilon)
        d = (ratio if mistake == "roots" else np.sqrt(ratio)) * g
        stored = rate * d if mistake == "inside" else d
        d2 = 0 if mistake == "steps" else rho * d2 + share * stored**2
        p = p + {"sign": rate, "rate": -1}.get(mistake, -rate) * d
        path.append(p)
    return np.array(path)


ADADELTA = {
    "sign": "if the step goes up the gradient, with + for -", "rate": "without the learning rate",
    "roots": "without the square roots", "steps": "if E[d²] stays zero", "rho": "with rho and 1 - rho exchanged",
    "inside": "if E[d²] takes in learning_rate * d: it takes d alone",
    "late": "if d is computed with the E[g²] of the step before",
    "epsilon": "with epsilon as it is, though the object keeps E[.] / (1 - rho): take epsilon / (1 - rho)",
    "factor": "with epsilon / (1 - rho), though the squares were multiplied by 1 - rho: one or the other",
    **dict.fromkeys(("g² alone", "g² alone, factor"), "if 1 - rho stands before g² and not before d²: both or none")}


def adadelta():
    given, settings = np.array([[0.5, -1.0], [0.25, 0.3], [-4.0, 1e-3]]), (3.0, 0.9, 1e-2)
    optimizer, p, path = siamese.Adadelta(2, *settings, dtype=np.float64), np.ones(2), []
    for g in given:
        handed = g.copy()
        optimizer.step(p, handed)
        judge("Adadelta.step changes the gradients, which are not its own", handed, g)
        path.append(p.copy())
    if np.all(p == 1):
        fail("Adadelta.step leaves the parameters as they were.",
             "`parameters = parameters - ...` makes a new array. `parameters -= ...` changes the one passed in.")
    judge("Adadelta, parameters after steps 1 to 3 (one row each)", path, plain_adadelta(given, *settings), {
        words: plain_adadelta(given, *settings, mistake) for mistake, words in ADADELTA.items()})


LOSSES = (5, 6, 5, 4, 4.5, 4.2, 4.3, 3, 3, 3, 3, 3, 3, 3, 2)
SMALL = (1, 1 - 0.6e-4, 1 - 1.2e-4, 1 - 1.8e-4)
WAITING = {
    "min_delta": "without min_delta", "equal": "if a loss equal to the best counts as better",
    "last": "if the loss is compared with the last one, not with the best", "late": "if it waits one epoch too long",
    "early": "if it waits one epoch too short",
    "reset": "if the waiting does not start again at 0 after a better loss", "never": "if the best loss is not kept",
    "again": "if the waiting does not start again at 0 after the rate was lowered",
    "once": "if the rate is lowered only once while the loss does not improve", "times": "if the rate is multiplied"}


def plain_waiting(losses, patience, min_delta=0.0, mistake=""):
    """Whether to stop (1 or 0), and the rate of the next epoch, from 8 on, after each loss; or with one mistake."""
    best, last, waited, plateau, rate, stops, rates = np.inf, np.inf, 0, 0, 8.0, [], []
    end = patience + {"late": 1, "early": -1}.get(mistake, 0)
    for loss in losses:
        mark = (last if mistake == "last" else best) - (0 if mistake == "min_delta" else min_delta)
        better = loss <= mark if mistake == "equal" else loss < mark
        best, last = loss if better and mistake != "never" else best, loss
        start = (waited, plateau) if mistake == "reset" else (0, 0)
        waited, plateau = start if better else (waited + 1, plateau + 1)
        stops.append(int(waited >= end))
        if plateau == end or (mistake == "again" and plateau > patience):
            rate, plateau = rate * (2 if mistake == "times" else 0.5), plateau if mistake in ("again", "once") else 0
        rates.append(rate)
    return stops, rates


def judge_callback(name, which, update, losses, patience, min_delta=0.0):
    """Compare what a callback returns after each loss, in a table. which: 0 for stops, 1 for rates."""
    found, right = [update(loss) for loss in losses], plain_waiting(losses, patience, min_delta)[which]
    if None in found:
        fail(f"{name}: it returns None. Its docstring says what it should return.")
    if found != right:
        same = [f"This is what comes out {words}." for mistake, words in WAITING.items()
                if found == plain_waiting(losses, patience, min_delta, mistake)[which]]
        wrong = [a != b for a, b in zip(found, right)].index(True) + 1
        table = zip(("losses", "returned", "right"), (losses, found, right))
        fail(f"{name}, with patience {patience}, is wrong at loss number {wrong}.", *same[:1],
             *(f"    {head:9}" + "".join(f"{float(value):8.6g}" for value in row) for head, row in table))


def plain_update(callback, loss):
    """Stands in for `EarlyStopping.update`."""
    better = loss < callback.best - callback.min_delta
    callback.best, callback.wait = (loss, 0) if better else (callback.best, callback.wait + 1)
    return callback.wait >= callback.patience


def early_stopping():
    judge_callback("EarlyStopping.update (1: stop)", 0, siamese.EarlyStopping(3).update, LOSSES, 3)


def reduce_rate():
    for losses, patience in ((LOSSES, 3), (SMALL, 1)):
        callback, rates = siamese.ReduceLearningRateOnPlateau(patience), [8.0]

        def update(loss):
            rates.append(callback.update(loss, rates[-1] or 0))
            return rates[-1]
        judge_callback("ReduceLearningRateOnPlateau.update, from a rate of 8", 1, update, losses, patience, 1e-4)


# ------------------------------------------------------------------------------------ session 4: physics

def interval():
    x = np.random.default_rng(4).uniform(-1, 1, (5, 4))
    squares = x**2
    right = squares[:, 1:].sum(axis=1) - squares[:, 0]
    judge("interval(x)", physics.interval(x), right, {
        "with the other metric, t² - x² - y² - z²; (2) has -t²": -right,
        "without the minus of t²": squares.sum(axis=1), "for its square root": np.sqrt(np.abs(right)),
        "if t stands last: events are (t, x, y, z)": squares[:, :3].sum(axis=1) - squares[:, 3],
        "if the sum runs over the events, too": right.sum()})


def boost(beta, gamma, factor):
    """A boost with these elements, (4, 4)."""
    right = np.eye(4)
    right[:2, :2] = [[gamma, -factor], [-factor, gamma]]
    return right


def boosts():
    betas = np.array([0.6, -0.8])
    right = np.array([boost(b, 1 / math.sqrt(1 - b * b), b / math.sqrt(1 - b * b)) for b in betas])
    only = right.copy()
    only[:, 2:, 2:] = 0
    judge("boosts([0.6, -0.8])", physics.boosts(betas), right, {
        "with +γβ in place of -γβ, a boost by -β": np.linalg.inv(right), "without the 1 of y and z": only,
        "with β in place of γβ": [boost(b, 1 / math.sqrt(1 - b * b), b) for b in betas],
        "without the square root in γ": [boost(b, 1 / (1 - b * b), b / (1 - b * b)) for b in betas],
        "for γ = sqrt(1 - β²)": [boost(b, math.sqrt(1 - b * b), b * math.sqrt(1 - b * b)) for b in betas],
        "for γ = 1 / sqrt(1 + β²)": [boost(b, 1 / math.sqrt(1 + b * b), b / math.sqrt(1 + b * b)) for b in betas],
        "for γ = 1 / sqrt(1 - β)": [boost(b, 1 / math.sqrt(1 - b), b / math.sqrt(1 - b)) for b in betas],
        "for the transposed of a matrix with +γβ and -γβ": right * np.where(np.tri(4, k=-1), -1, 1)})
    for beta in (1.0, -1.0, 1.5):
        refused(f"boosts([0.5, {beta}])", lambda: physics.boosts(np.array([0.5, beta])),
                "Nothing moves at the speed of light: γ is infinite at β = ±1.")


def transform_fields():
    x = np.random.default_rng(10).standard_normal((3, 6))
    e, b, beta, gamma = x[:, :3], x[:, 3:], 0.6, 1.25

    def boosted(v, along=True, cross=1):
        """Jackson (11.149): E' = γ (E + v × B) and B' = γ (B - v × E) across v, both unchanged along it."""
        v = np.array([v, 0, 0])
        new = np.hstack([gamma * (e + np.cross(v, b)), gamma * (b - cross * np.cross(v, e))])
        new[:, [0, 3]] = x[:, [0, 3]] * (1 if along else gamma)
        return new
    lam = np.tile(boost(beta, gamma, gamma * beta), (3, 1, 1))
    judge("transform_fields by a boost with β = 0.6", physics.transform_fields(x, lam), boosted(-beta), {
        "for an observer at the velocity +β: (10) is the transformation by the inverse of Λ": boosted(beta),
        "if E_x and B_x are multiplied by γ: along the boost they stay": boosted(-beta, along=False),
        "with the wrong sign of v × E in B'": boosted(-beta, cross=-1),
        "if only one index is transformed": physics.fields(physics.field_tensor(x) @ lam),
        "if nothing is transformed": x})
    angle, turn = 0.3, np.tile(np.eye(4), (3, 1, 1))
    turn[:, 1:3, 1:3] = [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
    r = turn[0, 1:, 1:]
    judge("transform_fields by a rotation R", physics.transform_fields(x, turn), np.hstack([e @ r, b @ r]), {
        "for Λ F Λ^T in place of Λ^T F Λ: (10) sums over the first index of both Λ": np.hstack([e @ r.T, b @ r.T]),
        "if nothing is transformed, as by formulas for boosts alone": x})


# --------------------------------------------------------------------------------- session 5: regression

def ridge():
    rng, alpha = np.random.default_rng(2), 10.0
    features = rng.standard_normal((50, 3)) * [1, 3, 0.5] + [5, 2, 1]
    target = rng.standard_normal(50) + features @ [1.0, -2, 3] + 4

    def solved(alpha, intercept=0.0):             # least squares on data augmented by the penalty
        rows = np.vstack([np.c_[features, np.ones(50)], np.sqrt(np.diag([alpha] * 3 + [intercept]))])
        return np.linalg.lstsq(rows, np.r_[target, np.zeros(4)], rcond=None)[0]

    def as_they_are(y):                           # features that were not centred
        return np.linalg.solve(features.T @ features + alpha * np.eye(3), features.T @ y)
    right, returned = solved(alpha), regression.ridge(features, target, alpha)
    if not isinstance(returned, tuple) or len(returned) != 2:
        fail("ridge must return two things: the coefficients (p,) and the intercept.")
    judge("ridge, coefficients", returned[0], right[:-1], {
        "without the penalty α": solved(0)[:-1], "with α² in place of α": solved(alpha**2)[:-1],
        "if the intercept is penalised too: only c is": solved(alpha, alpha)[:-1],
        "with α times the number of samples": solved(50 * alpha)[:-1],
        "with α divided by the number of samples": solved(alpha / 50)[:-1],
        "with -α in place of +α": np.linalg.solve(np.cov(features.T) * 49 - alpha * np.eye(3),
                                                  (features - features.mean(0)).T @ target),
        "if the features are not centred": as_they_are(target),
        "if the target is centred and the features are not": as_they_are(target - target.mean())})
    judge("ridge, intercept", returned[1], right[-1], {
        "for the mean of the target; the mean of φ·c is missing": target.mean(), "with the wrong sign": -right[-1],
        "for mean f + mean φ·c in place of mean f - mean φ·c": target.mean() + features.mean(0) @ right[:-1],
        "if it is penalised": solved(alpha, alpha)[-1], "for 0": 0})
    x = np.random.default_rng(4).standard_normal(30)
    try:
        found = regression.ridge(np.c_[x, 2 * x, np.ones(30)], 6 * x + 1, 0.0)[0]
    except np.linalg.LinAlgError as error:
        fail(f"ridge with α = 0 and features that depend on each other (x, 2x and a constant): {error}.",
             "np.linalg.solve and inv need a matrix that has an inverse. np.linalg.lstsq does not.")
    judge("ridge with α = 0 and features that depend on each other (x, 2x and a constant), coefficients", found,
          [3, 1.5, 0], {"for the least solution in the features as they are, not scaled to length one": [1.2, 2.4, 0]})


def r2_score():
    target, prediction = np.array([1.0, 2, 3, 6]), np.array([1.5, 2, 4, 5])
    residual, total = np.sum((target - prediction)**2), np.sum((target - 3)**2)
    judge("r2_score(target, prediction)", regression.r2_score(target, prediction), 1 - residual / total, {
        "without 1 -": residual / total, "for 1 + in place of 1 -": 1 + residual / total,
        "if the mean of the target is not subtracted": 1 - residual / np.sum(target**2),
        "with target and prediction exchanged": 1 - residual / np.sum((prediction - prediction.mean())**2),
        "for the squared correlation, which a wrong factor does not change": np.corrcoef(target, prediction)[0, 1]**2,
        "without the squares": 1 - np.sum(np.abs(target - prediction)) / np.sum(np.abs(target - 3)),
        "with the root": math.sqrt(1 - residual / total), "if the residuals are divided by n and the total is not":
        1 - residual / 4 / total, "for n - 1 in one of the two variances": 1 - residual / 4 / (total / 3)})
    for constant in (2.0, 0.1):
        with np.errstate(all="ignore"):
            found = regression.r2_score(np.full(3, constant), np.array([0.1, 2, 3]))
        judge(f"r2_score of a constant target, {constant}, which leaves nothing to explain", found, 0.0,
              advice=["The variance of the target is zero, up to rounding. The docstring says what to return then."])



def plain_groups(terms, drop=0.1, tolerance=0.1, mistake=""):
    """The groups [(factor, {name: sign})] of a formula, or with one mistake."""
    falling = sorted(terms, key=lambda name: -abs(terms[name]))
    limit = 0 if mistake == "drop" else drop * abs(terms[falling[0]])
    members = []
    for name in falling:
        last = members[-1][-1 if mistake == "chain" else 0] if members else None
        if abs(terms[name]) < limit:
            continue
        if last and abs(terms[name]) >= (1 - tolerance) * abs(terms[last]):
            members[-1].append(name)
        else:
            members.append([name])
    groups = []
    for names in members:
        names = names if mistake == "order" else [name for name in terms if name in names]
        signs = {name: int(np.sign(terms[name])) for name in names}
        majority = 0 if mistake == "first" else sum(signs.values())
        overall = 1 if mistake == "sign" or (majority or signs[names[0]]) > 0 else -1
        size = [abs(terms[name]) for name in names]
        factor = sum(size) if mistake == "sum" else max(size) if mistake == "max" else np.mean(size)
        groups.append((overall * factor, {name: overall * sign for name, sign in signs.items()}))
    return groups


GROUPING = {
    "drop": "if terms below a tenth of the largest are kept",
    "chain": "if a term is compared with the last of its group: compare it with the first",
    "first": "if the sign is that of the first term: the majority decides", "sign": "if the factor is always positive",
    "sum": "if the factor is the sum of the magnitudes: it is their mean",
    "max": "if the factor is the largest magnitude: it is their mean",
    "order": "if terms stand by magnitude: inside a group they keep the order in which they came"}


def group_terms():
    for terms, intercept in (({"t^2": -87.4, "x^2": 88.1, "y^2": 88.6, "z^2": 88.7, "x*y": 0.2}, -60.5),
                             ({"x": 1.0, "y": 0.92, "z": -0.85, "t": 0.05}, 0.0),
                             ({"x*v_y": -403.7, "y*v_x": 402.4, "x": -4.9}, 0.7),
                             ({"w": 2.0, "x": -2.1, "y": -2.05, "z": 0.3}, 1.0)):
        found, right = regression.group_terms(terms, intercept), plain_groups(terms)
        if not isinstance(found, regression.Formula):
            fail("group_terms must return a Formula(groups, intercept, spread, dropped).")

        def agrees(groups):
            return [(round(factor, 9), [*signs.items()]) for factor, signs in found.groups] == [
                (round(factor, 9), [*signs.items()]) for factor, signs in groups]
        if not agrees(right):
            fail(f"group_terms({terms}) gives the groups {found.groups}, and should give {right}.",
                 *[f"This is what comes out {words}." for mistake, words in GROUPING.items()
                   if agrees(plain_groups(terms, mistake=mistake))][:1])
        judge("group_terms, intercept", found.intercept, intercept)
        sizes = [(abs(terms[name]), abs(factor)) for factor, signs in right for name in signs]
        judge("group_terms, spread: the largest relative deviation of a coefficient from its factor", found.spread,
              max(abs(size / factor - 1) for size, factor in sizes))
        kept = {name for _, signs in right for name in signs}
        out = max((name for name in terms if name not in kept), key=lambda name: abs(terms[name]), default="")
        if found.dropped[0] != out:
            fail(f"group_terms, dropped: the name is {found.dropped[0]!r} and should be {out!r}.")
        judge("group_terms, dropped: the term's size, with its sign, beside the first factor", found.dropped[1],
              terms.get(out, 0.0) / abs(right[0][0]))
    for terms in ({}, {"x": 0.0}, {"x": float("nan")}):
        refused(f"group_terms({terms})", lambda: regression.group_terms(terms), "Without a term there is no formula.")


JUDGES = {judge.__name__: judge for judge in (
    sigmoid, pair_logits, derangement, cross_entropy, derivatives, activations, backpropagate_delta, backward, step,
    forward, early_stopping, reduce_rate, adadelta, boosts, transform_fields, interval, ridge, r2_score, group_terms)}
STAND_INS = [                           # exercise on which the judges of others depend, its function, a plain one
    ("sigmoid", "siamese.sigmoid", lambda z: np.exp(-np.logaddexp(0, -z))),              # which does not overflow
    ("derivatives", "siamese.relu_derivative", lambda a, _=None: np.copyto(a, a > 0)),
    ("derivatives", "siamese.tanh_derivative", lambda a, _=None: np.copyto(a, 1 - a**2)),
    ("pair_logits", "siamese.SiameseNetwork.pair_logits", plain_logits),
    ("forward", "siamese.SiameseNetwork.forward", plain_forward),
    ("backpropagate_delta", "siamese.SiameseNetwork._backpropagate_delta", plain_below),
    ("backward", "siamese.SiameseNetwork.backward", plain_pass),
    ("early_stopping", "siamese.EarlyStopping.update", plain_update)]


def main():
    """Print what is wrong, or nothing, behind the secret word that stands on the standard input."""
    secret = sys.stdin.readline().strip()               # gone before any line of the student runs
    sys.path.insert(0, os.getcwd())
    with contextlib.suppress(ImportError, OSError, ValueError):         # Windows has no such limit
        import resource
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    words = ""
    try:
        judge_exercise(sys.argv[1])
    except Wrong as wrong:
        words = str(wrong)
    print(secret + words)


if __name__ == "__main__":
    main()

"""The siamese network of eq. (1), its gradients by hand, and what changes its weights.

Two observations x and x' go through one and the same network f, whose last layer, the bottleneck,
has a single neuron. The two outputs are compared, and the comparison decides:

    F(x, x') = sigmoid(w (f(x) - f(x'))^2 + b).                                              (1)

The labels are y = 0 for "same" and y = 1 for "different", so F is the probability of *different*.

Forward pass. A batch is r rows, one observation each, and n pairs: pair p compares row i (`first`)
with row j (`second`). One pass through the layers serves both branches and all pairs, which is
what sharing weights means. A constant 1 is appended to the input of every layer; the last row of
its weights W is then the bias, and needs no code:

    a_0 = [x, 1],    z_l = a_{l-1} W_l,    a_l = [relu(z_l), 1],    f = a_{L-1} W_L   (r rows)
    s_p = |f_i - f_j|^2,    z_p = w s_p + b,    F_p = sigmoid(z_p)              (n pairs)     (1)
    loss = mean of -y ln F - (1 - y) ln(1 - F) = mean of softplus(z) - y z.                  (B1)

Backward pass. The chain rule, from the loss down to the first layer; (F - y) is all that remains
of the derivatives of the logarithm and the sigmoid. A row may stand in several pairs; its gradient
is the sum of theirs:

    dloss/dz   = (F - y) / n                    dloss/dw = sum of dloss/dz * s
    g_p        = 2 w dloss/dz_p (f_i - f_j)     dloss/db = sum of dloss/dz
    delta_L    = for each row, the sum of +g_p over the pairs where it is first
                                      and of -g_p over those where it is second
    dloss/dW_l = a_{l-1}^T delta_l
    delta_{l-1} = (delta_l W_l^T) * relu'(z_{l-1})         (here W_l without the row of biases)

For another activation, replace relu and relu'.

Shapes: observations (n, d), rows (r, d + 1), bottleneck output (r, k), logits, labels and
predictions (n,).
"""

from dataclasses import dataclass, replace

import numpy as np

from support.checks import finite_array, to_numpy
from support.files import load_arrays, save_arrays


# ---------------------------------------------------------------------------------- activations
# Each is a pair that works in place: the first turns z into a, the second turns a into da/dz.
# `zeros` has the shape of z. A new activation is one more pair, and a line in ACTIVATIONS.

def relu(z, zeros):
    np.maximum(z, zeros, out=z)         # three times faster than with the number 0


def relu_slope(a):
    np.greater(a, 0, out=a, casting="unsafe")                           # relu'(z) = 1 where z > 0


def tanh(z, zeros):
    np.tanh(z, out=z)


def tanh_slope(a):
    np.multiply(a, a, out=a)                                            # tanh'(z) = 1 - tanh(z)^2
    np.subtract(1, a, out=a)


ACTIVATIONS = {"relu": (relu, relu_slope), "tanh": (tanh, tanh_slope)}


# -------------------------------------------------------------------------------------- network

class SiameseNetwork:
    """The network F(x, x') of eq. (1) with its bottleneck f.

    layer_sizes: inputs, hidden layers, bottleneck, e.g. (4, 200, 200, 1). A bottleneck of k > 1
        neurons compares by the sum of the k squared differences; the paper has k = 1.
    seed: anything that numpy.random.default_rng takes; draws the initial weights.
    label: free text kept in the saved file, here the name of the system that was learned.
    xp: the module whose arrays hold parameters and buffers, NumPy or CuPy. Rows, indices and labels
        of a step are its arrays; the other public methods take and return NumPy's. A copy or a
        pickled network is NumPy's.

    `parameters` and `gradients` are flat vectors; `layers` (each (inputs + 1, outputs), the last
    row the biases), `w` and `b` are views into the first. Raises ValueError on impossible sizes
    and on an unknown activation.
    """

    def __init__(self, layer_sizes, seed=0, activation="relu", dtype=np.float32, label="", xp=np):
        whole = all(isinstance(size, (int, np.integer)) and size > 0 for size in layer_sizes)
        if len(layer_sizes) < 2 or not whole:
            raise ValueError("layer_sizes must be two or more positive integers, "
                             f"got {layer_sizes!r}")
        if activation not in ACTIVATIONS:
            raise ValueError(f"activation must be one of {', '.join(ACTIVATIONS)}, "
                             f"got {activation!r}")
        self.layer_sizes = tuple(int(size) for size in layer_sizes)
        self.activation, self.label = activation, label
        self.dtype, self.xp = np.dtype(dtype), xp

        shapes = [(m + 1, n) for m, n in zip(self.layer_sizes, self.layer_sizes[1:])]
        size = sum(m * n for m, n in shapes) + 2
        self._parameters, self.gradients = xp.zeros(size, self.dtype), xp.zeros(size, self.dtype)
        self.layers, self.w, self.b = _views(self._parameters, shapes)
        self._dlayers, self._dw, self._db = _views(self.gradients, shapes)
        self._initialise(np.random.default_rng(seed))
        self._capacity = 0

    def _initialise(self, rng):
        """Glorot uniform weights (Glorot & Bengio 2010, eq. 16), zero biases, w = 1, b = 0."""
        for weights in self.layers:
            inputs, outputs = weights.shape[0] - 1, weights.shape[1]
            limit = np.sqrt(6 / (inputs + outputs))
            weights[:-1] = self.xp.asarray(rng.uniform(-limit, limit, (inputs, outputs)))
        # A small bottleneck keeps the first logits, quadratic in f, and the first steps small.
        self.layers[-1][:] *= 0.1
        self.w[:] = 1

    def __repr__(self):
        label = f", label={self.label!r}" if self.label else ""
        sizes = "-".join(map(str, self.layer_sizes))
        return (f"<{type(self).__name__} {sizes}, {self.activation}, {self.dtype}, "
                f"{self.gradients.size:,} parameters{label}>")

    @property
    def parameters(self):
        """All weights as one flat vector. Assigning another vector of this length copies it in."""
        return self._parameters

    @parameters.setter
    def parameters(self, values):
        if np.shape(values) != self._parameters.shape:
            raise ValueError(f"parameters must have shape {self._parameters.shape}, "
                             f"got {np.shape(values)}")
        self._parameters[:] = self.xp.asarray(values)

    # ------------------------------------------------------------------------ what it computes

    def f(self, x):
        """Output f of the bottleneck's one neuron at observations x (n, d), as (n,) in float64."""
        self._one_neuron()
        return self.bottleneck(x)[:, 0].astype(np.float64)

    def gradient(self, x):
        """Derivative of f by the observation, at x (n, d), as (n, d) in float64."""
        self._one_neuron()
        x = finite_array("x", x, "n", self.layer_sizes[0])
        gradient = np.empty(x.shape)
        for start in range(0, len(x), BLOCK):
            rows = self.rows(x[start:start + BLOCK])
            self.forward(rows)
            delta = self._df[:len(rows)]
            delta[:] = 1
            for l in range(len(self.layers) - 1, 0, -1):
                delta = self._below(delta, l)
            gradient[start:start + BLOCK] = to_numpy(delta @ self.layers[0][:-1].T)
        return gradient

    def _one_neuron(self):
        if self.layer_sizes[-1] != 1:
            raise ValueError("f must be one number, but this bottleneck has "
                             f"{self.layer_sizes[-1]} neurons; see bottleneck(x)")

    def bottleneck(self, x):
        """Output of all k neurons of the bottleneck at observations x (n, d), as (n, k)."""
        return to_numpy(self._outputs(self.rows(x)))

    def logits(self, x, x_prime):
        """Argument z of the sigmoid in eq. (1) for pairs x, x_prime (n, d), as (n,)."""
        x = finite_array("x", x, "n", self.layer_sizes[0])
        x_prime = finite_array("x_prime", x_prime, *x.shape)
        first, second = np.arange(2 * len(x)).reshape(2, -1)
        return self.logits_of(self.rows(np.concatenate([x, x_prime])), first, second)

    def predict(self, x, x_prime):
        """Probability, eq. (1), that the members of each pair (n, d) are different, as (n,)."""
        return sigmoid(self.logits(x, x_prime))

    def evaluate(self, x, x_prime, y):
        """Loss (B1) and accuracy on pairs x, x_prime (n, d) with labels y (n,); no gradients."""
        x, x_prime, y = self.checked_pairs(x, x_prime, y)
        z = self.logits(x, x_prime)
        return cross_entropy(z, y), accuracy(z, y)

    def logits_of(self, rows, first, second):
        """Logits z (n,) of pairs of rows (r, d + 1): pair p compares first[p] with second[p]."""
        first, second = self.xp.asarray(first), self.xp.asarray(second)
        return to_numpy(self._compare(self._outputs(rows), first, second)[0])

    def loss_and_gradients(self, x, x_prime, y):
        """Loss (B1) and accuracy on a batch of pairs (n, d), labels y (n,); fills `gradients`."""
        x, x_prime, y = self.checked_pairs(x, x_prime, y)
        first, second = self.xp.asarray(np.arange(2 * len(y)).reshape(2, -1))
        rows = self.rows(np.concatenate([x, x_prime]))
        z = to_numpy(self.step(rows, first, second, self.xp.asarray(y)))
        return cross_entropy(z, y), accuracy(z, y)

    def checked_pairs(self, x, x_prime, y, name=""):
        """The three arrays of a set of labelled pairs; ValueError, naming one, if they are none."""
        x = finite_array(f"{name}x", x, "n", self.layer_sizes[0])
        x_prime = finite_array(f"{name}x_prime", x_prime, *x.shape)
        y = finite_array(f"{name}y", y, len(x))
        if len(x) == 0:
            raise ValueError(f"{name}x must hold at least one pair, got none")
        if not np.all((y == 0) | (y == 1)):
            raise ValueError(f"{name}y must hold labels 0 (same) and 1 (different) only")
        return x, x_prime, y.astype(self.dtype)

    # ------------------------------------------------------------------------- how it is trained

    def rows(self, x):
        """Observations x (n, d) as the network takes them in, with a constant 1: (n, d + 1)."""
        x = finite_array("x", x, "n", self.layer_sizes[0])
        ones = np.ones((len(x), 1))                     # float64: rounded to its dtype last
        return self.xp.asarray(np.hstack([self.inputs(x), ones]).astype(self.dtype))

    def inputs(self, x):
        """What the first layer sees of observations x (n, d)."""
        return x

    def step(self, rows, first, second, y):
        """Forward and backward pass of a step; fills `gradients`, returns the logits z (n,).

        Pair p compares rows[first[p]] with rows[second[p]] and has the label y[p]; rows:
        (r, d + 1), first, second and y: (n,). Nothing is checked, and nothing of the size of a
        layer is allocated once a batch of this size has been through.
        """
        z, s, difference = self._compare(self.forward(rows), first, second)

        dz = (sigmoid(z) - y) / len(y)
        self._dw[0] = dz @ s
        self._db[0] = dz.sum()
        g = 2 * self.w * dz[:, None] * difference
        delta = self._df[:len(rows)]
        delta[:] = 0
        for column, g_column in zip(delta.T, g.T):      # += would count a row only once
            self.xp.add.at(column, first, g_column)
            self.xp.subtract.at(column, second, g_column)
        self.backward(rows, delta)
        return z

    def _compare(self, f, first, second):
        """z, s and f(x) - f(x') of eq. (1), for pairs of rows with bottleneck outputs f (r, k)."""
        difference = f.take(first, axis=0) - f.take(second, axis=0)
        s = self.xp.einsum("pk,pk->p", difference, difference)
        return self.w * s + self.b, s, difference                                           # (1)

    def _outputs(self, rows):
        """Bottleneck output of rows (r, d + 1), block by block, as (r, k)."""
        f = self.xp.empty((len(rows), self.layer_sizes[-1]), self.dtype)
        for start in range(0, len(rows), BLOCK):
            f[start:start + BLOCK] = self.forward(rows[start:start + BLOCK])
        return f

    def forward(self, rows):
        """Bottleneck output of rows (r, d + 1), as (r, k): a view that the next call overwrites."""
        r, a = len(rows), rows
        self._reserve(r)
        activate, _ = ACTIVATIONS[self.activation]
        for weights, above, zeros in zip(self.layers, self._a, self._zeros):
            above = above[:r]
            self.xp.matmul(a, weights, out=above[:, :-1])
            activate(above, zeros[:r])
            above[:, -1] = 1
            a = above
        return self.xp.matmul(a, self.layers[-1], out=self._f[:r])

    def backward(self, rows, delta):
        """Gradients of all layers, from delta (r, k), that by the output of `forward(rows)`.

        Uses up what `forward` left in the layers.
        """
        for l in range(len(self.layers) - 1, -1, -1):
            a = self._a[l - 1][:len(rows)] if l else rows
            self.xp.matmul(a.T, delta, out=self._dlayers[l])
            if l:
                delta = self._below(delta, l)

    def _below(self, delta, l):
        """delta_{l-1} = (delta_l W_l^T) * relu'(z_{l-1}); the slopes take the place of a_{l-1}."""
        a, below = self._a[l - 1][:len(delta)], self._delta[l - 1][:len(delta)]
        # One column times one row: broadcasting is four times faster than a matrix product.
        product = np.multiply if delta.shape[1] == 1 else self.xp.matmul
        product(delta, self.layers[l].T, out=below)
        _, slope = ACTIVATIONS[self.activation]
        slope(a)
        below *= a
        return below[:, :-1]

    def _reserve(self, rows):
        """Allocate the buffers of both passes once; later steps of this size work in place."""
        if rows <= self._capacity:
            return
        self._capacity = rows
        # Those of hidden layers have a last column more: in _a the constant 1, in _delta what would
        # be its gradient and is not used. So every elementwise pass runs over one piece of memory.
        *hidden, k = [size + 1 for size in self.layer_sizes[1:-1]] + [self.layer_sizes[-1]]
        self._a = [self.xp.empty((rows, size), self.dtype) for size in hidden]
        self._delta = [self.xp.empty((rows, size), self.dtype) for size in hidden]
        self._zeros = [self.xp.zeros((rows, size), self.dtype) for size in hidden]
        self._f, self._df = [self.xp.empty((rows, k), self.dtype) for _ in range(2)]

    # ---------------------------------------------------------------------------- saved and copied

    def save(self, path):
        """Write the network to one .npz file."""
        save_arrays(path, self.state())

    def state(self):
        """What makes the network anew, by name: what a file or a copy keeps."""
        return {"layer_sizes": self.layer_sizes, "activation": self.activation,
                "label": self.label, "parameters": to_numpy(self.parameters)}

    @classmethod
    def load(cls, path):
        """Read a network that `save` wrote; ValueError if damaged, OSError if not readable."""
        what = "a complete saved network"
        saved = load_arrays(path, what)
        try:
            return cls._restored(saved)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path} is not {what} ({error})") from error

    @classmethod
    def _restored(cls, state, **more):
        """The network of what `state` returned; `more` are arguments of a subclass."""
        parameters = finite_array("parameters", state["parameters"], "size")
        network = cls([int(size) for size in state["layer_sizes"]], label=str(state["label"]),
                      activation=str(state["activation"]), dtype=parameters.dtype, **more)
        network.parameters = parameters
        return network

    def __reduce__(self):
        """For copy and pickle: a network with the same parameters, and views of its own."""
        return self._restored, (self.state(),)


BLOCK = 512                 # rows that are evaluated together; fits the cache


def sigmoid(z):
    """1 / (1 + exp(-z)), written so that it cannot overflow."""
    return 0.5 + 0.5 * np.tanh(0.5 * z)


def cross_entropy(z, y):
    """Loss (B1) from the logits z (n,) and the labels y (n,), finite for every finite z."""
    softplus = np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))
    return float(np.mean(softplus - y * z, dtype=np.float64))


def accuracy(z, y):
    """Share of pairs on the right side of F = 1/2, that is of z = 0."""
    return float(np.mean((z > 0) == (y > 0.5)))


def _views(vector, shapes):
    """Views of a vector of all parameters: the layers, w and b."""
    layers, start = [], 0
    for m, n in shapes:
        layers.append(vector[start:start + m * n].reshape(m, n))
        start += m * n
    return layers, vector[-2:-1], vector[-1:]


# ---------------------------------------------------------------------- optimiser and callbacks

class Adadelta:
    """Zeiler 2012, Algorithm 1, with a learning rate outside the accumulators (Appendix B).

    For each parameter with gradient g, E[.] being running means with decay rho:
        E[g^2] <- rho E[g^2] + (1 - rho) g^2
        d       = sqrt(E[d^2] + epsilon) / sqrt(E[g^2] + epsilon) * g
        E[d^2] <- rho E[d^2] + (1 - rho) d^2
        p      <- p - learning_rate * d
    The paper names no constants; these are Keras's (rho 0.95, epsilon 1e-7).
    """

    def __init__(self, size, learning_rate=100.0, rho=0.95, epsilon=1e-7, dtype=np.float32, xp=np):
        if not (0 < learning_rate < np.inf and 0 <= rho < 1 and 0 < epsilon < np.inf):
            raise ValueError(f"Adadelta needs learning_rate > 0, 0 <= rho < 1 and epsilon > 0; got "
                             f"{learning_rate}, {rho} and {epsilon}")
        self.learning_rate, self.rho, self.epsilon = learning_rate, rho, epsilon
        # Sums of rho^age times the squares, i.e. E[.] / (1 - rho): the factor cancels in d.
        self.squared_gradients = xp.zeros(size, dtype)
        self.squared_updates = xp.zeros(size, dtype)
        self._update, self._scratch = xp.empty(size, dtype), xp.empty(size, dtype)

    def step(self, parameters, gradients):
        """Change the parameters (flat vector) in place against their gradients."""
        update, scratch = self._update, self._scratch
        epsilon = self.epsilon / (1 - self.rho)
        np.multiply(gradients, gradients, out=scratch)
        self.squared_gradients *= self.rho
        self.squared_gradients += scratch

        np.add(self.squared_updates, epsilon, out=update)
        np.add(self.squared_gradients, epsilon, out=scratch)
        update /= scratch
        np.sqrt(update, out=update)
        update *= gradients

        np.multiply(update, update, out=scratch)
        self.squared_updates *= self.rho
        self.squared_updates += scratch
        update *= self.learning_rate
        parameters -= update


class ReduceLearningRateOnPlateau:
    """Divides the rate by `factor` after `patience` epochs without improvement (Appendix B).

    An improvement of the loss by less than `min_delta` is none, as in Keras; the paper is silent.
    """

    def __init__(self, patience=50, factor=2.0, min_delta=1e-4):
        self.patience, self.factor, self.min_delta = patience, factor, min_delta
        self.best, self.waited = np.inf, 0

    def update(self, loss, learning_rate):
        """Take this epoch's loss; return the learning rate of the next epoch."""
        if loss < self.best - self.min_delta:
            self.best, self.waited = loss, 0
            return learning_rate
        self.waited += 1
        if self.waited < self.patience:
            return learning_rate
        self.waited = 0
        return learning_rate / self.factor


class EarlyStopping:
    """Ends the training once the loss has not improved for `patience` epochs (Appendix B)."""

    def __init__(self, patience=200):
        self.patience = patience
        self.best, self.waited = np.inf, 0

    def update(self, loss):
        """Take this epoch's loss; return whether to stop."""
        if loss < self.best:
            self.best, self.waited = loss, 0
        else:
            self.waited += 1
        return self.waited >= self.patience


# --------------------------------------------------------------------------------------- schedules

@dataclass(frozen=True)
class Schedule:
    """Settings of a training run, all positive; the defaults are those that Appendix B prints."""
    learning_rate: float = 100.0
    batch_size: int = 256
    epochs: int = 10_000
    reduce_patience: int = 50
    reduce_factor: float = 2.0
    stop_patience: int = 200
    decay: float = 1.0                  # factor on the rate after each epoch; the paper has none
    exchange: bool = False              # whether partners are exchanged anew within each batch
    read_best: bool = False             # whether the state of lowest training loss is read off too

    def __post_init__(self):
        """ValueError, naming the setting, if one is impossible; NumPy's numbers become Python's."""
        for name in ("batch_size", "epochs", "reduce_patience", "stop_patience"):
            value = getattr(self, name)
            if not 1 <= value < np.inf or value != int(value):
                raise ValueError(f"{name} must be a whole number of 1 or more, got {value}")
            object.__setattr__(self, name, int(value))
        for name, possible, fits in (
                ("learning_rate", "positive and finite", 0 < self.learning_rate < np.inf),
                ("reduce_factor", "1 or more and finite", 1 <= self.reduce_factor < np.inf),
                ("decay", "above 0 and at most 1", 0 < self.decay <= 1)):
            if not fits:
                raise ValueError(f"{name} must be {possible}, got {getattr(self, name)}")
            object.__setattr__(self, name, float(getattr(self, name)))


    @property
    def longer(self):
        """Half as many epochs more, over which the rate falls as far."""
        return replace(self, epochs=3 * self.epochs // 2, decay=self.decay**(2 / 3))


SCHEDULES = {
    "paper": Schedule(read_best=True),              # "after the best training cycle"
    # A low rate that falls steadily gets further than Appendix B, and much sooner. A batch of 128
    # equivalent pairs and 128 exchanged ones costs half of 256 pairs apart (docs/results.md).
    "quick": Schedule(learning_rate=2.5, epochs=65, decay=0.95, exchange=True),
}

"""The siamese network of eq. (1), its gradients by hand, and what changes its weights: Adadelta and callbacks.

Two observations x and x' go through one and the same network f, whose last layer, the bottleneck,
has a single neuron. The two outputs are compared, and the comparison decides:

    F(x, x') = sigmoid(w (f(x) - f(x'))^2 + b).                                              (1)

The labels are y = 0 for "same" and y = 1 for "different", so F is the probability of *different*.

Forward pass. A batch of n pairs is 2n rows: each x, and below it its x'. One pass through the
layers serves both branches, which is all that sharing weights means. A constant 1 is appended
to the input of every layer; the last row of its weights W is then the bias, and needs no code:

    a_0 = [x, 1; x', 1],    z_l = a_{l-1} W_l,    a_l = [relu(z_l), 1],    f = a_{L-1} W_L,
    s = |f(x) - f(x')|^2,    z = w s + b,    F = sigmoid(z)                                   (1)
    loss = mean of -y ln F - (1 - y) ln(1 - F) = mean of softplus(z) - y z.                  (B1)

Backward pass. The chain rule, from the loss down to the first layer; (F - y) is all that remains
of the derivatives of the logarithm and the sigmoid:

    dloss/dz     = (F - y) / n                  delta_L     = [dloss/df(x); dloss/df(x')]
    dloss/dw     = sum of dloss/dz * s          dloss/dW_l  = a_{l-1}^T delta_l
    dloss/db     = sum of dloss/dz              delta_{l-1} = (delta_l W_l^T) * relu'(z_{l-1})
    dloss/df(x)  = 2 w dloss/dz (f(x) - f(x'))                (here W_l without the row of biases)
    dloss/df(x') = -dloss/df(x)

The product a^T delta over all 2n rows adds up what both branches contribute to the shared weights.
For another activation, replace relu and relu'.

Shapes: observations (n, d), bottleneck output (n, k), logits, labels and predictions (n,).
"""

from dataclasses import dataclass

import numpy as np

from support.checks import finite_array, on_host
from support.files import load_arrays, save_arrays


# ---------------------------------------------------------------------------------- activations
# Each is a pair that works in place: forward turns z into a; backward turns dloss/da into dloss/dz,
# given a. `zeros` and `scratch` have the shape of z. A new activation is one more pair, and a line in
# ACTIVATIONS.

def relu(z, zeros):
    np.maximum(z, zeros, out=z)         # of two arrays: three times faster than of an array and a number


def relu_backward(delta, a, scratch):
    np.greater(a, 0, out=scratch, casting="unsafe")                     # relu'(z) = 1 where z > 0
    delta *= scratch


def tanh(z, zeros):
    np.tanh(z, out=z)


def tanh_backward(delta, a, scratch):
    np.multiply(a, a, out=scratch)                                      # tanh'(z) = 1 - tanh(z)^2
    np.subtract(1, scratch, out=scratch)
    delta *= scratch


ACTIVATIONS = {"relu": (relu, relu_backward), "tanh": (tanh, tanh_backward)}


# -------------------------------------------------------------------------------------- network

class SiameseNetwork:
    """The network F(x, x') of eq. (1) with its bottleneck f.

    layer_sizes: inputs, hidden layers, bottleneck, e.g. (4, 200, 200, 1). A bottleneck of k > 1
        neurons compares by the sum of the k squared differences; the paper has k = 1.
    seed: anything that numpy.random.default_rng takes; draws the initial weights.
    label: free text kept in the saved file, here the name of the system that was learned.
    xp: the module whose arrays hold parameters and buffers, NumPy or CuPy. NumPy's functions act on
        CuPy's arrays where these are, so it is needed only where arrays are made. Arguments and results
        of the public methods are NumPy's.

    `parameters` and `gradients` are flat vectors; `layers` (each (inputs + 1, outputs), the last
    row the biases), `w` and `b` are views into the first. Raises ValueError on impossible sizes
    and on an unknown activation.
    """

    FILE = "a complete saved network"       # what `load` reads, in words

    def __init__(self, layer_sizes, seed=0, activation="relu", dtype=np.float32,
                 label="", xp=np):
        if len(layer_sizes) < 2 or not all(isinstance(s, (int, np.integer)) and s > 0 for s in layer_sizes):
            raise ValueError(f"layer_sizes must be two or more positive integers, got {layer_sizes!r}")
        if activation not in ACTIVATIONS:
            raise ValueError(f"activation must be one of {', '.join(ACTIVATIONS)}, got {activation!r}")
        self.layer_sizes = tuple(int(size) for size in layer_sizes)
        self.activation, self.label = activation, label
        self.dtype, self.xp = np.dtype(dtype), xp

        shapes = [(m + 1, n) for m, n in zip(self.layer_sizes, self.layer_sizes[1:])]
        size = sum(m * n for m, n in shapes) + 2
        self.parameters, self.layers, self.w, self.b = _views(xp.zeros(size, self.dtype), shapes)
        self.gradients, self._dlayers, self._dw, self._db = _views(xp.zeros(size, self.dtype), shapes)
        self._initialise(np.random.default_rng(seed))
        self._capacity = 0

    def _initialise(self, rng):
        """Glorot uniform weights (Glorot & Bengio 2010, eq. 16), zero biases, w = 1, b = 0."""
        for weights in self.layers:
            inputs, outputs = weights.shape[0] - 1, weights.shape[1]
            limit = np.sqrt(6 / (inputs + outputs))
            weights[:-1] = self.xp.asarray(rng.uniform(-limit, limit, (inputs, outputs)))
        # A small bottleneck keeps the first logits, quadratic in f, and with them the first steps small.
        self.layers[-1][:] *= 0.1
        self.w[:] = 1

    def bottleneck(self, x):
        """Intermediate output f of observations x (n, d), as (n, k)."""
        x = finite_array("x", x, "n", self.layer_sizes[0])
        f = np.empty((len(x), self.layer_sizes[-1]), self.dtype)
        for start in range(0, len(x), BLOCK):
            f[start:start + BLOCK] = on_host(self.forward(self.rows(x[start:start + BLOCK])))
        return f

    def logits(self, x, x_prime):
        """Argument z of the sigmoid in eq. (1) for pairs x, x_prime (n, d), as (n,)."""
        x = finite_array("x", x, "n", self.layer_sizes[0])
        difference = self.bottleneck(x) - self.bottleneck(finite_array("x_prime", x_prime, *x.shape))
        return on_host(self.w) * np.sum(difference**2, axis=1) + on_host(self.b)

    def predict(self, x, x_prime):
        """Probability, eq. (1), that the members of each pair (n, d) are different, as (n,)."""
        return sigmoid(self.logits(x, x_prime))

    def evaluate(self, x, x_prime, y):
        """Loss (B1) and accuracy on pairs x, x_prime (n, d) with labels y (n,), without gradients."""
        x, x_prime, y = self.checked_pairs(x, x_prime, y)
        z = self.logits(x, x_prime)
        return cross_entropy(z, y), accuracy(z, y)

    def loss_and_gradients(self, x, x_prime, y):
        """Loss (B1) and accuracy on a batch of pairs (n, d) with labels y (n,).

        Fills `gradients`.
        """
        x, x_prime, y = self.checked_pairs(x, x_prime, y)
        z = self.xp.empty(len(y), self.dtype)
        self.step(self.pair_rows(x, x_prime), self.xp.asarray(y), z)
        return cross_entropy(on_host(z), y), accuracy(on_host(z), y)

    def checked_pairs(self, x, x_prime, y, name=""):
        """The three arrays of a set of pairs in the network's precision; ValueError if they are none."""
        x = finite_array(f"{name}x", x, "n", self.layer_sizes[0])
        x_prime = finite_array(f"{name}x_prime", x_prime, *x.shape)
        y = finite_array(f"{name}y", y, len(x))
        if len(x) == 0:
            raise ValueError(f"{name}x must hold at least one pair, got none")
        if not np.all((y == 0) | (y == 1)):
            raise ValueError(f"{name}y must hold labels 0 (same) and 1 (different) only")
        return [np.ascontiguousarray(array, dtype=self.dtype) for array in (x, x_prime, y)]

    def pair_rows(self, x, x_prime):
        """Pairs (n, d) as the network takes them in: each x, below it its x'."""
        return self.rows(np.stack([x, x_prime], axis=1).reshape(-1, self.layer_sizes[0]))

    def step(self, rows, y, z):
        """Forward and backward pass of a training step on `rows` (2n, d + 1) with labels y (n,).

        Fills `gradients`, and z (n,) with the logits. Nothing is checked, and nothing of the size of a
        layer is allocated once a batch of this size has been through.
        """
        f = self.forward(rows)
        difference = f[0::2] - f[1::2]
        s = self.xp.einsum("nk,nk->n", difference, difference)
        np.multiply(self.w, s, out=z)
        z += self.b                                                                         # (1)

        dz = sigmoid(z)
        dz -= y
        dz /= len(y)
        self._dw[0] = dz @ s
        self._db[0] = dz.sum()
        df = self._delta[-1][:len(rows)]
        np.multiply(2 * self.w * dz[:, None], difference, out=df[0::2])
        np.negative(df[0::2], out=df[1::2])
        self.backward(rows)

    def input_gradient(self, x):
        """Derivative of the bottleneck output f by its input, at x (n, d), as (n, k, d)."""
        x = finite_array("x", x, "n", self.layer_sizes[0])
        k = self.layer_sizes[-1]
        gradient = np.empty((len(x), k, x.shape[1]), self.dtype)
        for start in range(0, len(x), BLOCK):
            rows = self.rows(x[start:start + BLOCK])
            self.forward(rows)
            for neuron in range(k):
                self._delta[-1][:len(rows)] = self.xp.asarray(np.eye(k)[neuron])
                below = self.backward(rows, weights=False)
                gradient[start:start + BLOCK, neuron] = on_host(below @ self.layers[0][:-1].T)
        return gradient

    def inputs(self, x):
        """What the first layer sees of observations x (n, d)."""
        return x

    def rows(self, x):
        """Observations x (n, d) with the constant 1 appended, (n, d + 1), in the network's precision."""
        rows = np.hstack([self.inputs(x), np.ones((len(x), 1))])
        return self.xp.asarray(rows.astype(self.dtype, copy=False))

    def f(self, x):
        """Intermediate output of the one bottleneck neuron at observations x (n, d), float64, (n,)."""
        return self.bottleneck(x)[:, 0].astype(np.float64)

    def gradient(self, x):
        """Derivative of f at observations x (n, d), float64, (n, d)."""
        return self.input_gradient(x)[:, 0].astype(np.float64)

    def _reserve(self, rows):
        """Allocate the buffers of both passes once; every later step of this size works in place."""
        if rows <= self._capacity:
            return
        self._capacity = rows
        # Those of hidden layers have a last column more: in _a the constant 1, in _delta what would be
        # its gradient and is not used. So every elementwise pass runs over one piece of memory.
        *hidden, k = [size + 1 for size in self.layer_sizes[1:-1]] + [self.layer_sizes[-1]]
        self._a = [self.xp.empty((rows, size), self.dtype) for size in hidden]
        self._f = self.xp.empty((rows, k), self.dtype)
        self._delta = [self.xp.empty((rows, size), self.dtype) for size in [*hidden, k]]
        self._zeros = self.xp.zeros(rows * max([*hidden, 0]), self.dtype)
        self._scratch = self.xp.empty_like(self._zeros)

    def forward(self, a):
        """Bottleneck output of rows (n, d + 1) that end with the constant 1, as a view (n, k)."""
        n = len(a)
        self._reserve(n)
        activate, _ = ACTIVATIONS[self.activation]
        for weights, buffer in zip(self.layers, self._a):
            above = buffer[:n]
            self.xp.matmul(a, weights, out=above[:, :-1])
            activate(above, _like(above, self._zeros))
            above[:, -1] = 1
            a = above
        return self.xp.matmul(a, self.layers[-1], out=self._f[:n])

    def backward(self, rows, weights=True):
        """Carry the last delta down to the first layer, and return it there, as (n, its neurons).

        Fills the gradients of the layers if `weights`.
        """
        n = len(rows)
        _, activate_backward = ACTIVATIONS[self.activation]
        delta = self._delta[-1][:n]
        for l in range(len(self.layers) - 1, -1, -1):
            a = self._a[l - 1][:n] if l else rows
            if weights:
                self.xp.matmul(a.T, delta, out=self._dlayers[l])
            if l:
                below = self._delta[l - 1][:n]
                # One column times one row: broadcasting is four times faster than a matrix product.
                product = np.multiply if delta.shape[1] == 1 else self.xp.matmul
                product(delta, self.layers[l].T, out=below)
                activate_backward(below, a, _like(below, self._scratch))
                delta = below[:, :-1]
        return delta

    def save(self, path):
        """Write the network to one .npz file."""
        save_arrays(path, self.saved())

    def saved(self):
        """What a file keeps of the network, by name."""
        return {"layer_sizes": self.layer_sizes, "activation": self.activation, "label": self.label,
                "parameters": on_host(self.parameters)}

    @classmethod
    def load(cls, path):
        """Read a network that `save` wrote; ValueError if it is damaged, OSError if not readable."""
        saved = load_arrays(path, cls.FILE)
        try:
            return cls.restored(saved)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path} is not {cls.FILE} ({error})") from error

    @classmethod
    def restored(cls, saved, **more):
        """The network of what `saved` returned; `more` are arguments of the constructor."""
        parameters = finite_array("parameters", saved["parameters"], "size")
        network = cls([int(size) for size in saved["layer_sizes"]], activation=str(saved["activation"]),
                      dtype=parameters.dtype, label=str(saved["label"]), **more)
        network.parameters[:] = finite_array("parameters", parameters, network.parameters.size)
        return network


BLOCK = 512                 # rows that go through the network together in evaluation; fits the cache


def sigmoid(z):
    """1 / (1 + exp(-z)), written so that it cannot overflow."""
    return 0.5 + 0.5 * np.tanh(0.5 * z)


def cross_entropy(z, y):
    """Loss (B1) from the logits z (n,) and the labels y (n,), finite for every finite z."""
    return np.mean(np.logaddexp(0, z) - y * z, dtype=np.float64)


def accuracy(z, y):
    """Share of pairs on the right side of F = 1/2, that is of z = 0."""
    return np.mean((z > 0) == (y > 0.5))


def _like(array, buffer):
    """The start of a flat buffer in the shape of the array."""
    return buffer[:array.size].reshape(array.shape)


def _views(vector, shapes):
    """The vector of all parameters, and the views of it that are the layers, w and b."""
    layers, start = [], 0
    for m, n in shapes:
        layers.append(vector[start:start + m * n].reshape(m, n))
        start += m * n
    return vector, layers, vector[-2:-1], vector[-1:]


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
    """Divides the learning rate by `factor` each time the loss has not improved for `patience` epochs (Appendix B).

    An improvement by less than `min_delta` is none; the paper is silent on it, and this is Keras's.
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
    decay: float = 1.0                  # factor on the learning rate after each epoch; the paper has none

    def __post_init__(self):
        for name, value in vars(self).items():
            if not 0 < value < np.inf:
                raise ValueError(f"{name} must be positive and finite, got {value}")


SCHEDULES = {
    "paper": Schedule(),
    # A low learning rate that falls steadily gets further than Appendix B, and much sooner (RESULTS.md).
    "quick": Schedule(learning_rate=4.0, epochs=120, decay=0.96),
}

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
is the sum over these pairs:

    dloss/dz   = (F - y) / n                    dloss/dw = sum of dloss/dz * s
    g_p        = 2 w dloss/dz_p (f_i - f_j)     dloss/db = sum of dloss/dz
    delta_L    = for each row, the sum of +g_p over the pairs where it is first
                                      and of -g_p over those where it is second
    dloss/dW_l = a_{l-1}^T delta_l
    delta_{l-1} = (delta_l W_l^T) * relu'(z_{l-1})         (here W_l without the row of biases)
"""

import threading
from dataclasses import dataclass

import numpy as np

from support.checks import check_positive, finite_array, to_numpy
from support.files import load_arrays, write

BLOCK = 512                             # rows that are evaluated together; fits the cache


class SiameseNetwork:
    """The network F(x, x') of eq. (1) with its bottleneck f.

    layer_sizes: inputs, hidden layers, bottleneck (k neurons, 1 in the paper): (4, 200, 200, 1).
    label: free text, kept in a file. xp: NumPy or CuPy, whose arrays hold the parameters and are
    the arguments of `forward`, `pair_logits`, `step` and `backward`; all else is NumPy's.
    `parameters` and `gradients` are flat vectors; `layers` (each (inputs + 1, outputs), the last
    row the biases), `w` and `b` are views of the first. Raises ValueError on impossible arguments.
    """

    def __init__(self, layer_sizes, seed=0, activation="relu", dtype=np.float32, label="", xp=np):
        whole = all(isinstance(size, (int, np.integer)) and size > 0 for size in layer_sizes)
        if len(layer_sizes) < 2 or not whole:
            raise ValueError(f"layer_sizes must be two or more positive integers: {layer_sizes!r}")
        if activation not in ACTIVATIONS:
            raise ValueError(f"activation must be one of {', '.join(ACTIVATIONS)}: {activation!r}")
        self.layer_sizes = tuple(int(size) for size in layer_sizes)
        self.activation, self.dtype, self.label = activation, np.dtype(dtype), label
        self._allocate_parameters(xp)

        # Glorot uniform weights (Glorot & Bengio 2010, eq. 16), zero biases, w = 1, b = 0.
        rng = np.random.default_rng(seed)
        for weights, m, n in zip(self.layers, self.layer_sizes, self.layer_sizes[1:]):
            limit = np.sqrt(6 / (m + n))
            weights[:-1] = xp.asarray(rng.uniform(-limit, limit, (m, n)))
        # A small bottleneck keeps the first logits, quadratic in f, and the first steps small.
        self.layers[-1][:] *= 0.1
        self.w[:] = 1

    def forward(self, augmented):
        """f (r, k) of augmented observations (r, d + 1): a view that the next call overwrites."""
        activate, _ = ACTIVATIONS[self.activation]
        buffers, a = self._allocate_buffers(len(augmented)), augmented
        for weights, a_next, memory in zip(self.layers[:-1], buffers.a, buffers.memory):
            a_next = a_next[:len(a)]
            self.xp.matmul(a, weights, out=a_next[:, :-1])
            activate(a_next, memory[:len(a)])
            a_next[:, -1] = 1
            a = a_next
        return self.xp.matmul(a, self.layers[-1], out=buffers.a[-1][:len(a)])

    def pair_logits(self, f, first, second):
        """z (n,), s (n,) and difference (n, k) of pairs of rows first, second (n,) of f (r, k)."""
        difference = f.take(first, axis=0) - f.take(second, axis=0)
        s = self.xp.einsum("pk,pk->p", difference, difference)
        return self.w * s + self.b, s, difference                                           # (1)

    def step(self, augmented, first, second, y):
        """Forward and backward pass of a training step; fills `gradients`, returns z (n,).

        Pair p compares rows first[p] and second[p] of augmented (r, d + 1) and has the label y[p].
        Nothing is checked, and nothing of the size of a layer allocated after the first batch.
        """
        z, s, difference = self.pair_logits(self.forward(augmented), first, second)
        dz = (sigmoid(z) - y) / len(y)
        self._dw[0] = dz @ s
        self._db[0] = dz.sum()
        g = 2 * self.w * dz[:, None] * difference
        delta = self._buffers.delta[-1][:len(augmented)]
        delta[:] = 0
        for column, g_column in zip(delta.T, g.T):      # += would count a row only once
            self.xp.add.at(column, first, g_column)
            self.xp.subtract.at(column, second, g_column)
        self.backward(augmented, delta)
        return z

    def backward(self, augmented, delta):
        """Fill the layers' gradients from delta = dloss/df (r, k); uses up what `forward` left."""
        for l in range(len(self.layers) - 1, -1, -1):
            a = self._buffers.a[l - 1][:len(delta)] if l else augmented
            self.xp.matmul(a.T, delta, out=self._dlayers[l])
            if l:
                delta = self._backpropagate_delta(delta, l)

    def _backpropagate_delta(self, delta, l):
        """delta_{l-1} = (delta_l W_l^T) * relu'(z_{l-1}); relu' takes the place of a_{l-1}."""
        _, differentiate = ACTIVATIONS[self.activation]
        buffers, rows = self._buffers, len(delta)
        a, delta_prev = buffers.a[l - 1][:rows], buffers.delta[l - 1][:rows]
        # One column times one row: broadcasting is four times faster than a matrix product.
        product = np.multiply if delta.shape[1] == 1 else self.xp.matmul
        product(delta, self.layers[l].T, out=delta_prev)
        differentiate(a, buffers.memory[l - 1][:rows])
        delta_prev *= a
        return delta_prev[:, :-1]

    def _allocate_buffers(self, rows):
        """The buffers of this thread, of so many rows at least: allocated once, then reused."""
        buffers = self._buffers
        if rows > buffers.rows:
            # Hidden layers have one extra column: the constant 1 in a, unused in memory and delta.
            # So every elementwise operation runs over contiguous memory.
            sizes = [*(size + 1 for size in self.layer_sizes[1:-1]), self.layer_sizes[-1]]
            buffers.a, buffers.memory, buffers.delta = (
                [self.xp.zeros((rows, size), self.dtype) for size in sizes] for _ in range(3))
            buffers.rows = rows
        return buffers

    # --------------------------------------------------------------------------- f and its uses

    def augment(self, x):
        """Observations x (n, d) as the first layer takes them, with a constant 1: (n, d + 1)."""
        x = finite_array("x", x, "n", self.layer_sizes[0])
        ones = np.ones((len(x), 1))                     # float64: rounded to its dtype last
        return self.xp.asarray(np.hstack([self.standardise(x), ones]).astype(self.dtype))

    def standardise(self, x):
        """Observations x (n, d) in the units that the network works in; a subclass may have any."""
        return x

    def bottleneck(self, x):
        """Output of all k neurons of the bottleneck at observations x (n, d), as (n, k)."""
        return to_numpy(self._in_blocks(self.forward, self.augment(x)))

    def f(self, x):
        """Output f of the bottleneck's one neuron at observations x (n, d), as (n,) in float64."""
        self._require_scalar_f()
        return self.bottleneck(x)[:, 0].astype(np.float64)

    def gradient(self, x):
        """Derivative of f with respect to the observation, at x (n, d), as (n, d) in float64."""
        def differentiate(augmented):
            delta = self.forward(augmented)
            delta[:] = 1
            for l in range(len(self.layers) - 1, 0, -1):
                delta = self._backpropagate_delta(delta, l)
            return delta @ self.layers[0][:-1].T
        self._require_scalar_f()
        return to_numpy(self._in_blocks(differentiate, self.augment(x))).astype(np.float64)

    def _require_scalar_f(self):
        if self.layer_sizes[-1] != 1:
            raise ValueError("f must be one number, but this bottleneck has "
                             f"{self.layer_sizes[-1]} neurons; see bottleneck(x)")

    def _in_blocks(self, function, augmented):
        """The result of a function of augmented rows, BLOCK of them at a time, as one array."""
        starts = range(0, max(len(augmented), 1), BLOCK)
        return self.xp.concatenate([function(augmented[i:i + BLOCK]).copy() for i in starts])

    def logits(self, x, x_prime):
        """Argument z of the sigmoid in eq. (1) for pairs x, x_prime (n, d), as (n,)."""
        x = finite_array("x", x, "n", self.layer_sizes[0])
        x_prime = finite_array("x_prime", x_prime, *x.shape)
        first, second = np.arange(2 * len(x)).reshape(2, -1)
        return self.logits_of(self.augment(np.concatenate([x, x_prime])), first, second)

    def logits_of(self, augmented, first, second):
        """Logits z (n,) of pairs of rows of augmented (r, d + 1), numbered as in `step`."""
        f = self._in_blocks(self.forward, augmented)
        return to_numpy(self.pair_logits(f, *map(self.xp.asarray, (first, second)))[0])

    def predict(self, x, x_prime):
        """Probability, eq. (1), that the members of each pair (n, d) are different, as (n,)."""
        return sigmoid(self.logits(x, x_prime))

    def evaluate(self, x, x_prime, y, first=None, second=None):
        """Loss (B1) and accuracy on pairs x, x_prime (n, d) with labels y (n,); no gradients.

        With first, second (m,) and y (m,), pair p is x[first[p]] with x_prime[second[p]]: so an
        observation of many pairs goes through the layers once.
        """
        augmented, first, second, y = self._number_rows(x, x_prime, y, first, second)
        z = self.logits_of(augmented, first, second)
        return cross_entropy(z, y), accuracy(z, y)

    def loss_and_gradients(self, x, x_prime, y):
        """Loss (B1) and accuracy on a batch of pairs (n, d), labels y (n,); fills `gradients`."""
        augmented, first, second, y = self._number_rows(x, x_prime, y)
        z = to_numpy(self.step(augmented, *map(self.xp.asarray, (first, second, y))))
        return cross_entropy(z, y), accuracy(z, y)

    def _number_rows(self, *pairs):
        """Checked pairs as `step` takes them: augmented rows, the numbers of both, and labels."""
        x, x_prime, y, first, second = self.checked_pairs(*pairs)
        return self.augment(np.concatenate([x, x_prime])), first, len(x) + second, y

    def checked_pairs(self, x, x_prime, y, first=None, second=None, name=""):
        """The arguments of `evaluate`, checked and complete; ValueError names the wrong one."""
        x = finite_array(f"{name}x", x, "n", self.layer_sizes[0])
        x_prime = finite_array(f"{name}x_prime", x_prime, *x.shape)
        rows = np.arange(len(x))
        first, second = (rows if each is None else np.asarray(each) for each in (first, second))
        y = finite_array(f"{name}y", y, *first.shape)
        if len(y) == 0 or not np.all((y == 0) | (y == 1)):
            raise ValueError(f"{name}y must hold labels, and only 0 (same) and 1 (different)")
        if first.shape != second.shape or not np.all(
                (0 <= first) & (first < len(x)) & (0 <= second) & (second < len(x))):
            raise ValueError("first and second must be as long as y, and number rows from 0 to "
                             f"{len(x) - 1}")
        return x, x_prime, y.astype(self.dtype), first, second

    # --------------------------------------------------------------- parameters, files and copies

    @property
    def parameters(self):
        """All weights as one flat vector. Assigning another vector of this length copies it in."""
        return self._parameters

    @parameters.setter
    def parameters(self, values):
        if np.shape(values) != self._parameters.shape:
            raise ValueError(f"parameters must have shape {self._parameters.shape}")
        self._parameters[:] = self.xp.asarray(values)

    def _allocate_parameters(self, xp):
        """Parameters and gradients, all zero, and views of both: the layers, w and b."""
        shapes = [(m + 1, n) for m, n in zip(self.layer_sizes, self.layer_sizes[1:])]
        ends = np.cumsum([m * n for m, n in shapes]).tolist()

        def views(vector):
            layers = [vector[end - m * n:end].reshape(m, n) for (m, n), end in zip(shapes, ends)]
            return layers, vector[-2:-1], vector[-1:]
        self.xp, self._buffers = xp, _Buffers()
        self._parameters, self.gradients = (xp.zeros(ends[-1] + 2, self.dtype) for _ in range(2))
        self.layers, self.w, self.b = views(self._parameters)
        self._dlayers, self._dw, self._db = views(self.gradients)

    def save(self, path):
        """Write the network to one .npz file."""
        write(path, self.state_dict())

    def state_dict(self):
        """Constructor arguments and parameters by name, as a file keeps them."""
        return {"layer_sizes": self.layer_sizes, "activation": self.activation,
                "label": self.label, "parameters": to_numpy(self.parameters)}

    @classmethod
    def load(cls, path):
        """Read a network that `save` wrote; ValueError if damaged, OSError if not readable."""
        return load_arrays(path, "a complete saved network", cls.from_state)

    @classmethod
    def from_state(cls, state, **options):
        """The network of a `state_dict`; options: further arguments that a subclass needs."""
        finite_array("parameters", state["parameters"], "size")
        options |= {"dtype": state["parameters"].dtype, "label": str(state["label"])}
        network = cls(tuple(state["layer_sizes"]), activation=str(state["activation"]), **options)
        network.parameters = state["parameters"]
        if state.keys() != network.state_dict().keys():
            raise ValueError("it is of another kind of network, such as discover's")
        return network

    def __getstate__(self):
        """For copy and pickle: what a copy cannot make anew, the attributes of a subclass too."""
        anew = {"xp", "_buffers", "gradients", "layers", "w", "b", "_dlayers", "_dw", "_db"}
        kept = {name: value for name, value in vars(self).items() if name not in anew}
        return kept | {"_parameters": to_numpy(self.parameters)}

    def __setstate__(self, state):
        vars(self).update(state)
        self._allocate_parameters(np)
        self.parameters = state["_parameters"]


class _Buffers(threading.local):
    """Memory of both passes. Each thread has its own, so that several may call f at once."""
    rows = -1                           # none yet


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


# ---------------------------------------------------------------------------------- activations
# A pair that works in place: the first turns z into a, the second turns a into da/dz. `memory`
# has the shape of z and starts as zeros; what the first writes there, as a sine must its z, the
# second can read. A new activation is one more pair, and a line in ACTIVATIONS.

def relu(z, memory):
    np.maximum(z, memory, out=z)        # twice as fast as with the number 0


def relu_derivative(a, memory=None):
    np.greater(a, 0, out=a, casting="unsafe")                           # relu'(z) = 1 where z > 0


def tanh(z, memory):
    np.tanh(z, out=z)


def tanh_derivative(a, memory=None):
    np.multiply(a, a, out=a)                                            # tanh'(z) = 1 - tanh(z)^2
    np.subtract(1, a, out=a)


ACTIVATIONS = {"relu": (relu, relu_derivative), "tanh": (tanh, tanh_derivative)}


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
            raise ValueError("Adadelta needs learning_rate > 0, 0 <= rho < 1, epsilon > 0; got "
                             f"{learning_rate}, {rho}, {epsilon}")
        self.learning_rate, self.rho, self.epsilon = learning_rate, rho, epsilon
        # Sums of rho^age times the squares, i.e. E[.] / (1 - rho): the factor cancels in d.
        self.squared_gradients, self.squared_updates = xp.zeros(size, dtype), xp.zeros(size, dtype)
        self._update, self._scratch = xp.empty(size, dtype), xp.empty(size, dtype)

    def step(self, parameters, gradients):
        """Change the parameters (size,) in place against their gradients (size,), arrays both."""
        update, scratch = self._update, self._scratch
        for array in (parameters, gradients):
            if getattr(array, "shape", None) != update.shape:
                raise ValueError("parameters and gradients must be arrays of shape "
                                 f"{update.shape}, got {array!r:.60}")
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


class EarlyStopping:
    """Ends the training after `patience` epochs without a lower loss (Appendix B)."""

    def __init__(self, patience=200, min_delta=0.0):
        self.patience, self.min_delta = patience, min_delta
        self.best, self.wait = np.inf, 0

    def update(self, loss):
        """Take this epoch's loss; return whether to stop."""
        better = loss < self.best - self.min_delta
        self.best, self.wait = (loss, 0) if better else (self.best, self.wait + 1)
        return self.wait >= self.patience


class ReduceLearningRateOnPlateau(EarlyStopping):
    """Divides the rate by `factor` after `patience` epochs without a lower loss (Appendix B).

    As in Keras, a loss must be lower by `min_delta`; the paper is silent.
    """

    def __init__(self, patience=50, factor=2.0, min_delta=1e-4):
        super().__init__(patience, min_delta)
        if not 1 <= factor < np.inf:
            raise ValueError(f"factor must be 1 or more, since the rate is divided by it: {factor}")
        self.factor = factor

    def update(self, loss, learning_rate):
        """Take this epoch's loss; return the learning rate of the next epoch."""
        if not super().update(loss):
            return learning_rate
        self.wait = 0
        return learning_rate / self.factor


@dataclass(frozen=True)
class Schedule:
    """Settings of a training run, all positive; the defaults are those that Appendix B prints."""
    learning_rate: float = 100.0
    batch_size: int = 256
    epochs: int = 10_000
    reduce_patience: int = 50           # epochs
    reduce_factor: float = 2.0
    stop_patience: int = 200            # epochs
    decay: float = 1.0                  # factor on the rate after each epoch; the paper has none
    in_batch_negatives: bool = False    # each batch exchanges partners for its "different" pairs
    keep_best: bool = False             # the epoch of lowest training loss is reported too

    def __post_init__(self):
        check_positive(self, reduce_factor=(1, np.inf), decay=(0, 1))


SCHEDULES = {
    "paper": Schedule(keep_best=True),              # "after the best training cycle"
    # A low rate that falls steadily gets further than Appendix B, and much sooner. A batch of 128
    # equivalent pairs and 128 in-batch negatives costs half of 256 labelled pairs.
    "quick": Schedule(learning_rate=2.5, epochs=65, decay=0.95, in_batch_negatives=True),
}

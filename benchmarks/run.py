"""One training step, side by side: python benchmarks/run.py

The step gathers a batch of 256 pairs, goes forward and backward through both branches, and updates
by Adadelta. It is compared with the bare matrix products it contains, called with nothing around them,
and with PyTorch doing the same on the same numbers (where it is installed). All run interleaved in
this process, on one thread; the medians' ratios are what counts, not the times.
"""

import os

for variable in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ[variable] = "1"

import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))
import siamese
import training

try:
    import torch
    torch.set_num_threads(1)
except ImportError:
    torch = None

INPUTS, BATCH, PAIRS = 4, 256, 100_000
ROUNDS, STEPS = 30, 20


def numpy_step(network, data, chosen):
    """The step of training.fit."""
    optimizer = siamese.Adadelta(network.parameters.size, 1.0)
    rows, y = network.rows(*data[:2]).reshape(PAIRS, -1), data[2]
    batch = np.empty((BATCH, rows.shape[1]), np.float32), np.empty(BATCH, np.float32)
    z = np.empty(BATCH, np.float32)
    training._touch_blas_buffer()

    def step():
        np.take(rows, chosen, axis=0, out=batch[0], mode="clip")
        np.take(y, chosen, out=batch[1], mode="clip")
        network.step(batch[0].reshape(2 * BATCH, -1), batch[1], z)
        optimizer.step(network.parameters, network.gradients)
    return step


def matrix_products(network):
    """The products of that step, on random numbers of the same shapes."""
    rng = np.random.default_rng(0)
    shapes = [layer.shape for layer in network.layers]
    random = [[rng.standard_normal(shape, dtype=np.float32) for shape in (
        (2 * BATCH, m), (m, n), (2 * BATCH, n))] for m, n in shapes]
    results = [[np.empty(shape, np.float32) for shape in ((2 * BATCH, n), (m, n), (2 * BATCH, m - 1))] for m, n in shapes]

    def products():
        for layer, ((a, weights, delta), (z, gradient, below)) in enumerate(zip(random, results)):
            np.matmul(a, weights, out=z)
            np.matmul(a.T, delta, out=gradient)
            if layer > 0 and delta.shape[1] > 1:                       # one column is no product, see _backward
                np.matmul(delta, weights[:-1].T, out=below)
    return products


def torch_step(network, data, chosen):
    """The same step in PyTorch, eager, from the same parameters."""
    layers, modules = [], []
    for weights in network.layers:
        linear = torch.nn.Linear(weights.shape[0] - 1, weights.shape[1])
        with torch.no_grad():
            linear.weight.copy_(torch.tensor(weights[:-1].T.copy()))
            linear.bias.copy_(torch.tensor(weights[-1].copy()))
        layers.append(linear)
        modules += [linear, torch.nn.ReLU()]
    f = torch.nn.Sequential(*modules[:-1])
    w, b = torch.nn.Parameter(torch.ones(1)), torch.nn.Parameter(torch.zeros(1))
    parameters = [*f.parameters(), w, b]
    optimizer = torch.optim.Adadelta(parameters, lr=1.0, rho=0.95, eps=1e-7)
    x, x_prime, y = [torch.tensor(array) for array in data]
    chosen = torch.tensor(chosen)

    def step():
        optimizer.zero_grad()
        output = f(torch.cat([x[chosen], x_prime[chosen]]))
        z = w * ((output[:BATCH] - output[BATCH:])**2).sum(1) + b
        loss = torch.nn.functional.binary_cross_entropy_with_logits(z, y[chosen])
        ((z > 0) == (y[chosen] > 0.5)).float().mean()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            w.abs_()
    return step


def medians(steps):
    """Median seconds of each of the steps, taken in turn."""
    times = {name: [] for name in steps}
    for _ in range(ROUNDS):
        for name, step in steps.items():
            step()
            began = time.perf_counter()
            for _ in range(STEPS):
                step()
            times[name].append((time.perf_counter() - began) / STEPS)
    return {name: np.median(values) for name, values in times.items()}


def main():
    rng = np.random.default_rng(0)
    data = [rng.uniform(-1, 1, (PAIRS, INPUTS)).astype(np.float32) for _ in range(2)]
    data.append(rng.integers(0, 2, PAIRS).astype(np.float32))
    chosen = rng.permutation(PAIRS)[:BATCH]
    print(f"numpy {np.__version__}, " + (f"torch {torch.__version__}" if torch else "torch is not installed"))
    print("width   products us   step us   step / products   torch / step")
    for width in (100, 200, 400):
        layer_sizes = (INPUTS, width, width, 1)
        steps = {"products": matrix_products(siamese.SiameseNetwork(layer_sizes)),
                 "step": numpy_step(siamese.SiameseNetwork(layer_sizes), data, chosen)}
        if torch:
            steps["torch"] = torch_step(siamese.SiameseNetwork(layer_sizes), data, chosen)
        found = medians(steps)
        against = f"{found['torch'] / found['step']:15.2f}" if torch else ""
        print(f"{width:5} {found['products'] * 1e6:13.0f} {found['step'] * 1e6:9.0f} "
              f"{found['step'] / found['products']:17.2f}{against}", flush=True)


if __name__ == "__main__":
    main()

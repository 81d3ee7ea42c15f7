"""One training step by this code, by its bare matrix products, by PyTorch and by JAX.

Each function takes the same network, pairs and batches, and returns run, which takes one step for each
batch, and parameters, which gives the flat vector of what those steps made of the network's. A step
gathers its batch, goes forward and backward through both branches, updates by Adadelta and folds w.
What is not installed raises ImportError.
"""

import numpy as np

import siamese
import training

RATE, RHO, EPSILON = 1.0, 0.95, 1e-7


def this_code(network, data, batches):
    """The steps of training.Training, and the gathering that it does once per epoch."""
    training._touch_blas_buffer()
    optimizer = siamese.Adadelta(network.parameters.size, RATE, RHO, EPSILON)
    rows, y = network.rows(*data[:2]).reshape(len(data[2]), -1), data[2]
    size = batches.shape[1]
    batch = np.empty((size, rows.shape[1]), np.float32), np.empty(size, np.float32)
    z = np.empty(size, np.float32)

    def run():
        for chosen in batches:
            np.take(rows, chosen, axis=0, out=batch[0], mode="clip")
            np.take(y, chosen, out=batch[1], mode="clip")
            network.step(batch[0].reshape(2 * size, -1), batch[1], z)
            optimizer.step(network.parameters, network.gradients)
            np.abs(network.w, out=network.w)
    return run, lambda: network.parameters


def matrix_products(network, data, batches):
    """The products of those steps with nothing around them, on random numbers of the same shapes."""
    rng, rows = np.random.default_rng(0), 2 * batches.shape[1]
    random = [[rng.standard_normal(shape, dtype=np.float32) for shape in ((rows, m), (m, n), (rows, n))]
              for m, n in [layer.shape for layer in network.layers]]
    results = [[np.empty(shape, np.float32) for shape in ((rows, w.shape[1]), w.shape, (rows, w.shape[0] - 1))]
               for _, w, _ in random]

    def run():
        for _ in batches:
            for layer, ((a, weights, delta), (z, gradient, below)) in enumerate(zip(random, results)):
                np.matmul(a, weights, out=z)
                np.matmul(a.T, delta, out=gradient)
                if layer > 0 and delta.shape[1] > 1:    # of one column no product is needed, see _backward
                    np.matmul(delta, weights[:-1].T, out=below)
    return run, None


def torch_eager(network, data, batches, compiled=False):
    """PyTorch as its manual has it: nn.Linear, autograd, torch.optim.Adadelta."""
    import torch
    torch.set_num_threads(1)
    layers = [torch.nn.Linear(weights.shape[0] - 1, weights.shape[1]) for weights in network.layers]
    with torch.no_grad():
        for linear, weights in zip(layers, network.layers):
            linear.weight.copy_(torch.tensor(weights[:-1].T.copy()))
            linear.bias.copy_(torch.tensor(weights[-1].copy()))
    f = torch.nn.Sequential(*[module for linear in layers for module in (linear, torch.nn.ReLU())][:-1])
    w, b = torch.nn.Parameter(torch.ones(1)), torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.Adadelta([*f.parameters(), w, b], lr=RATE, rho=RHO, eps=EPSILON)
    x, x_prime, y = [torch.tensor(array) for array in data]
    batches = torch.tensor(batches)

    def loss(chosen):
        output = f(torch.cat([x[chosen], x_prime[chosen]]))
        z = w * ((output[:len(chosen)] - output[len(chosen):])**2).sum(1) + b
        return torch.nn.functional.binary_cross_entropy_with_logits(z, y[chosen])
    update = optimizer.step
    if compiled:
        loss, update = torch.compile(loss), torch.compile(update)

    def run():
        for chosen in batches:
            optimizer.zero_grad()
            loss(chosen).backward()
            update()
            with torch.no_grad():
                w.abs_()

    def parameters():
        arrays = [np.vstack([linear.weight.detach().numpy().T, linear.bias.detach().numpy()]) for linear in layers]
        return np.concatenate([array.ravel() for array in [*arrays, w.detach().numpy(), b.detach().numpy()]])
    return run, parameters


def torch_compiled(network, data, batches):
    """The same with the loss, its gradients and the update compiled, which needs a C++ compiler."""
    return torch_eager(network, data, batches, compiled=True)


def jax_scan(network, data, batches):
    """JAX: all steps in one jit-compiled lax.scan."""
    import jax
    from jax import numpy as jnp
    x, x_prime, y = [jnp.asarray(array) for array in data]
    batches = jnp.asarray(batches)
    initial = [jnp.array(array) for array in [*network.layers, network.w, network.b]]

    def loss(parameters, chosen):
        *layers, w, b = parameters
        a = jnp.concatenate([x[chosen], x_prime[chosen]])
        for weights in layers[:-1]:
            a = jax.nn.relu(a @ weights[:-1] + weights[-1])
        f = a @ layers[-1][:-1] + layers[-1][-1]
        z = w * jnp.sum((f[:len(chosen)] - f[len(chosen):])**2, axis=1) + b
        return jnp.mean(jax.nn.softplus(z) - y[chosen] * z)

    def step(state, chosen):
        parameters, squared_gradients, squared_updates = state
        gradients = jax.grad(loss)(parameters, chosen)
        squared_gradients = [RHO * s + (1 - RHO) * g * g for s, g in zip(squared_gradients, gradients)]
        updates = [jnp.sqrt(u + EPSILON) / jnp.sqrt(s + EPSILON) * g
                   for u, s, g in zip(squared_updates, squared_gradients, gradients)]
        squared_updates = [RHO * s + (1 - RHO) * u * u for s, u in zip(squared_updates, updates)]
        *layers, w, b = [p - RATE * u for p, u in zip(parameters, updates)]
        return [[*layers, jnp.abs(w), b], squared_gradients, squared_updates], None

    steps = jax.jit(lambda state: jax.lax.scan(step, state, batches)[0])
    state = [initial, *[[jnp.zeros_like(p) for p in initial] for _ in range(2)]]

    def run():
        state[:] = jax.block_until_ready(steps(state))
    return run, lambda: np.concatenate([np.ravel(p) for p in state[0]])


COMPETITORS = {"bare matrix products": matrix_products, "this code": this_code, "JAX, jit and scan": jax_scan,
               "PyTorch, compiled": torch_compiled, "PyTorch, eager": torch_eager}

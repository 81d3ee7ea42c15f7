"""Training steps by this code, by its bare matrix products, by PyTorch and by JAX.

Each function takes a network and pairs x, x_prime (n, d) with labels y (n,), or with y = None
equivalent pairs, of which each batch makes its negatives as train.in_batch_negatives does. It
returns
    run(batches, rate)   a step for each row of `batches` (steps, m), numbers of pairs
    parameters()         the flat vector of what those steps made of the network's parameters
A step takes its batch out of the pairs, goes forward and backward through both branches, updates by
Adadelta and folds w. What is not installed raises ImportError.
"""

import numpy as np

import siamese
import train
from support.process import warm_up_blas

RHO, EPSILON = 0.95, 1e-7
OURS, PRODUCTS = "this code", "bare matrix products"


def this_code(network, x, x_prime, y=None):
    """The steps of train.Training."""
    augmented = network.augment(np.concatenate([x, x_prime]))
    optimizer = siamese.Adadelta(network.parameters.size, 1.0, RHO, EPSILON)
    warm_up_blas()

    def run(batches, rate):
        optimizer.learning_rate = rate
        for chosen in batches:
            if y is None:
                first, second, labels = train.cyclic_pairs(len(chosen))
            else:
                first, second = np.arange(2 * len(chosen)).reshape(2, -1)
                labels = y[chosen]
            rows = augmented.take(np.append(chosen, len(x) + chosen), axis=0)
            network.step(rows, first, second, labels.astype(network.dtype))
            optimizer.step(network.parameters, network.gradients)
            np.abs(network.w, out=network.w)
    return run, lambda: network.parameters


def matrix_products(network, x, x_prime, y=None):
    """The products of those steps, in the network's own buffers, with nothing around them."""
    rng = np.random.default_rng(0)

    def run(batches, rate):
        r, last = 2 * batches.shape[1], len(network.layers) - 1
        is_new = network._buffers.rows < r
        buffers = network._allocate_buffers(r)
        if is_new:
            for buffer in (*buffers.a, *buffers.delta):
                buffer[:] = rng.standard_normal(buffer.shape)
        (*hidden, f), (*deltas, df) = buffers.a, buffers.delta
        rows = np.ones((r, x.shape[1] + 1), np.float32)
        inputs = [rows, *hidden]
        for _ in batches:
            for a, weights, a_next in zip(inputs, network.layers, hidden):
                np.matmul(a, weights, out=a_next[:, :-1])
            np.matmul(inputs[-1], network.layers[-1], out=f)
            delta = df
            for l in range(last, -1, -1):
                np.matmul(inputs[l].T, delta, out=network._dlayers[l])
                if l and delta.shape[1] > 1:            # one column needs no product
                    np.matmul(delta, network.layers[l].T, out=deltas[l - 1])
                delta = deltas[l - 1][:, :-1]
    return run, None


def torch_eager(network, x, x_prime, y=None, compiled=False):
    """PyTorch as its manual has it: nn.Linear, autograd, torch.optim.Adadelta."""
    import torch
    torch.set_num_threads(1)
    layers = [torch.nn.Linear(weights.shape[0] - 1, weights.shape[1]) for weights in network.layers]
    with torch.no_grad():
        for linear, weights in zip(layers, network.layers):
            linear.weight.copy_(torch.tensor(weights[:-1].T.copy()))
            linear.bias.copy_(torch.tensor(weights[-1].copy()))
    f = torch.nn.Sequential(*[each for linear in layers for each in (linear, torch.nn.ReLU())][:-1])
    w, b = torch.nn.Parameter(torch.ones(1)), torch.nn.Parameter(torch.zeros(1))
    rate_now = torch.tensor(1.0) if compiled else 1.0   # a number would be compiled in
    optimizer = torch.optim.Adadelta([*f.parameters(), w, b], lr=rate_now, rho=RHO, eps=EPSILON)
    x, x_prime = torch.tensor(x), torch.tensor(x_prime)
    labels = None if y is None else torch.tensor(y)

    def loss(chosen):
        output = f(torch.cat([x[chosen], x_prime[chosen]]))[:, 0]
        one, other = output[:len(chosen)], output[len(chosen):]
        if labels is None:
            target = torch.cat([torch.zeros_like(one), torch.ones_like(one)])
            one, other = torch.cat([one, one]), torch.cat([other, other.roll(-1)])
        else:
            target = labels[chosen]
        z = w * (one - other)**2 + b
        return torch.nn.functional.binary_cross_entropy_with_logits(z, target)
    update = optimizer.step
    if compiled:
        torch._dynamo.reset()                           # each network is compiled anew
        loss, update = torch.compile(loss), torch.compile(update)

    def run(batches, rate):
        for group in optimizer.param_groups:
            group["lr"] = rate_now.fill_(rate) if compiled else rate
        for chosen in torch.tensor(batches):
            optimizer.zero_grad()
            loss(chosen).backward()
            update()
            with torch.no_grad():
                w.abs_()

    def parameters():
        tensors = [each for linear in layers for each in (linear.weight.T, linear.bias)]
        return np.concatenate([each.detach().numpy().ravel() for each in (*tensors, w, b)])
    return run, parameters


def torch_compiled(network, x, x_prime, y=None):
    """The same with loss, gradients and update compiled, which needs a C++ compiler."""
    return torch_eager(network, x, x_prime, y, compiled=True)


def jax_scan(network, x, x_prime, y=None):
    """JAX: all steps of a call in one jit-compiled lax.scan."""
    import jax
    from jax import numpy as jnp
    x, x_prime = jnp.asarray(x), jnp.asarray(x_prime)
    labels = None if y is None else jnp.asarray(y)

    def loss(parameters, chosen):
        *layers, w, b = parameters
        a = jnp.concatenate([x[chosen], x_prime[chosen]])
        for weights in layers[:-1]:
            a = jax.nn.relu(a @ weights[:-1] + weights[-1])
        f = (a @ layers[-1][:-1] + layers[-1][-1])[:, 0]
        one, other = f[:len(chosen)], f[len(chosen):]
        if labels is None:
            target = jnp.concatenate([jnp.zeros_like(one), jnp.ones_like(one)])
            one, other = jnp.concatenate([one, one]), jnp.concatenate([other, jnp.roll(other, -1)])
        else:
            target = labels[chosen]
        z = w * (one - other)**2 + b
        return jnp.mean(jax.nn.softplus(z) - target * z)

    def step(state, chosen):
        parameters, squares, updates_squared, rate = state
        gradients = jax.grad(loss)(parameters, chosen)
        squares = [RHO * s + (1 - RHO) * g * g for s, g in zip(squares, gradients)]
        updates = [jnp.sqrt(u + EPSILON) / jnp.sqrt(s + EPSILON) * g
                   for u, s, g in zip(updates_squared, squares, gradients)]
        updates_squared = [RHO * s + (1 - RHO) * u * u for s, u in zip(updates_squared, updates)]
        *layers, w, b = [p - rate * u for p, u in zip(parameters, updates)]
        return ([*layers, jnp.abs(w), b], squares, updates_squared, rate), None

    steps = jax.jit(lambda state, batches: jax.lax.scan(step, state, batches)[0])
    state = [[jnp.array(array) for array in (*network.layers, network.w, network.b)]]
    state += [[jnp.zeros_like(p) for p in state[0]] for _ in range(2)]

    def run(batches, rate):
        done = steps((*state[:3], jnp.float32(rate)), jnp.asarray(batches))
        state[:] = jax.block_until_ready(done)[:3]
    return run, lambda: np.concatenate([np.ravel(p) for p in state[0]])


COMPETITORS = {PRODUCTS: matrix_products, OURS: this_code, "JAX (jit, scan)": jax_scan,
               "PyTorch, compiled": torch_compiled, "PyTorch, eager": torch_eager}

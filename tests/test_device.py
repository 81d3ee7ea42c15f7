"""A training on another device: an array type that, as CuPy's, refuses every silent step to NumPy."""

import numpy as np
import pytest

import physics
import siamese
import train
import training


class DeviceArray(np.lib.mixins.NDArrayOperatorsMixin):
    """Stands for cupy.ndarray: NumPy's ufuncs act on it, it mixes with numbers but not with NumPy's arrays, and only get() leaves it."""
    gets = 0

    def __init__(self, array):
        self.array = array

    def __array__(self, *_, **__):
        raise TypeError("implicit conversion to a NumPy array is not allowed")

    def __float__(self):
        raise TypeError("a value would come back from the device")
    __bool__ = __int__ = __index__ = __iter__ = __float__

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **options):
        if method != "__call__" or ufunc.signature is not None:              # np.matmul: the device has its own
            return NotImplemented
        if out:
            options["out"] = tuple(inside(array) for array in out)
        result = getattr(ufunc, method)(*map(inside, inputs), **options)
        return out[0] if out else DeviceArray(result)

    def get(self):
        DeviceArray.gets += 1
        return self.array.copy()

    def copy(self):
        return DeviceArray(self.array.copy())

    def sum(self):
        return DeviceArray(self.array.sum())

    def reshape(self, *shape):
        return DeviceArray(self.array.reshape(*shape))

    def __matmul__(self, other):
        return DeviceArray(self.array @ inside(other))

    def __len__(self):
        return len(self.array)

    def __getitem__(self, key):
        return DeviceArray(self.array[inside(key) if isinstance(key, DeviceArray) else key])

    def __setitem__(self, key, value):
        self.array[key] = inside(value)
    shape = property(lambda self: self.array.shape)
    size = property(lambda self: self.array.size)
    dtype = property(lambda self: self.array.dtype)
    T = property(lambda self: DeviceArray(self.array.T))


def inside(value):
    if isinstance(value, np.ndarray):
        raise TypeError("an array of NumPy's among the device's")
    return value.array if isinstance(value, DeviceArray) else value


class Device:
    """Stands for the module cupy."""
    asarray = staticmethod(lambda array: array if isinstance(array, DeviceArray) else DeviceArray(np.array(array)))
    zeros = staticmethod(lambda *shape: DeviceArray(np.zeros(*shape)))
    empty = staticmethod(lambda *shape: DeviceArray(np.empty(*shape)))
    empty_like = staticmethod(lambda array: DeviceArray(np.empty_like(array.array)))

    @staticmethod
    def matmul(a, b, out):
        np.matmul(inside(a), inside(b), out=inside(out))
        return out

    @staticmethod
    def einsum(subscripts, *arrays):
        return DeviceArray(np.einsum(subscripts, *map(inside, arrays)))


def pairs(n, seed):
    return physics.labelled_pairs(physics.SYSTEMS["sr"], n, np.random.default_rng(seed))


@pytest.mark.parametrize("activation", siamese.ACTIVATIONS)
def test_a_training_on_a_device_is_that_on_the_host_bit_for_bit(activation):
    networks = [siamese.SiameseNetwork((4, 12, 8, 1), seed=0, activation=activation, xp=xp) for xp in (np, Device)]
    histories = [training.fit(network, pairs(300, 1), pairs(100, 2), training.Schedule(1.0, epochs=3)) for network in networks]
    assert np.array_equal(networks[0].parameters, networks[1].parameters.array)
    assert histories[0]["loss"] == histories[1]["loss"] and histories[0]["test_accuracy"] == histories[1]["test_accuracy"]


def test_no_value_comes_back_from_the_device_within_a_step():
    network = siamese.SiameseNetwork((4, 12, 1), xp=Device)
    optimizer = siamese.Adadelta(network.parameters.size, 1.0, xp=Device)
    x, x_prime, y = network.checked_pairs(*pairs(20, 3))
    rows, y, z = network.rows(x, x_prime), Device.asarray(y), Device.empty(len(y), np.float32)
    before = DeviceArray.gets
    for _ in range(5):
        network.step(rows, y, z)
        optimizer.step(network.parameters, network.gradients)
    assert DeviceArray.gets == before


def test_the_number_of_values_that_come_back_does_not_depend_on_the_number_of_steps():
    gets = []
    for batch_size in (300, 5):
        run = training.Training(siamese.SiameseNetwork((4, 6, 1), xp=Device), pairs(300, 4), pairs(50, 5), training.Schedule(1.0, batch_size))
        before = DeviceArray.gets
        run.epoch()
        gets.append(DeviceArray.gets - before)
    assert gets[0] == gets[1]


def test_what_a_network_on_a_device_gives_and_saves_is_the_hosts(tmp_path):
    host, device = [siamese.SiameseNetwork((4, 12, 2), seed=6, xp=xp) for xp in (np, Device)]
    x, x_prime, y = pairs(40, 7)
    assert np.array_equal(host.bottleneck(x), device.bottleneck(x)) and np.array_equal(host.predict(x, x_prime), device.predict(x, x_prime))
    assert np.array_equal(host.input_gradient(x), device.input_gradient(x))
    assert host.loss_and_gradients(x, x_prime, y) == device.loss_and_gradients(x, x_prime, y)
    device.save(tmp_path / "model.npz")
    assert np.array_equal(siamese.SiameseNetwork.load(tmp_path / "model.npz").parameters, host.parameters)


def test_a_training_on_a_device_is_taken_up_again_bit_for_bit():
    def new():
        return training.Training(siamese.SiameseNetwork((4, 6, 1), xp=Device), pairs(100, 8), pairs(50, 9), training.Schedule(1.0, epochs=4))
    whole, first, second = new(), new(), new()
    for run, epochs in ((whole, 4), (first, 2)):
        for _ in range(epochs):
            run.epoch()
    second.restore(first.state())
    while not second.finished:
        second.epoch()
    assert np.array_equal(whole.network.parameters.array, second.network.parameters.array)


def test_without_cupy_the_device_gpu_is_refused_in_one_sentence(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "cupy", None)                         # as if it were not installed
    assert train.main(["--device", "gpu", "--out", str(tmp_path / "out")]) == 2
    printed = capsys.readouterr()
    assert "--device gpu needs CuPy" in printed.err and "pip install" in printed.err and printed.err.count("\n") == 1
    assert printed.out == "" and not (tmp_path / "out").exists()


def test_a_machine_without_a_gpu_is_refused_in_one_sentence(tmp_path, capsys, monkeypatch):
    class Runtime:
        @staticmethod
        def getDeviceCount():
            raise RuntimeError("cudaErrorNoDevice")
    cupy = type("cupy", (), {"cuda": type("cuda", (), {"runtime": Runtime})})
    monkeypatch.setitem(__import__("sys").modules, "cupy", cupy)
    assert train.main(["--device", "gpu", "--out", str(tmp_path / "out")]) == 2
    assert "finds no GPU" in capsys.readouterr().err

"""A training on another device, whose arrays refuse every silent step to NumPy, as CuPy's do."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

import siamese
import train
from helpers import pair_stepper, pairs
from siamese import Schedule
from support import checkpoints, device


class DeviceArray(np.lib.mixins.NDArrayOperatorsMixin):
    """Stands for cupy.ndarray: NumPy's ufuncs act on it, it does not mix with NumPy's arrays.

    Only get() leaves it.
    """
    gets = 0

    def __init__(self, array):
        self.array = array

    def __array__(self, *_, **__):
        raise TypeError("implicit conversion to a NumPy array is not allowed")

    def __float__(self):
        raise TypeError("a value would come back from the device")
    __bool__ = __int__ = __index__ = __float__

    def __iter__(self):
        return (DeviceArray(self.array[i:i + 1].reshape(self.shape[1:])) for i in range(len(self)))

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **options):
        if method != "__call__" or ufunc.signature is not None:
            return NotImplemented                       # np.matmul: the device has its own
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

    def take(self, indices, axis=None):
        return DeviceArray(self.array.take(inside(indices), axis))

    def __matmul__(self, other):
        return DeviceArray(self.array @ inside(other))

    def __len__(self):
        return len(self.array)

    def __getitem__(self, key):
        return DeviceArray(self.array[within(key)])

    def __setitem__(self, key, value):
        self.array[within(key)] = inside(value)

    shape = property(lambda self: self.array.shape)
    size = property(lambda self: self.array.size)
    dtype = property(lambda self: self.array.dtype)
    T = property(lambda self: DeviceArray(self.array.T))


def inside(value):
    if isinstance(value, np.ndarray):
        raise TypeError("an array of NumPy's among the device's")
    return value.array if isinstance(value, DeviceArray) else value


def within(key):
    """An index of a DeviceArray as one of the array within it."""
    return tuple(map(inside, key)) if isinstance(key, tuple) else inside(key)


class Unbuffered:
    """Stands for cupy.add and cupy.subtract, of which only `at` is used."""

    def __init__(self, ufunc):
        self.ufunc = ufunc

    def at(self, a, indices, b):
        self.ufunc.at(inside(a), inside(indices), inside(b))


class Device:
    """Stands for the module cupy."""
    add, subtract = Unbuffered(np.add), Unbuffered(np.subtract)

    @staticmethod
    def asarray(array):
        return array if isinstance(array, DeviceArray) else DeviceArray(np.array(array))

    @staticmethod
    def zeros(*shape):
        return DeviceArray(np.zeros(*shape))

    @staticmethod
    def empty(*shape):
        return DeviceArray(np.empty(*shape))

    @staticmethod
    def concatenate(arrays):
        return DeviceArray(np.concatenate([*map(inside, arrays)]))

    @staticmethod
    def matmul(a, b, out):
        np.matmul(inside(a), inside(b), out=inside(out))
        return out

    @staticmethod
    def einsum(subscripts, *arrays):
        return DeviceArray(np.einsum(subscripts, *map(inside, arrays)))


def trainings(schedule, n, xps=(np, Device), activation="relu"):
    """The same training on the host and on the device, not begun."""
    networks = [siamese.SiameseNetwork((4, 12, 8, 1), seed=0, activation=activation, xp=xp)
                for xp in xps]
    return [train.Training(each, pairs(n, 1), pairs(100, 2), schedule) for each in networks]


@pytest.mark.parametrize("activation", siamese.ACTIVATIONS)
@pytest.mark.parametrize("in_batch", [False, True])
def test_a_training_on_a_device_is_that_on_the_host_bit_for_bit(activation, in_batch):
    schedule = Schedule(1.0, epochs=3, in_batch_negatives=in_batch)
    host, device = trainings(schedule, 300, activation=activation)
    for training in (host, device):
        while not training.finished:
            training.epoch()
    assert np.array_equal(host.network.parameters, device.network.parameters.array)
    for name in ("loss", "accuracy", "test_loss", "test_accuracy"):
        assert host.history[name] == device.history[name]


def test_no_value_comes_back_from_the_device_within_a_step():
    network = siamese.SiameseNetwork((4, 12, 1), xp=Device)
    optimizer = siamese.Adadelta(network.parameters.size, 1.0, xp=Device)
    step = pair_stepper(network, *pairs(20, 3))
    before = DeviceArray.gets
    for _ in range(5):
        step()
        optimizer.step(network.parameters, network.gradients)
    assert DeviceArray.gets == before


@pytest.mark.parametrize("in_batch", [False, True])
def test_the_number_of_values_that_come_back_does_not_depend_on_the_number_of_steps(in_batch):
    gets = []
    for batch_size in (300, 6):
        schedule = Schedule(1.0, batch_size, in_batch_negatives=in_batch)
        training, = trainings(schedule, 300, [Device])
        before = DeviceArray.gets
        training.epoch()
        gets.append(DeviceArray.gets - before)
    assert gets[0] == gets[1]


def test_what_a_network_on_a_device_gives_and_saves_is_the_hosts(tmp_path):
    host, device = [siamese.SiameseNetwork((4, 12, 1), seed=6, xp=xp) for xp in (np, Device)]
    x, x_prime, y = pairs(40, 7)
    for name, arguments in (("f", [x]), ("gradient", [x]), ("predict", [x, x_prime]),
                            ("loss_and_gradients", [x, x_prime, y])):
        expected, got = [getattr(each, name)(*arguments) for each in (host, device)]
        assert np.array_equal(got, expected), name
    device.save(tmp_path / "model.npz")
    loaded = siamese.SiameseNetwork.load(tmp_path / "model.npz")
    assert np.array_equal(loaded.parameters, host.parameters)


def test_a_training_on_a_device_is_taken_up_again_bit_for_bit():
    schedule = Schedule(1.0, epochs=4, in_batch_negatives=True)
    whole, first, second = [trainings(schedule, 100, [Device])[0] for _ in range(3)]
    for training, epochs in ((whole, 4), (first, 2)):
        for _ in range(epochs):
            training.epoch()
    checkpoints.set_state(second, checkpoints.copy_state(first))
    while not second.finished:
        second.epoch()
    assert np.array_equal(whole.network.parameters.array, second.network.parameters.array)


def refused(capsys, out):
    """The one sentence with which --device gpu ends, before anything is written."""
    assert train.main(["--device", "gpu", "--out", str(out)]) == 2
    printed = capsys.readouterr()
    assert printed.err.count("\n") == 1 and printed.out == "" and not list(out.rglob("*.*"))
    return printed.err


def test_without_cupy_the_device_gpu_is_refused_in_one_sentence(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)      # as if it were not installed
    sentence = refused(capsys, tmp_path)
    assert "--device gpu needs CuPy" in sentence and "pip install" in sentence


@pytest.mark.parametrize("version, broken, words", [
    ("13.0", "count", "finds no GPU that computes (count)"), ("9.6", None, "9.6 is older than 10"),
    ("13.0", "compiler", "finds no GPU that computes (compiler)")])
def test_a_gpu_that_cannot_be_used_is_refused_in_one_sentence(
        tmp_path, capsys, monkeypatch, version, broken, words):
    def check(part):
        if part == broken:
            raise RuntimeError(part)
    runtime = SimpleNamespace(getDeviceCount=lambda: check("count"))
    monkeypatch.setitem(sys.modules, "cupy", SimpleNamespace(
        cuda=SimpleNamespace(runtime=runtime), __version__=version,
        asarray=lambda array: check("compiler")))
    sentence = refused(capsys, tmp_path)
    assert words in sentence and "leave --device out" in sentence


def test_cupy_10_is_new_enough(monkeypatch):
    class Computed:
        def __sub__(self, other):
            return self

        def __abs__(self):
            return self

        def get(self):
            return self
    runtime = SimpleNamespace(getDeviceCount=lambda: 1)
    cupy = SimpleNamespace(cuda=SimpleNamespace(runtime=runtime), __version__="10.6", asarray=lambda _: Computed())
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    assert device.array_module("gpu") is cupy

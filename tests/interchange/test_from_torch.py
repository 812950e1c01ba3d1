"""Networks of PyTorch's stacks: by stand-ins of its modules, and by its own where it is there."""

from types import SimpleNamespace

import numpy as np
import pytest

import chainrule as cr

X = np.random.default_rng(13).normal(size=(40, 4))


# ------------------------------------------------------------------ modules of the same form


class Tensor:
    """An array that is read as PyTorch's are."""

    def __init__(self, values):
        self.values = np.asarray(values)

    def detach(self):
        return self

    def cpu(self):
        return self

    def numpy(self):
        return self.values


def module(kind, **attributes):
    arrays = {k: Tensor(v) if isinstance(v, np.ndarray) else v for k, v in attributes.items()}
    return type(kind, (SimpleNamespace,), {})(**arrays)


class Sequential(list):
    def __init__(self, *modules):
        super().__init__(modules)


def drawn(*shape, seed=0, dtype="float64"):
    return np.random.default_rng([seed, *shape]).normal(size=shape).astype(dtype)


def linear(inputs, units, bias=True, dtype="float64"):
    b = drawn(units, seed=1, dtype=dtype) if bias else None
    return module("Linear", weight=drawn(units, inputs, dtype=dtype), bias=b)


def batch_norm(n, **changes):
    known = {"weight": drawn(n, seed=2), "bias": drawn(n, seed=3), "eps": 1e-3, "momentum": 0.3,
             "running_mean": drawn(n, seed=4), "running_var": drawn(n, seed=5) ** 2}  # fmt: skip
    return module("BatchNorm1d", **(known | changes))


def layer_norm(n, **changes):
    known = {"weight": drawn(n, seed=6), "bias": drawn(n, seed=7), "eps": 1e-3,
             "normalized_shape": (n,)}  # fmt: skip
    return module("LayerNorm", **(known | changes))


RELU, DROPOUT = module("ReLU"), module("Dropout", p=0.25)


def affine(stand_in, a):
    b = 0 if stand_in.bias is None else stand_in.bias.numpy()
    return a @ stand_in.weight.numpy().T + b


def test_weights_are_transposed_and_a_missing_bias_stays_missing():
    first, second = linear(4, 3), linear(3, 2, bias=False)
    net = cr.Network.from_torch(Sequential(first, RELU, second))
    assert list(net.parameters) == ["dense1.W", "dense1.b", "dense2.W"]
    np.testing.assert_array_equal(net.parameters["W1"], first.weight.numpy().T)
    expected = affine(second, np.maximum(affine(first, X), 0))
    np.testing.assert_allclose(net.predict(X), expected, rtol=1e-12)


ACTIVATIONS = {
    "relu": RELU,
    "relu6": module("ReLU6"),
    "leaky_relu": module("LeakyReLU", negative_slope=0.01),
    "leaky_relu(0.3)": module("LeakyReLU", negative_slope=0.3),
    "elu": module("ELU", alpha=1.0),
    "elu(0.5)": module("ELU", alpha=0.5),
    "selu": module("SELU"),
    "gelu": module("GELU", approximate="none"),
    "gelu_tanh": module("GELU", approximate="tanh"),
    "silu": module("SiLU"),
    "mish": module("Mish"),
    "logistic": module("Sigmoid"),
    "hard_sigmoid": module("Hardsigmoid"),
    "tanh": module("Tanh"),
    "softsign": module("Softsign"),
    "softplus": module("Softplus", beta=1, threshold=20),
    "softmax": module("Softmax", dim=-1),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_becomes_that_of_the_layer_in_front_of_it(name):
    net = cr.Network.from_torch(Sequential(linear(4, 3), ACTIVATIONS[name], linear(3, 2)))
    assert [str(layer.output_activations()[0]) for layer in net.layers] == [name, "linear"]


@pytest.mark.parametrize("dim", [1, -1, None])
def test_a_softmax_over_the_features_may_say_so_in_any_way(dim):
    net = cr.Network.from_torch(Sequential(linear(4, 3), module("Softmax", dim=dim)))
    np.testing.assert_allclose(net.predict(X).sum(axis=1), 1, rtol=1e-12)


def test_what_does_nothing_is_left_out_and_nested_stacks_are_flattened():
    inner = Sequential(module("Identity"), RELU, Sequential(DROPOUT, linear(3, 3)))
    flatten = module("Flatten", start_dim=1, end_dim=-1)
    net = cr.Network.from_torch(Sequential(flatten, linear(4, 3), inner, module("Tanh")))
    assert net.layers == (cr.Dense(3, "relu"), cr.Dropout(0.25), cr.Dense(3, "tanh"))


def test_dropout_keeps_its_rate_and_changes_no_prediction():
    dropout = module("AlphaDropout", p=0.1)
    net = cr.Network.from_torch(Sequential(DROPOUT, linear(4, 3), dropout, linear(3, 2)))
    assert net.layers[0] == cr.Dropout(0.25)
    assert net.layers[2] == cr.AlphaDropout(0.1)
    plain = cr.Network.from_torch(Sequential(linear(4, 3), linear(3, 2)))
    np.testing.assert_array_equal(net.predict(X), plain.predict(X))


@pytest.mark.parametrize("changes", [{}, {"weight": None, "bias": None}], ids=["learnt", "plain"])
def test_batch_normalisation_keeps_its_statistics(changes):
    given = batch_norm(4, **changes)
    net = cr.Network.from_torch(Sequential(given, linear(4, 2)))
    assert net.layers[0] == cr.BatchNorm(0.3, 1e-3)
    gamma, beta = (1, 0) if changes else (given.weight.numpy(), given.bias.numpy())
    mean, variance = given.running_mean.numpy(), given.running_var.numpy()
    normal = (X - mean) / np.sqrt(variance + 1e-3) * gamma + beta
    np.testing.assert_allclose(net.predict(X), affine(linear(4, 2), normal), rtol=1e-12)


@pytest.mark.parametrize(
    "changes", [{}, {"bias": None}, {"weight": None, "bias": None}], ids=["all", "factors", "plain"]
)
def test_layer_normalisation_keeps_its_parameters(changes):
    given = layer_norm(4, **changes)
    net = cr.Network.from_torch(Sequential(given, linear(4, 2)))
    gamma = 1 if given.weight is None else given.weight.numpy()
    beta = 0 if given.bias is None else given.bias.numpy()
    centred = X - X.mean(axis=1, keepdims=True)
    normal = centred / np.sqrt(X.var(axis=1, keepdims=True) + 1e-3) * gamma + beta
    np.testing.assert_allclose(net.predict(X), affine(linear(4, 2), normal), rtol=1e-11)


@pytest.mark.parametrize("slopes", [np.array([0.2]), np.array([0.1, 0.2, 0.3])], ids=len)
def test_learnt_slopes_are_one_for_each_feature(slopes):
    prelu = module("PReLU", weight=slopes)
    net = cr.Network.from_torch(Sequential(linear(4, 3), prelu, linear(3, 1)))
    np.testing.assert_array_equal(net.parameters["prelu1.s"], np.broadcast_to(slopes, 3))
    z = affine(linear(4, 3), X)
    expected = affine(linear(3, 1), np.where(z > 0, z, slopes * z))
    np.testing.assert_allclose(net.predict(X), expected, rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_dtype_is_that_of_the_weights(dtype):
    net = cr.Network.from_torch(Sequential(linear(4, 3, dtype=dtype), RELU))
    assert net.dtype == net.fixed_dtype == dtype


def test_the_network_shares_no_memory_with_the_modules():
    given = linear(4, 1)
    before = given.weight.numpy().copy()
    cr.Network.from_torch(Sequential(given)).vector[:] = 0
    np.testing.assert_array_equal(given.weight.numpy(), before)


def test_the_loss_is_the_one_that_was_asked_for():
    stack = Sequential(linear(4, 3), module("Softmax", dim=1))
    assert cr.Network.from_torch(stack).loss is None
    net = cr.Network.from_torch(stack, loss="cross_entropy")
    cr.train(net, X, np.arange(40) % 3, epochs=1)
    with pytest.raises(ValueError, match="use 'softmax' for the last layer"):
        cr.Network.from_torch(Sequential(linear(4, 3)), loss="cross_entropy")


# ------------------------------------------------------------------ what is refused

MODULES = {
    "another module": ([linear(4, 3), module("Conv2d")], "Conv2d at position 1: it has no counter"),
    "another in a nested stack": (
        [linear(4, 3), Sequential(RELU, Sequential(module("LSTM")))],
        r"LSTM at position 1\.1\.0: it has no counterpart",
    ),
    "an activation of log-probabilities": ([linear(4, 3), module("LogSoftmax", dim=1)], "LogSoftm"),
    "an activation at the start": (
        [RELU, linear(4, 3)],
        "ReLU at position 0: an activation must directly follow a Linear, and here nothing is",
    ),
    "two activations": ([linear(4, 3), RELU, module("Tanh")], "Tanh at position 2: .* here ReLU"),
    "an activation behind dropout": ([linear(4, 3), DROPOUT, RELU], "position 2: .* here Dropout"),
    "an activation behind batch normalisation": (
        [linear(4, 3), batch_norm(3), RELU],
        "ReLU at position 2: .* here BatchNorm1d is before it .*fuse_linear_bn_eval",
    ),
    "layers that do not fit": (
        [linear(4, 3), RELU, linear(4, 2)],
        "Linear at position 2: it takes 4 features, and 3 come in",
    ),
    "statistics that do not fit": ([linear(4, 3), batch_norm(4)], "takes 4 features, and 3 come"),
    "softmax over the rows": ([linear(4, 3), module("Softmax", dim=0)], "1 or -1, not 0"),
    "softmax of one": (
        [linear(4, 1), module("Softmax", dim=1)],
        "Softmax at position 1: softmax needs at least 2 units",
    ),
    "a steep softplus": (
        [linear(4, 3), module("Softplus", beta=2, threshold=20)],
        "beta of 1 and a threshold of at least 20, not 2 and 20",
    ),
    "an early line": ([linear(4, 3), module("Softplus", beta=1, threshold=5)], "not 1 and 5"),
    "another approximation": (
        [linear(4, 3), module("GELU", approximate="sigmoid")],
        "'none' or 'tanh', not 'sigmoid'",
    ),
    "a flatten of rows": (
        [module("Flatten", start_dim=0, end_dim=-1), linear(4, 3)],
        "Flatten at position 0: .* not from 0 to -1",
    ),
    "all units dropped": ([module("Dropout", p=1.0), linear(4, 3)], r"rate .* must be in \[0, 1\)"),
    "no running statistics": (
        [batch_norm(4, running_mean=None, running_var=None)], "keeps no running statistics",
    ),
    "an average of all batches": ([batch_norm(4, momentum=None)], "averages all batches alike"),
    "statistics that stand still": ([batch_norm(4, momentum=0.0)], r"momentum .* in \(0, 1\]"),
    "no epsilon": ([layer_norm(4, eps=0.0)], "LayerNorm at position 0: epsilon .* positive"),
    "a normalised image": ([layer_norm(4, normalized_shape=(2, 2))], r"not \(2, 2\)"),
    "a slope without features": ([module("PReLU", weight=np.array([0.2]))], "must follow a Linear"),
    "half precision": ([linear(4, 3, dtype="float16")], "its weight must be float32 or float64"),
    "biases that do not fit": (
        [module("Linear", weight=drawn(3, 4), bias=drawn(4))],
        r"Linear at position 0: its bias must have the shape \(3\), not \(4,\)",
    ),
    "weights that are none": (
        [module("Linear", weight="w", bias=None)], "its weight cannot be read as an array",
    ),
    "nothing": ([], "the Sequential holds no Linear"),
    "nothing that tells the inputs": ([DROPOUT], "the Sequential holds no Linear"),
}  # fmt: skip


@pytest.mark.parametrize("case", MODULES)
def test_what_has_no_counterpart_is_refused_by_its_name_and_position(case):
    modules, message = MODULES[case]
    with pytest.raises(ValueError, match=message) as caught:
        cr.Network.from_torch(Sequential(*modules))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "given",
    [None, [linear(4, 3)], linear(4, 3), module("Model")],
    ids=["nothing", "a list", "a layer", "a model"],
)
def test_only_a_sequential_is_taken(given):
    with pytest.raises(ValueError, match=r"takes a torch\.nn\.Sequential, not"):
        cr.Network.from_torch(given)


# ------------------------------------------------------------------ PyTorch itself


@pytest.fixture(scope="module")
def torch():
    """Where it is installed; the stand-ins above run everywhere."""
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    return torch


STACKS = {
    "relu": lambda nn: [nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)],
    "relu6": lambda nn: [nn.Linear(4, 8), nn.ReLU6(), nn.Linear(8, 2)],
    "leaky_relu": lambda nn: [nn.Linear(4, 8), nn.LeakyReLU(0.2), nn.Linear(8, 2)],
    "elu": lambda nn: [nn.Linear(4, 8), nn.ELU(0.7), nn.Linear(8, 2)],
    "selu": lambda nn: [nn.Linear(4, 8), nn.SELU(), nn.AlphaDropout(0.1), nn.Linear(8, 2)],
    "gelu": lambda nn: [nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 2)],
    "gelu by tanh": lambda nn: [nn.Linear(4, 8), nn.GELU(approximate="tanh"), nn.Linear(8, 2)],
    "silu": lambda nn: [nn.Linear(4, 8), nn.SiLU(), nn.Linear(8, 2)],
    "mish": lambda nn: [nn.Linear(4, 8), nn.Mish(), nn.Linear(8, 2)],
    "sigmoid": lambda nn: [nn.Linear(4, 8), nn.Sigmoid(), nn.Linear(8, 2)],
    "hard sigmoid": lambda nn: [nn.Linear(4, 8), nn.Hardsigmoid(), nn.Linear(8, 2)],
    "tanh": lambda nn: [nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2)],
    "softsign": lambda nn: [nn.Linear(4, 8), nn.Softsign(), nn.Linear(8, 2)],
    "softplus": lambda nn: [nn.Linear(4, 8), nn.Softplus(), nn.Linear(8, 2)],
    "softmax": lambda nn: [nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3), nn.Softmax(dim=1)],
    "prelu": lambda nn: [nn.Linear(4, 8), nn.PReLU(), nn.Linear(8, 3), nn.PReLU(3)],
    "no bias": lambda nn: [nn.Linear(4, 8, bias=False), nn.ReLU(), nn.Linear(8, 2, bias=False)],
    "dropout": lambda nn: [nn.Dropout(0.2), nn.Linear(4, 8), nn.ReLU(), nn.Dropout(0.5),
                           nn.Linear(8, 2)],
    "batch norm": lambda nn: [nn.BatchNorm1d(4), nn.Linear(4, 8), nn.ReLU(), nn.BatchNorm1d(8),
                              nn.Linear(8, 2)],
    "plain batch norm": lambda nn: [nn.Linear(4, 8), nn.BatchNorm1d(8, affine=False),
                                    nn.Linear(8, 2)],
    "layer norm": lambda nn: [nn.LayerNorm(4), nn.Linear(4, 8), nn.LayerNorm(8, bias=False),
                              nn.Linear(8, 2), nn.LayerNorm(2, elementwise_affine=False)],
    "nested": lambda nn: [nn.Flatten(), nn.Sequential(nn.Linear(4, 8), nn.Identity()), nn.ReLU(),
                          nn.Sequential(nn.Sequential(nn.Linear(8, 2)))],
}  # fmt: skip


def trained(torch, name, dtype):
    """After a few steps, so that statistics and parameters are no longer what they began as."""
    model = torch.nn.Sequential(*STACKS[name](torch.nn)).to(dtype)
    x = torch.from_numpy(X).to(dtype)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    for _ in range(5):
        optimizer.zero_grad()
        (model(x) ** 2).mean().backward()
        optimizer.step()
    return model.eval(), x


@pytest.mark.parametrize(("dtype", "close"), [("float64", 1e-12), ("float32", 2e-5)])
@pytest.mark.parametrize("name", STACKS)
def test_a_network_predicts_what_pytorch_does(name, dtype, close, torch):
    model, x = trained(torch, name, getattr(torch, dtype))
    net = cr.Network.from_torch(model)
    assert net.dtype == dtype
    with torch.no_grad():
        expected = model(x).numpy()
    np.testing.assert_allclose(net.predict(x.numpy()), expected, rtol=close, atol=close)


def test_a_linear_that_pytorch_fused_with_its_normalisation_is_read(torch):
    """What the refusal of an activation behind a normalisation points to."""
    nn = torch.nn
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU()).double()
    model(torch.from_numpy(X))
    model.eval()
    with pytest.raises(ValueError, match=r"torch\.nn\.utils\.fusion\.fuse_linear_bn_eval"):
        cr.Network.from_torch(model)
    fused = nn.Sequential(nn.utils.fusion.fuse_linear_bn_eval(model[0], model[1]), model[2])
    net = cr.Network.from_torch(fused)
    with torch.no_grad():
        np.testing.assert_allclose(net.predict(X), model(torch.from_numpy(X)).numpy(), rtol=1e-10)


@pytest.mark.parametrize("case", ["bfloat16", "meta", "lazy", "parametrized"])
def test_weights_that_cannot_be_read_are_refused_by_position(case, torch):
    nn = torch.nn
    made = {
        "bfloat16": lambda: nn.Linear(4, 3).bfloat16(),
        "meta": lambda: nn.Linear(4, 3, device="meta"),
        "lazy": lambda: nn.LazyLinear(3),
        "parametrized": lambda: nn.utils.parametrizations.weight_norm(nn.Linear(4, 3)),
    }[case]()
    with pytest.raises(ValueError, match=r"Linear at position 0: its? .*") as caught:
        cr.Network.from_torch(nn.Sequential(made))
    assert "\n" not in str(caught.value)

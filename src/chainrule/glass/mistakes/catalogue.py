"""The catalogue of known mistakes, those of the seeds 000, 001 and 002 among them."""

import math
from collections.abc import Iterable
from typing import Any

from chainrule.glass.mistakes import where, wrong
from chainrule.glass.mistakes.entry import Mistake, register
from chainrule.glass.mistakes.rerun import Situation, activates

MOST_NEURONS = 8  # of a layer that are tried one by one
DECIMALS = range(1, 6)
#: What a reader may round before it is used, with the words for it.
QUANTITIES: dict[str, tuple[str, ...]] = {
    "z": ("z",), "a": ("a",), "delta": ("delta",), "z and a": ("z", "a"),
    "z, a, da and delta": ("z", "a", "da", "delta"),
}  # fmt: skip
HIDDEN_DELTA = "∂L/∂aⱼ = Σₖ Wⱼₖ δₖ, with the weights that the forward pass used"


def _neurons(at: Situation) -> Iterable[tuple[str, Any]]:
    behind = [i for i in at.program.instructions if where.backward(i, at)]
    widest = max(where.shape(i, "delta")[-1] for i in behind)
    return [(f"neuron {k + 1} alone", k) for k in range(min(widest, MOST_NEURONS))]


def _roundings(at: Situation) -> Iterable[tuple[str, Any]]:
    return [
        (f"{words} to {places} decimal{'s' if places > 1 else ''}", (words, places))
        for words in QUANTITIES for places in DECIMALS
    ]  # fmt: skip


# ------------------------------------------------------------------ the loss and its derivative

register(Mistake(
    "sign of y − ŷ",
    "the derivative of the loss has the wrong sign, as with y − ŷ in place of ŷ − y",
    "∂L/∂ŷ = ŷ − y for L = ½ (ŷ − y)², and δ = ŷ − y for the natural pairs",
    where.loss_slope, wrong.times(-1.0),
))  # fmt: skip
register(Mistake(
    "½ forgotten",
    "the loss is taken without its ½, so that it and all its derivatives are twice as large",
    "L = ½ (ŷ − y)² and ∂L/∂ŷ = ŷ − y",
    where.halved, wrong.times(2.0),
))  # fmt: skip
register(Mistake(
    "2 kept",
    "the derivative keeps the 2 of the square, which the ½ in front of the loss cancels",
    "∂L/∂ŷ = ½ · 2 (ŷ − y) = ŷ − y",
    where.halved_slope, wrong.times(2.0),
))  # fmt: skip
register(Mistake(
    "2 lost",
    "the derivative of the square is taken without its 2, though no ½ cancels it",
    "∂/∂ŷ Σ (y − ŷ)² = 2 (ŷ − y); without the 2 it belongs to ½ Σ (y − ŷ)², or is in the rate",
    where.doubled_slope, wrong.times(0.5),
))  # fmt: skip
register(Mistake(
    "logarithm to base 10 in the loss",
    "the loss is computed with logarithms to base 10",
    "the logarithm of a cross-entropy is the natural one, ln x = log₁₀ x · 2.302585",
    where.logarithmic, wrong.times(1 / math.log(10)),
))  # fmt: skip
register(Mistake(
    "logarithm to base 10 throughout",
    "loss and derivatives are those of logarithms to base 10, smaller by ln 10",
    "the logarithm of a cross-entropy is the natural one, whose derivative is 1/x",
    where.logarithmic_either, wrong.times(1 / math.log(10)),
))  # fmt: skip

# ------------------------------------------------------------------ forward

register(Mistake(
    "bias forgotten", "z is computed without the biases", "z = W·a + b",
    where.biased, wrong.bias_of(0.0),
))  # fmt: skip
register(Mistake(
    "bias of 1",
    "the biases are taken to be 1: it is the bias unit that is 1, and its weight is b",
    "z = W·a + b · 1", where.biased, wrong.bias_of(1.0),
))  # fmt: skip
register(Mistake(
    "W transposed forward", "z is computed with the transposed weights",
    "zⱼ = Σ over the inputs k of the weight from k to j times aₖ",
    where.forward_square, wrong.forward_transposed,
))  # fmt: skip
register(Mistake(
    "activation forgotten", "a is z itself: the activation function was left out", "a = f(z)",
    lambda i, at: activates(i), wrong.unactivated,
))  # fmt: skip

# ------------------------------------------------------------------ f′

register(Mistake(
    "σ′ missing", "delta is taken without the derivative of the activation",
    "δ = ∂L/∂a ⊙ f′(z)", lambda i, at: where.slope(i, at) or where.jacobian(i, at),
    wrong.slope_times(0),
))  # fmt: skip
register(Mistake(
    "σ′ twice", "the derivative of the activation is multiplied in twice",
    "δ = ∂L/∂a ⊙ f′(z), with one f′ (none is left in δ = ŷ − y of a natural pair)",
    where.slope, wrong.slope_times(2),
))  # fmt: skip
register(Mistake(
    "σ′ again in dW",
    "the gradient has another f′ beside that in delta, as if z were f(W·a)",
    "z = W·a + b, so ∂z/∂W = a, and dW is δ times a without another f′",
    where.sloped_gradients, wrong.slope_again,
))  # fmt: skip
register(Mistake(
    "σ′(a)", "the derivative of the activation is taken at a in place of z",
    "f′ belongs to z: f′(z) = a (1 − a) for σ, 1 − a² for tanh",
    where.curved, wrong.slope_at_a,
))  # fmt: skip
register(Mistake(
    "σ′ with z for a", "the formula of f′ in a was given z",
    "f′(z) = a (1 − a) for σ and 1 − a² for tanh, with a = f(z)",
    where.written_in_a, wrong.slope_from_z,
))  # fmt: skip
register(Mistake(
    "softmax as elementwise",
    "softmax is differentiated as if each output had its own z: its Jacobian is not diagonal",
    "δⱼ = aⱼ (daⱼ − Σₖ aₖ daₖ), which is ŷ − y with cross-entropy",
    where.jacobian, wrong.diagonal,
))  # fmt: skip

# ------------------------------------------------------------------ back through the weights

register(Mistake(
    "updated weights", "delta went back through weights that were updated already",
    f"{HIDDEN_DELTA}: all gradients come first, then the update",
    where.backward, wrong.back_through(wrong.updated_weights), again=True,
))  # fmt: skip
register(Mistake(
    "old weights", "delta went back through the weights of the iteration before",
    HIDDEN_DELTA, where.backward, wrong.back_through(wrong.old_weights),
))  # fmt: skip
register(Mistake(
    "W transposed backward", "delta went back through W where its transpose is meant",
    HIDDEN_DELTA, where.backward_square, wrong.back_through(wrong.transposed_weights),
))  # fmt: skip
register(Mistake(
    "W left out backward", "delta went back without the weights", HIDDEN_DELTA,
    where.backward, wrong.back_through(wrong.no_weights),
))  # fmt: skip
register(Mistake(
    "no sum over k", "delta came back from a single neuron of the next layer",
    f"{HIDDEN_DELTA}: all neurons of the next layer add to it",
    where.backward_of_several, wrong.one_neuron, variants=_neurons,
))  # fmt: skip

# ------------------------------------------------------------------ the gradient and the update

register(Mistake(
    "sign of the gradient", "the gradient has the wrong sign", "dW = aᵀ·δ, db = Σ δ",
    where.gradients, wrong.times(-1.0),
))  # fmt: skip
register(Mistake(
    "z for a in dW",
    "the gradient is taken with what goes into the activation before, not with what comes out",
    "dW = aᵀ·δ, with the a that W is multiplied with",
    where.weights_behind_an_activation, wrong.z_for_a,
))  # fmt: skip
register(Mistake(
    "1/m missing", "the gradient is summed over the examples where the loss is their mean",
    "dW = 1/m Σ over the examples of aᵀ·δ", where.mean_gradient, wrong.over_rows(1),
))  # fmt: skip
register(Mistake(
    "1/m twice", "the gradient is divided by the number of examples once too often",
    "1/m enters once: where the mean of the examples' gradients is taken, or not at all for a sum",
    where.batch_gradient, wrong.over_rows(-1),
))  # fmt: skip
register(Mistake(
    "1/m in delta",
    "delta holds 1/m already: it is the derivative of the mean loss, the gradient comes out right",
    "here δ is that of each example, and 1/m enters where the gradient is taken",
    where.mean_slope, wrong.delta_of_the_mean,
))  # fmt: skip
register(Mistake(
    "loss summed", "the losses of the examples are summed where their mean is meant",
    "L = 1/m Σ over the examples",
    lambda i, at: where.batch_loss(i, at) and at.mean, wrong.over_rows(1),
))  # fmt: skip
register(Mistake(
    "loss averaged", "the losses of the examples are averaged where their sum is meant",
    "L = Σ over the examples",
    lambda i, at: where.batch_loss(i, at) and not at.mean, wrong.over_rows(-1),
))  # fmt: skip
register(Mistake(
    "uphill", "the step was added in place of subtracted", "W − η dW: against the gradient",
    where.update, wrong.uphill,
))  # fmt: skip
register(Mistake(
    "η forgotten", "the whole gradient was subtracted, without the learning rate", "W − η dW",
    where.descent, wrong.whole_gradient,
))  # fmt: skip

# ------------------------------------------------------------------ reading and rounding

register(Mistake(
    "row for column",
    "this is the number at the other place: rows and columns were exchanged",
    "here W[i, j] is the weight from input i to neuron j, counted from 0",
    lambda i, at: where.update(i, at), exchanges=True,
))  # fmt: skip
EARLY = register(Mistake(
    "rounded too early", "values were rounded before they were used",
    "keep all digits until the end, or at least two more than you write",
    lambda i, at: where.update(i, at), variants=_roundings,
    rounds=lambda variant: dict.fromkeys(QUANTITIES[variant[0]], variant[1]),
))  # fmt: skip

"""PyTorch, eager, with the fused Adam: the loop that its tutorials teach, without a data loader."""

import time
from collections.abc import Iterator

import torch
from torch import nn
from torch.nn import functional

from benchmarks.opponents.base import Opponent, Run
from benchmarks.works import LEARNING_RATE, Work

ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh}


class Player(Opponent):
    """``torch.nn`` on tensors that are loaded already, indexed batch by batch."""

    def setup(self, work: Work, threads: int | None) -> None:
        torch.set_num_threads(threads or 1)
        self.threads = torch.get_num_threads()
        self._work = work
        X, y = work.data()
        if work.loss == "binary_cross_entropy":
            y = y.astype("float32").reshape(-1, 1)
        self._X, self._y = torch.from_numpy(X), torch.from_numpy(y)
        self._loss = {
            "binary_cross_entropy": functional.binary_cross_entropy_with_logits,
            "cross_entropy": functional.cross_entropy,
            "mse": lambda a, y: 0.5 * functional.mse_loss(a, y, reduction="sum") / len(a),
        }[work.loss]

    def _model(self) -> nn.Sequential:
        layers: list[nn.Module] = []
        for W, b in self._work.weights():
            dense = nn.Linear(*W.shape)
            with torch.no_grad():
                dense.weight.copy_(torch.from_numpy(W).T)
                dense.bias.copy_(torch.from_numpy(b))
            layers += [dense, ACTIVATIONS[self._work.hidden]()]
        return nn.Sequential(*layers[:-1])

    def _batches(self, shuffled: bool) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        size = self._work.batch
        if not shuffled:
            yield from zip(self._X.split(size), self._y.split(size), strict=True)
            return
        for rows in torch.randperm(len(self._X)).split(size):
            yield self._X[rows], self._y[rows]

    def run(self, epochs: int, *, shuffled: bool) -> Run:
        model, compare, losses = self._model(), self._loss, []
        optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, fused=True)
        start = time.perf_counter()
        for _ in range(epochs):
            total = torch.zeros(())
            for X, y in self._batches(shuffled):
                loss = compare(model(X), y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                total += loss.detach()
            losses.append(total.item() / self._work.steps)
        return Run(time.perf_counter() - start, losses)

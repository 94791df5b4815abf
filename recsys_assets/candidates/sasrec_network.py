"""SASRec's network, its training and its file; only what names the source imports this module: PyTorch is an extra."""

import json
import math
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from scipy.special import logsumexp
from torch import Tensor, nn
from torch.nn import functional

from recsys_assets.candidates.history import FloatArray
from recsys_assets.settings import SasrecConfig
from recsys_assets.torch_extra import seeded_torch

WEIGHTS_FILE = "weights.safetensors"
DESCRIPTION_FILE = "model.json"
BATCH = 32  # of parts of up to max_length steps; with more, small data has too few steps to leave the first plateau
JUDGED_AT = 10
PADDING = 0  # items are 1 ... n in the network


class SasrecNetwork(nn.Module):
    """A causal transformer over a user's last items; what it says at a place is compared with every item's embedding.

    Source: Kang & McAuley, "Self-attentive sequential recommendation", 2018, with layers normalised before attention.
    """

    def __init__(self, n_items: int, max_length: int, dimensions: int, blocks: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.items = nn.Embedding(n_items + 1, dimensions, padding_idx=PADDING)
        self.places = nn.Embedding(max_length, dimensions)
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(Block(dimensions, heads, dropout) for _ in range(blocks))
        self.norm = nn.LayerNorm(dimensions)
        with torch.no_grad():
            for embedding in (self.items, self.places):
                embedding.weight.normal_(std=0.02)
            self.items.weight[PADDING] = 0

    def forward(self, sequences: Tensor) -> Tensor:
        """(n, length) items, padded on the left -> (n, length, dimensions): what to expect after each place."""
        length = sequences.shape[1]
        is_padding = sequences == PADDING
        places = torch.arange(self.places.num_embeddings - length, self.places.num_embeddings)
        states = self.dropout(self.items(sequences) * self.items.embedding_dim**0.5 + self.places(places))
        hidden = torch.ones(length, length, dtype=torch.bool).triu(1) | is_padding[:, None, :]
        hidden = hidden & ~torch.eye(length, dtype=torch.bool)  # a place sees at least itself, or softmax has nothing
        for block in self.blocks:
            states = block(states, ~hidden[:, None])
        return self.norm(states)


class Block(nn.Module):
    """Self-attention and two dense layers, each added to what it read."""

    def __init__(self, dimensions: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm, self.dense_norm = nn.LayerNorm(dimensions), nn.LayerNorm(dimensions)
        self.project, self.merge = nn.Linear(dimensions, 3 * dimensions), nn.Linear(dimensions, dimensions)
        self.dense = nn.Sequential(
            nn.Linear(dimensions, 4 * dimensions), nn.GELU(), nn.Dropout(dropout), nn.Linear(4 * dimensions, dimensions)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, states: Tensor, visible: Tensor) -> Tensor:
        """`states`: (n, length, dimensions); `visible`: (n, 1, length, length), True where a place may look."""
        n, length, dimensions = states.shape
        parts = self.project(self.attention_norm(states)).view(n, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        attended = functional.scaled_dot_product_attention(parts[0], parts[1], parts[2], attn_mask=visible)
        states = states + self.dropout(self.merge(attended.transpose(1, 2).reshape(n, length, dimensions)))
        return states + self.dropout(self.dense(self.dense_norm(states)))


@dataclass(frozen=True)
class SasrecModel:
    """A trained network, and the ids of its items in the order of their embeddings."""

    network: SasrecNetwork
    sizes: dict[str, float]
    item_ids: NDArray[np.str_]

    def score(self, sequences: Sequence[NDArray[np.int64]]) -> FloatArray:
        """Sequences of item positions (from 0), oldest first -> n x n_items; a user without items gets zeros."""
        with torch.inference_mode():
            padded = pad(sequences, self.network.places.num_embeddings)
            scores = self.network(padded)[:, -1] @ self.network.items.weight[1:].T
            scores[(padded == PADDING).all(dim=1)] = 0
        return np.asarray(scores.numpy(), np.float32)

    def save(self, folder: Path) -> None:
        """Write `weights.safetensors` and `model.json` (sizes, item ids) into `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        save_file(self.network.state_dict(), folder / WEIGHTS_FILE)
        described = {"sizes": self.sizes, "items": self.item_ids.tolist()}
        (folder / DESCRIPTION_FILE).write_text(json.dumps(described), "utf-8")


def load_sasrec(folder: Path) -> SasrecModel:
    """The model that `SasrecModel.save` wrote into `folder`."""
    described = json.loads((folder / DESCRIPTION_FILE).read_text("utf-8"))
    network = SasrecNetwork(**described["sizes"])
    network.load_state_dict(load_file(folder / WEIGHTS_FILE))
    return SasrecModel(network.eval(), described["sizes"], np.array(described["items"], np.str_))


def train_sasrec(
    sequences: Sequence[NDArray[np.int64]],
    wanted: Sequence[NDArray[np.bool_]],
    item_ids: NDArray[np.str_],
    settings: SasrecConfig,
    seed: int,
) -> SasrecModel:
    """Learn what comes next in each sequence.

    First without each user's last wanted item, which tells after how many epochs to stop (NDCG at 10, ranked among all
    items that she did not have); then anew on everything, for that many epochs.

    Args:
        sequences: one a user, item positions (from 0), oldest first, at least two long.
        wanted: for each of them, which places are worth predicting.
        item_ids: ids by position.
        settings: sizes and rates.
        seed: of weights, order, dropout and the sampled softmax.
    """
    last = [int(np.flatnonzero(of)[-1]) for of in wanted]
    judged = [(sequence[:end], int(sequence[end])) for sequence, end in zip(sequences, last, strict=True) if end > 0]
    shorter = [(sequence[:end], of[:end]) for sequence, of, end in zip(sequences, wanted, last, strict=True) if end > 1]
    epochs = settings.max_epochs
    if shorter and any(of[1:].any() for _, of in shorter):
        _, epochs = _fit(shorter, item_ids, settings, seed, settings.max_epochs, judged)
    return _fit(list(zip(sequences, wanted, strict=True)), item_ids, settings, seed, epochs, [])[0]


def _fit(
    rows: Sequence[tuple[NDArray[np.int64], NDArray[np.bool_]]],
    item_ids: NDArray[np.str_],
    settings: SasrecConfig,
    seed: int,
    epochs: int,
    judged: Sequence[tuple[NDArray[np.int64], int]],
) -> tuple[SasrecModel, int]:
    """The network after its best epoch on `judged`, or after all `epochs` where that is empty; and that epoch."""
    n_items, length = len(item_ids), settings.max_length
    sizes = {"n_items": n_items, "max_length": length} | settings.model_dump(
        include={"dimensions", "blocks", "heads", "dropout"}
    )
    parts = [part for row in rows for part in _split(*row, length)]
    inputs = pad([sequence[:-1] for sequence, _ in parts], length)
    targets = pad([np.where(of[1:], sequence[1:], -1) for sequence, of in parts], length)
    with seeded_torch(seed) as generator:
        network = SasrecNetwork(**sizes)
        model = SasrecModel(network, sizes, item_ids)
        optimizer = torch.optim.AdamW(network.parameters(), settings.learning_rate, weight_decay=0.01)
        best, best_ndcg, best_state = epochs, -1.0, None
        moved, best_likelihood = 0, -math.inf
        for epoch in range(1, epochs + 1):
            network.train()
            for batch in torch.randperm(len(parts), generator=generator).split(BATCH):
                optimizer.zero_grad()
                loss = _loss(network, inputs[batch], targets[batch], settings.softmax_items, generator)
                if loss is not None:
                    loss.backward()
                    optimizer.step()
            network.eval()
            if not judged:
                continue
            ndcg, likelihood = _judge(model, judged)
            if ndcg > best_ndcg:
                best, best_ndcg, best_state, moved = epoch, ndcg, deepcopy(network.state_dict()), epoch
            if likelihood > best_likelihood:  # it still moves where the NDCG stays on a plateau
                best_likelihood, moved = likelihood, epoch
            if epoch - moved >= settings.patience:
                break
        if best_state is not None:
            network.load_state_dict(best_state)
    return model, best


def _split(
    sequence: NDArray[np.int64], wanted: NDArray[np.bool_], length: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.bool_]]]:
    """A long sequence in parts of `length` steps, from its end; the last item of a part is the first of the next."""
    for end in range(len(sequence), 1, -length):
        start = max(0, end - length - 1)
        if wanted[start + 1 : end].any():
            yield sequence[start:end], wanted[start:end]


def _loss(
    network: SasrecNetwork, inputs: Tensor, targets: Tensor, softmax_items: int, generator: torch.Generator
) -> Tensor | None:
    """Cross-entropy of the wanted next items, over all items or, where they are many, over a sample of them.

    The sampled items' part of the denominator is scaled to that of all: Bengio & Senécal, "Quick training of
    probabilistic neural nets by importance sampling", 2003, with uniform draws.
    """
    is_wanted = targets != PADDING
    if not is_wanted.any():
        return None
    states, wanted = network(inputs)[is_wanted], targets[is_wanted]
    n_items = network.items.num_embeddings - 1
    if n_items <= softmax_items:
        return functional.cross_entropy(states @ network.items.weight[1:].T, wanted - 1)
    drawn = torch.randint(1, n_items + 1, (softmax_items,), generator=generator)
    others = states @ network.items(drawn).T + math.log(n_items / softmax_items)
    others = others.masked_fill(drawn == wanted[:, None], -math.inf)
    own = (states * network.items(wanted)).sum(dim=1, keepdim=True)
    return functional.cross_entropy(torch.cat([own, others], dim=1), torch.zeros_like(wanted))


def _judge(model: SasrecModel, judged: Sequence[tuple[NDArray[np.int64], int]]) -> tuple[float, float]:
    """Mean NDCG at 10 and log-likelihood of the one held-out item, among all items that the user did not have."""
    ndcg, likelihood = 0.0, 0.0
    for start in range(0, len(judged), 1024):
        part = judged[start : start + 1024]
        scores = model.score([sequence for sequence, _ in part])
        for row, (sequence, _) in enumerate(part):
            scores[row, sequence] = -np.inf
        own = scores[np.arange(len(part)), [item for _, item in part]]
        better = (scores > own[:, None]).sum(axis=1)
        ndcg += float(np.where(better < JUDGED_AT, 1 / np.log2(better + 2), 0).sum())
        likelihood += float((own - logsumexp(scores, axis=1)).sum())
    return ndcg / len(judged), likelihood / len(judged)


def pad(sequences: Sequence[NDArray[np.int64]], length: int) -> Tensor:
    """(n, length) int64: the last `length` of each sequence + 1, with PADDING on the left."""
    padded = np.full((len(sequences), length), PADDING, np.int64)
    for row, sequence in enumerate(sequences):
        kept = sequence[-length:]
        if len(kept):
            padded[row, -len(kept) :] = kept + 1
    return torch.from_numpy(padded)

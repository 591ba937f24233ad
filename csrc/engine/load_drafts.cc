#include "engine/load_drafts.h"

#include <array>
#include <cstring>

#include "io/checkpoint_error.h"
#include "io/safetensors.h"

namespace mime_fast {
namespace {

[[noreturn]] void fail(const std::string& path, const std::string& problem) {
  throw CheckpointError(path + ": " + problem + "; make it again: mime-fast draft");
}

const TensorView& take(const SafeTensors& file, const std::string& path, const char* name,
                       Dtype dtype, std::size_t dimensions) {
  const TensorView& view = file.at(name);
  if (view.dtype != dtype || view.shape.size() != dimensions) {
    fail(path, std::string(name) + " must be " + dtype_name(dtype) + " of " +
                   std::to_string(dimensions) + " dimensions");
  }
  return view;
}

template <typename T>
T read(const TensorView& view, std::int64_t index) {
  T value;
  std::memcpy(&value, view.data + index * static_cast<std::int64_t>(sizeof value), sizeof value);
  return value;
}

void check_word(const std::string& path, std::int32_t word, std::int32_t least,
                std::int64_t vocab) {
  if (word < least || word >= vocab) {
    fail(path, "it holds word " + std::to_string(word) + ", and the vocabulary has " +
                   std::to_string(vocab));
  }
}

}  // namespace

DraftTable load_drafts(const std::string& path, std::int64_t vocab) {
  const SafeTensors file(path);
  const TensorView& contexts = take(file, path, "contexts", Dtype::kI32, 2);
  const TensorView& words = take(file, path, "words", Dtype::kI32, 1);
  const TensorView& confidences = take(file, path, "confidences", Dtype::kF32, 1);
  const std::int64_t entries = words.shape[0];
  if (contexts.shape[0] != entries || contexts.shape[1] != kDraftContext ||
      confidences.shape[0] != entries) {
    fail(path, "contexts must be (entries, 4), words and confidences (entries,)");
  }
  DraftTable table(static_cast<std::size_t>(entries));
  for (std::int64_t i = 0; i < entries; ++i) {
    std::array<std::int32_t, kDraftContext> context;
    for (std::int64_t j = 0; j < kDraftContext; ++j) {
      const auto word = read<std::int32_t>(contexts, i * kDraftContext + j);
      check_word(path, word, kNoWord, vocab);
      context[static_cast<std::size_t>(j)] = word;
    }
    const auto word = read<std::int32_t>(words, i);
    check_word(path, word, 0, vocab);
    const auto confidence = read<float>(confidences, i);
    if (!(confidence > 0 && confidence <= 1)) fail(path, "a confidence is not in (0, 1]");
    table.add(context.data(), {word, confidence});
  }
  return table;
}

}  // namespace mime_fast

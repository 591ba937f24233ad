#include "engine/vocabulary.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <type_traits>

namespace mime_fast {

namespace {

// Words between two looks for an interrupt: with 300 inputs 150 million multiply-adds, some
// milliseconds. A multiple of a vector.
std::int64_t words_per_check(std::int64_t rows) {
  constexpr std::int64_t kLogits = 512 * 1024;
  return cpu::padded(kLogits / std::max<std::int64_t>(rows, 1) + 1);
}

// To the nearest, ties to even.
std::uint16_t to_bfloat16(float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return static_cast<std::uint16_t>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

}  // namespace

Vocabulary::Vocabulary(const std::vector<float>& weight, const std::vector<float>& bias,
                       std::int64_t dim, bool bfloat16)
    : words_(static_cast<std::int64_t>(bias.size())),
      dim_(dim),
      stride_(cpu::padded(dim)),
      bias_(cpu::padded(words_)) {
  std::fill_n(bias_.data(), bias_.size(), -std::numeric_limits<float>::infinity());
  std::copy(bias.begin(), bias.end(), bias_.data());
  if (bfloat16) {
    store_half(weight);
    return;
  }
  weight_ = Buffer<float>(padded_words() * stride_, Pages::huge);
  for (std::int64_t word = 0; word < words_; ++word) {
    std::copy_n(weight.data() + word * dim, dim, weight_.data() + word * stride_);
  }
}

void Vocabulary::store_half(const std::vector<float>& weight) {
  half_ = Buffer<std::uint16_t>(padded_words() * stride_, Pages::huge);
  for (std::int64_t word = 0; word < words_; ++word) {
    const float* row = weight.data() + word * dim_;
    std::transform(row, row + dim_, half_.data() + word * stride_, to_bfloat16);
  }
}

void Vocabulary::project(const cpu::Kernels& kernels, Team& team, const Rows& hidden,
                         const Rows& logits) const {
  const std::int64_t slab = words_per_check(hidden.count);
  team.split(padded_words(), cpu::kLanes, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t first = begin; first < end; first += slab) {
      team.check();
      project_words(kernels, first, std::min(first + slab, end), hidden, logits);
    }
  });
}

void Vocabulary::project_words(const cpu::Kernels& kernels, std::int64_t begin, std::int64_t end,
                               const Rows& hidden, const Rows& logits) const {
  const auto dots = [&](const auto* weights) {
    return cpu::RowDots<std::decay_t<decltype(*weights)>>{weights,     bias_.data(), stride_,
                                                          hidden.data, hidden.count, begin,
                                                          end,         logits.data,  logits.stride};
  };
  if (half_.size() > 0) {
    kernels.half_row_dots(dots(half_.data()));
  } else {
    kernels.row_dots(dots(weight_.data()));
  }
}

}  // namespace mime_fast

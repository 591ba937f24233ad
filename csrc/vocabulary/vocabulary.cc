#include "vocabulary/vocabulary.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <type_traits>

namespace mime_fast {

namespace {

// Logits between two interrupt checks: with 300 inputs 150 million multiply-adds, some
// milliseconds.
constexpr std::int64_t kLogits = 512 * 1024;
// The logits of each row begin in another page, which the system clears first: 1 ms for these rows.
constexpr std::int64_t kRows = 512;
constexpr std::int64_t kWords = 64;  // that one thread stores at a time, or a multiple

// Rounds to the nearest bfloat16, ties to even.
std::uint16_t to_bfloat16(float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return static_cast<std::uint16_t>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

}  // namespace

Vocabulary::Vocabulary(const std::vector<float>& bias, std::int64_t dim)
    : words_(static_cast<std::int64_t>(bias.size())),
      dim_(dim),
      stride_(cpu::padded(dim)),
      bias_(cpu::padded(words_)) {
  std::fill_n(bias_.data(), bias_.size(), -std::numeric_limits<float>::infinity());
  std::copy(bias.begin(), bias.end(), bias_.data());
}

Vocabulary::Vocabulary(const std::vector<float>& weight, const std::vector<float>& bias,
                       std::int64_t dim, bool bfloat16, Team& team)
    : Vocabulary(bias, dim) {
  const auto copy_row = [&](std::int64_t word, float* out) {
    std::copy_n(weight.data() + word * dim_, dim_, out);
  };
  store(copy_row, bfloat16, team);
}

Vocabulary::Vocabulary(const Int8Weights& weight, const std::vector<float>& bias, Format format,
                       Team& team)
    : Vocabulary(bias, weight.columns) {
  const auto copy_row = [&](std::int64_t word, float* out) { weight.copy_row(word, out); };
  if (format == Format::int8) {
    store_int8(weight, team);
  } else {
    store(copy_row, format == Format::bfloat16, team);
  }
}

template <typename CopyRow>
void Vocabulary::store(const CopyRow& copy_row, bool bfloat16, Team& team) {
  if (bfloat16) return store_half(copy_row, team);
  weight_ = Buffer<float>::uninitialised(padded_words() * stride_, Pages::huge);
  team.split(words_, kWords, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t word = begin; word < end; ++word) {
      team.check();
      float* const out = weight_.data() + word * stride_;
      copy_row(word, out);
      std::fill(out + dim_, out + stride_, 0.0F);
    }
  });
  std::fill(weight_.data() + words_ * stride_, weight_.data() + weight_.size(), 0.0F);
}

template <typename CopyRow>
void Vocabulary::store_half(const CopyRow& copy_row, Team& team) {
  half_ = Buffer<std::uint16_t>(padded_words() * stride_, Pages::huge);
  team.split(words_, kWords, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> row(static_cast<std::size_t>(dim_));
    for (std::int64_t word = begin; word < end; ++word) {
      team.check();
      copy_row(word, row.data());
      std::transform(row.begin(), row.end(), half_.data() + word * stride_, to_bfloat16);
    }
  });
}

void Vocabulary::store_int8(const Int8Weights& weight, Team& team) {
  int8_ = Buffer<std::int8_t>::uninitialised(padded_words() * stride_, Pages::huge);
  scale_ = Buffer<float>(padded_words());
  std::copy(weight.scale.begin(), weight.scale.end(), scale_.data());
  team.split(words_, kWords, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t word = begin; word < end; ++word) {
      team.check();
      std::int8_t* const out = int8_.data() + word * stride_;
      std::copy_n(weight.values.data() + word * dim_, dim_, out);
      std::fill(out + dim_, out + stride_, std::int8_t{0});
    }
  });
  std::fill(int8_.data() + words_ * stride_, int8_.data() + int8_.size(), std::int8_t{0});
}

void Vocabulary::project(const cpu::Kernels& kernels, Team& team, const RowView& hidden,
                         const RowView& logits) const {
  const std::int64_t slab = cpu::padded(kLogits / std::clamp<std::int64_t>(hidden.count, 1, kRows));
  team.split(padded_words(), cpu::kLanes, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t first = begin; first < end; first += slab) {
      for (std::int64_t row = 0; row < hidden.count; row += kRows) {
        team.check();
        const std::int64_t last_row = std::min(row + kRows, hidden.count);
        project_words(kernels, first, std::min(first + slab, end), hidden.cut(row, last_row),
                      logits.cut(row, last_row));
      }
    }
  });
}

void Vocabulary::project_words(const cpu::Kernels& kernels, std::int64_t begin, std::int64_t end,
                               const ConstRowView& hidden, const RowView& logits) const {
  const auto dots = [&](const auto* weights) {
    return cpu::RowDots<std::decay_t<decltype(*weights)>>{.w = weights,
                                                          .scale = scale_.data(),
                                                          .bias = bias_.data(),
                                                          .inner = stride_,
                                                          .x = hidden.data,
                                                          .rows = hidden.count,
                                                          .first_word = begin,
                                                          .last_word = end,
                                                          .y = logits.data,
                                                          .y_stride = logits.stride};
  };
  if (half_.size() > 0) {
    kernels.half_row_dots(dots(half_.data()));
  } else if (int8_.size() > 0) {
    kernels.int8_row_dots(dots(int8_.data()));
  } else {
    kernels.row_dots(dots(weight_.data()));
  }
}

void Vocabulary::project_gathered(const cpu::Kernels& kernels, const float* hidden,
                                  const std::int32_t* ids, std::int64_t count,
                                  float* logits) const {
  const auto dots = [&](const auto* weights) {
    return cpu::GatheredDots<std::decay_t<decltype(*weights)>>{.w = weights,
                                                               .scale = scale_.data(),
                                                               .bias = bias_.data(),
                                                               .inner = stride_,
                                                               .x = hidden,
                                                               .ids = ids,
                                                               .count = count,
                                                               .y = logits};
  };
  if (int8_.size() > 0) {
    kernels.int8_gathered_dots(dots(int8_.data()));
  } else {
    kernels.gathered_dots(dots(weight_.data()));
  }
}

}  // namespace mime_fast

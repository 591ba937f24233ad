#include "engine/vocabulary.h"

#include <algorithm>
#include <limits>

namespace mime_fast {

Vocabulary::Vocabulary(const std::vector<float>& weight, const std::vector<float>& bias,
                       std::int64_t dim)
    : words_(static_cast<std::int64_t>(bias.size())),
      dim_(dim),
      stride_(cpu::round_up(dim, cpu::kLanes)),
      weight_(cpu::round_up(words_, cpu::kLanes) * stride_),
      bias_(cpu::round_up(words_, cpu::kLanes)) {
  for (std::int64_t word = 0; word < words_; ++word) {
    std::copy_n(weight.data() + word * dim, dim, weight_.data() + word * stride_);
  }
  std::fill_n(bias_.data(), bias_.size(), -std::numeric_limits<float>::infinity());
  std::copy(bias.begin(), bias.end(), bias_.data());
}

void Vocabulary::project(const cpu::Kernels& kernels, Team& team, const Rows& hidden,
                         const Rows& logits) const {
  team.split(padded_words(), cpu::kLanes, [&](std::int64_t begin, std::int64_t end) {
    kernels.row_dots({weight_.data(), bias_.data(), stride_, hidden.data, hidden.count, begin, end,
                      logits.data, logits.stride});
  });
}

}  // namespace mime_fast

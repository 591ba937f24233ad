#pragma once

#include <cstdint>
#include <vector>

#include "cpu/kernels.h"
#include "layers/int8_matrix.h"
#include "layers/matrix.h"
#include "runtime/buffer.h"
#include "runtime/thread_pool.h"

namespace mime_fast {

// The projection onto the vocabulary, 96% of a step's work, with weights in float32 or bfloat16,
// which has half the size and 8 significant bits.
class Vocabulary {
 public:
  Vocabulary() = default;
  // weight  // (words, dim)
  // bias    // (words,)
  Vocabulary(const std::vector<float>& weight, const std::vector<float>& bias, std::int64_t dim,
             bool bfloat16, Team& team);
  Vocabulary(const Int8Weights& weight, const std::vector<float>& bias, bool bfloat16, Team& team);

  std::int64_t words() const { return words_; }
  std::int64_t dim() const { return dim_; }
  std::int64_t padded_words() const { return bias_.size(); }
  std::int64_t stride() const { return stride_; }  // floats of a word's padded weights
  // The following need float32 weights.
  const float* weight(std::int64_t word) const { return weight_.data() + word * stride_; }
  const float* weights() const { return weight_.data(); }
  const float* bias() const { return bias_.data(); }  // (padded_words,), -inf behind the last word

  // hidden (rows, dim) -> logits (rows, padded_words); -inf behind the last word.
  void project(const cpu::Kernels& kernels, Team& team, const RowView& hidden,
               const RowView& logits) const;

 private:
  void project_words(const cpu::Kernels& kernels, std::int64_t begin, std::int64_t end,
                     const RowView& hidden, const RowView& logits) const;
  Vocabulary(const std::vector<float>& bias, std::int64_t dim);
  // copy_row(word, out): writes the dim weights of a word.
  template <typename CopyRow>
  void store(const CopyRow& copy_row, bool bfloat16, Team& team);
  template <typename CopyRow>
  void store_half(const CopyRow& copy_row, Team& team);

  std::int64_t words_ = 0;
  std::int64_t dim_ = 0;
  std::int64_t stride_ = 0;
  Buffer<float> weight_;        // (padded_words, stride), or else
  Buffer<std::uint16_t> half_;  // (padded_words, stride)
  Buffer<float> bias_;          // (padded_words,)
};

}  // namespace mime_fast

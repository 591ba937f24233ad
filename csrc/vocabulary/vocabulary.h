#pragma once

#include <cstdint>
#include <vector>

#include "cpu/kernels.h"
#include "layers/int8_matrix.h"
#include "layers/matrix.h"
#include "runtime/buffer.h"
#include "runtime/thread_pool.h"

namespace mime_fast {

// The projection onto the vocabulary. Weights are in float32, in bfloat16, which has half the size
// and 8 significant bits, or in int8 as a checkpoint stores them, widened to float32 at each use.
class Vocabulary {
 public:
  Vocabulary() = default;
  // weight  // (words, dim)
  // bias    // (words,)
  Vocabulary(const std::vector<float>& weight, const std::vector<float>& bias, std::int64_t dim,
             bool bfloat16, Team& team);
  enum class Format { float32, bfloat16, int8 };
  Vocabulary(const Int8Weights& weight, const std::vector<float>& bias, Format format, Team& team);

  std::int64_t words() const { return words_; }
  std::int64_t dim() const { return dim_; }
  std::int64_t padded_words() const { return bias_.size(); }
  std::int64_t stride() const { return stride_; }  // floats of a word's padded weights
  // Needs weights in float32.
  const float* weight(std::int64_t word) const { return weight_.data() + word * stride_; }
  const float* bias() const { return bias_.data(); }  // (padded_words,), -inf behind the last word

  // hidden (rows, dim) -> logits (rows, padded_words); -inf behind the last word.
  void project(const cpu::Kernels& kernels, Team& team, const RowView& hidden,
               const RowView& logits) const;
  // The same for words from `begin` up to `end`, multiples of 16, on this thread.
  void project_words(const cpu::Kernels& kernels, std::int64_t begin, std::int64_t end,
                     const ConstRowView& hidden, const RowView& logits) const;
  // Writes the logits of some words, which are those of `project`. The weights must not be in
  // bfloat16.
  //   hidden  // (dim,) padded
  void project_gathered(const cpu::Kernels& kernels, const float* hidden, const std::int32_t* ids,
                        std::int64_t count, float* logits) const;

 private:
  Vocabulary(const std::vector<float>& bias, std::int64_t dim);
  // copy_row(word, out): writes the dim weights of a word.
  template <typename CopyRow>
  void store(const CopyRow& copy_row, bool bfloat16, Team& team);
  template <typename CopyRow>
  void store_half(const CopyRow& copy_row, Team& team);
  void store_int8(const Int8Weights& weight, Team& team);

  std::int64_t words_ = 0;
  std::int64_t dim_ = 0;
  std::int64_t stride_ = 0;
  Buffer<float> weight_;        // (padded_words, stride), or else
  Buffer<std::uint16_t> half_;  // (padded_words, stride), or else
  Buffer<std::int8_t> int8_;    // (padded_words, stride)
  Buffer<float> scale_;         // (padded_words,) of int8
  Buffer<float> bias_;          // (padded_words,)
};

}  // namespace mime_fast

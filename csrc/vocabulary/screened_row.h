#pragma once

#include <cstdint>
#include <vector>

#include "search/scores.h"
#include "vocabulary/quantized_vocabulary.h"

namespace mime_fast {

// The screened scores of one row's next token, each within its bound of the float32 logit. It also
// has the float32 logits of the words that are gathered from them.
class ScreenedRow {
 public:
  // Buffers of a thread, for one row at a time.
  struct Scratch {
    explicit Scratch(std::int64_t padded_words);
    Buffer<std::int32_t> ids;  // (padded_words,) the words that were gathered last
    Buffer<float> logits;      // (padded_words,) and their float32 logits
    Buffer<float> weights;     // (padded_words,) screened weights of all words
  };

  ScreenedRow(const Vocabulary& vocabulary, const cpu::Kernels& kernels)
      : vocabulary_(&vocabulary), kernels_(&kernels) {}

  // hidden  // (dim,)
  // scores  // (padded_words,), changed by constrain
  void reset(const float* hidden, float* scores, const cpu::ScreenBound& bound);
  // Sets the buffers of all functions below but constrain.
  void use(Scratch& scratch) { scratch_ = &scratch; }

  // Blocked and penalised words get the score kNever. Throws std::invalid_argument if a penalised
  // logit is infinite.
  void constrain(const Constraint& constraint);

  // Returns a score that at least k words have.
  float kth_score(std::int64_t k);
  // Returns about the largest logit; kNever if all words are blocked.
  float largest();
  // Gathers the words whose logit may be at least `threshold`, and computes their logits. Returns
  // their number.
  std::int64_t gather(float threshold);
  // Computes the logits of the first `count` ids in the scratch.
  void compute_gathered(std::int64_t count);
  // Computes the constrained logits of all words into the scratch.
  float* compute_all();

  const Vocabulary& vocabulary() const { return *vocabulary_; }
  const cpu::Kernels& kernels() const { return *kernels_; }
  const float* scores() const { return scores_; }
  const cpu::ScreenBound& bound() const { return bound_; }
  // The float32 logits of penalised words.
  const std::vector<TokenLogit>& penalised() const { return penalised_; }
  Scratch& scratch() { return *scratch_; }

 private:
  void compute_logits(const std::int32_t* ids, std::int64_t count, float* logits) const;

  const Vocabulary* vocabulary_;
  const cpu::Kernels* kernels_;
  Scratch* scratch_ = nullptr;
  const float* hidden_ = nullptr;
  float* scores_ = nullptr;
  cpu::ScreenBound bound_{};
  std::vector<TokenLogit> penalised_;
};

}  // namespace mime_fast

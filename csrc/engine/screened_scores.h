#pragma once

#include <cstdint>
#include <vector>

#include "engine/screened_vocabulary.h"
#include "search/scores.h"

namespace mime_fast {

// One row's next word, screened in int8: what is handed out is computed in float32, the same floats
// as without screening. Only log_normaliser() is not: see there.
class ScreenedScores final : public RowScores {
 public:
  // Buffers of one row at a time; of one thread.
  struct Scratch {
    explicit Scratch(std::int64_t padded_words);
    Buffer<std::int32_t> ids;  // (padded_words,) what was gathered last
    Buffer<float> exact;       // (padded_words,) and their logits
    Buffer<float> weights;     // (padded_words,) of all words
  };

  ScreenedScores(const Vocabulary& vocabulary, const cpu::Kernels& kernels)
      : vocabulary_(&vocabulary), kernels_(&kernels) {}

  // hidden  // (dim,)
  // scores  // (padded_words,), will be overwritten
  void reset(const float* hidden, float* scores, const cpu::ScreenBound& bound);
  // What prepare() works in.
  void use(Scratch& scratch) { scratch_ = &scratch; }

  std::int64_t vocab() const override { return vocabulary_->words(); }
  void constrain(const Constraint& constraint) override;
  void prepare(const Needs& needs) override;
  const float* logits() const override;

 private:
  void find_best(std::int64_t k);
  // Words of weight are computed in float32. Of the others the screened scores are taken: their
  // errors are the rounding errors of different words' weights, and cancel. `error` is six standard
  // deviations of what is left, at most 1e-4. Scores that are too coarse for that are not used:
  // then it is float32's.
  void find_normaliser();
  Normaliser exact_normaliser();
  // No more than the k-th best score.
  float least_best(std::int64_t k);
  // The float32 logits of the ids that were gathered.
  void rescore(std::int64_t count);
  float logit(std::int32_t id) const;
  float largest();

  const Vocabulary* vocabulary_;
  const cpu::Kernels* kernels_;
  Scratch* scratch_ = nullptr;

  const float* hidden_ = nullptr;
  float* scores_ = nullptr;
  cpu::ScreenBound bound_{};
  std::vector<Candidate> penalised_;  // float32 logits with their penalty; not in scores_ any more
};

}  // namespace mime_fast

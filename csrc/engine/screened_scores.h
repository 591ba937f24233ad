#pragma once

#include <cstdint>
#include <vector>

#include "engine/screened_vocabulary.h"
#include "search/scores.h"

namespace mime_fast {

// One row's next word, screened in int8: what is handed out is computed in float32, the same floats
// as without screening. Only log_normaliser() is not: see there.
class ScreenedScores : public RowScores {
 public:
  ScreenedScores(const Vocabulary& vocabulary, const cpu::Kernels& kernels, Buffer<float>& dense);

  // hidden  // (dim,)
  // scores  // (padded_words,), overwritten
  void reset(const float* hidden, float* scores, const cpu::ScreenBound& bound);

  void constrain(const Constraint& constraint) override;
  void best(std::int64_t k, std::vector<Candidate>& out) override;
  // Words of weight are computed in float32; of the others the screened scores are taken, whose
  // errors have no reason to be of one sign. `error` is the root of the sum of their squared
  // bounds.
  Normaliser log_normaliser() override;
  const float* logits() override;

 private:
  // The least that the k-th best logit can be.
  float threshold(std::int64_t k);
  float lower_bound(const Candidate& candidate) const;
  // The float32 logits of ids_, into exact_.
  void rescore(std::int64_t count);
  float largest();

  const Vocabulary& vocabulary_;
  const cpu::Kernels& kernels_;
  Buffer<float>& dense_;  // (padded_words,) shared: valid until another row's logits()

  const float* hidden_ = nullptr;
  float* scores_ = nullptr;
  cpu::ScreenBound bound_{};
  Constraint constraint_;
  std::vector<Candidate> penalised_;  // exact, with their penalty

  Buffer<std::int32_t> ids_;  // (padded_words,) what was gathered last
  Buffer<float> exact_;       // (padded_words,) and their logits
  Buffer<float> weights_;     // (padded_words,)
  std::vector<Candidate> top_;
};

}  // namespace mime_fast

#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "search/scores.h"
#include "vocabulary/screened_vocabulary.h"

namespace mime_fast {

// One row's next word, screened in int8: what is handed out is computed in float32, the same floats
// as without screening. Only sums over all words are not: see weigh().
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

  void constrain(const Constraint& constraint) override;
  void prepare(const Needs& needs) override;

 private:
  // What all words weigh: the sum of exp((logit - top) / temperature).
  struct Mass {
    float top;  // about the largest logit
    double total;
    double error;  // of total; 0: as exact as float32
    float max;     // of the logits that were computed in float32
  };

  void find_best(std::int64_t k);
  // Sorts and cuts; false if there are fewer.
  bool keep_best(std::int64_t k);
  void find_normaliser();
  void draw(const SamplingOptions& options);
  std::optional<Candidate> draw_from_screened(const SamplingOptions& options, double finer);
  Candidate draw_from_all(const SamplingOptions& options);

  // Words of weight are computed in float32. Of the others the screened scores are taken: their
  // errors are the rounding errors of different words' weights, and cancel. `error` is six standard
  // deviations of what is left, and what does not cancel, at most tolerance * total. Scores that
  // are too coarse for that are not used: then it is float32's. The total is 0 if only end-of-reply
  // is left. best_ becomes those words of which it is certain that no other is better. share: of
  // the total, down to which words are computed at first.
  Mass weigh(double temperature, double tolerance, double share);
  Mass weigh_exactly(double temperature);
  cpu::Tail with_gathered(cpu::Tail tail) const;
  // No more than the k-th best score; the best one for k = 1.
  float least_best(std::int64_t k);
  // Of `count` rescored and the penalised words, those above `least`. Returns the largest of all.
  float take_certain(std::int64_t count, float least);
  // The float32 logits of the ids that were gathered.
  void rescore(std::int64_t count);
  float logit(std::int32_t id) const;
  void compute_logits(const std::int32_t* ids, std::int64_t count, float* logits) const;
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

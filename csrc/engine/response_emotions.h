#pragma once

#include <cstdint>

#include "engine/emotions.h"
#include "engine/layers.h"

namespace mime_fast {

// Response-emotion sampling: the prior of both groups and their mixtures (Eq. 7-15).
class ResponseEmotions {
 public:
  ResponseEmotions() = default;
  ResponseEmotions(const Weights& weights, const ModelConfig& config);

  // query  // (dim,)
  // noise  // (2, latent), positive group first
  // positive, negative  // (13,) and (19,), padded: the sampled distributions
  void sample(const cpu::Kernels& kernels, Team& team, float* query, const float* noise,
              float* positive, float* negative) const;

 private:
  void mix(const cpu::Kernels& kernels, const float* mean, const float* log_variance,
           const float* noise, const Matrix& mixture, std::int64_t emotions, float* out) const;

  std::int64_t latent_ = 0;
  bool shared_log_variance_ = false;
  Matrix hidden_;
  Matrix gaussians_;  // means, then log-variances, positive group first; latent columns each
  Matrix positive_;
  Matrix negative_;
};

}  // namespace mime_fast

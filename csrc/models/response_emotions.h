#pragma once

#include <cstdint>

#include "layers/layers.h"
#include "models/emotions.h"
#include "models/mime_options.h"

namespace mime_fast {

// Response-emotion sampling: the prior of both groups and their mixtures (Eq. 7-15). Without
// grouping there is one mixture of all emotions, under the positive group's names.
class ResponseEmotions {
 public:
  ResponseEmotions() = default;
  ResponseEmotions(TensorReader& tensors, std::int64_t dim, const MimeOptions& options);

  // query  // (dim,)
  // noise  // (latents, latent), positive group first
  // positive, negative  // (13,) and (19,), padded: the sampled distributions, or each group's part
  //                        of the only one
  void sample(const cpu::Kernels& kernels, Team& team, const float* query, const float* noise,
              float* positive, float* negative) const;

 private:
  // log_variance: null to take the mean.
  void mix(const cpu::Kernels& kernels, const float* mean, const float* log_variance,
           const float* noise, const Matrix& mixture, std::int64_t emotions, float* out) const;

  std::int64_t latent_ = 0;
  bool grouping_ = true;
  bool stochastic_ = true;
  bool shared_log_variance_ = false;
  Matrix hidden_;
  Matrix gaussians_;  // means, then log-variances, positive group first; latent columns each
  Matrix positive_;
  Matrix negative_;
};

}  // namespace mime_fast

#include "engine/response_emotions.h"

#include <cmath>
#include <string>
#include <vector>

namespace mime_fast {

ResponseEmotions::ResponseEmotions(const Weights& weights, const ModelConfig& config)
    : latent_(config.latent_dim), shared_log_variance_(config.shared_log_variance) {
  const std::int64_t dim = config.hidden_dim;
  const std::string name = "response_emotions.";
  hidden_ = weights.linear(name + "prior_hidden", dim, dim);
  std::vector<const char*> parts = {"positive_mean", "negative_mean", "positive_log_variance"};
  if (!shared_log_variance_) parts.push_back("negative_log_variance");
  gaussians_ = Matrix(dim, static_cast<std::int64_t>(parts.size()) * latent_);
  std::int64_t column = 0;
  for (const char* part : parts) {
    weights.set_linear(gaussians_, name + "prior." + part, dim, latent_, column);
    column += latent_;
  }
  positive_ = weights.linear(name + "positive_mixture", latent_, kPositives);
  negative_ = weights.linear(name + "negative_mixture", latent_, kNegatives);
}

void ResponseEmotions::sample(const cpu::Kernels& kernels, Team& team, float* query,
                              const float* noise, float* positive, float* negative) const {
  Buffer<float> hidden(hidden_.stride());
  Buffer<float> latents(gaussians_.stride());
  hidden_.apply(kernels, team, {query, 1, 0}, {hidden.data(), 1, 0}, Matrix::Then::relu);
  gaussians_.apply(kernels, team, {hidden.data(), 1, 0}, {latents.data(), 1, 0});
  const float* mean = latents.data();
  const float* spread = mean + 2 * latent_;
  mix(kernels, mean, spread, noise, positive_, kPositives, positive);
  if (!shared_log_variance_) spread += latent_;
  mix(kernels, mean + latent_, spread, noise + latent_, negative_, kNegatives, negative);
}

void ResponseEmotions::mix(const cpu::Kernels& kernels, const float* mean,
                           const float* log_variance, const float* noise, const Matrix& mixture,
                           std::int64_t emotions, float* out) const {
  Buffer<float> drawn(latent_);
  for (std::int64_t i = 0; i < latent_; ++i) {
    // Without noise the mean is exact, whatever the variance.
    const float deviation = noise[i] == 0 ? 0 : std::exp(log_variance[i] / 2);
    drawn[i] = mean[i] + noise[i] * deviation;
  }
  mixture.apply(kernels, {drawn.data(), 1, 0}, {out, 1, 0});
  kernels.softmax(out, emotions);
}

}  // namespace mime_fast

#include "models/response_emotions.h"

#include <cmath>
#include <string>
#include <vector>

namespace mime_fast {

ResponseEmotions::ResponseEmotions(TensorReader& tensors, std::int64_t dim,
                                   const MimeOptions& options)
    : latent_(options.latent_dim),
      grouping_(options.grouping),
      stochastic_(options.stochastic),
      shared_log_variance_(options.shared_log_variance) {
  const std::string name = "response_emotions.";
  hidden_ = tensors.linear(name + "prior_hidden", dim, dim, Bias::own);
  std::vector<TensorReader::Part> parts;
  const auto add = [&](const char* part) { parts.push_back({name + "prior." + part, latent_}); };
  add("positive_mean");
  if (grouping_) add("negative_mean");
  if (stochastic_) add("positive_log_variance");
  if (stochastic_ && grouping_ && !shared_log_variance_) add("negative_log_variance");
  gaussians_ = tensors.linears(parts, dim, Bias::own);
  positive_ = tensors.linear(name + "positive_mixture", latent_, grouping_ ? kPositives : kEmotions,
                             Bias::own);
  if (grouping_) {
    negative_ = tensors.linear(name + "negative_mixture", latent_, kNegatives, Bias::own);
  }
  if (stochastic_) tensors.ignore(name + "posterior");
}

void ResponseEmotions::sample(const cpu::Kernels& kernels, Team& team, const float* query,
                              const float* noise, float* positive, float* negative) const {
  Buffer<float> hidden(hidden_.stride());
  Buffer<float> latents(gaussians_.stride());
  hidden_.apply(kernels, team, {query, 1, 0}, {hidden.data(), 1, 0}, Matrix::Then::relu);
  gaussians_.apply(kernels, team, {hidden.data(), 1, 0}, {latents.data(), 1, 0});
  const float* mean = latents.data();
  const float* spread = stochastic_ ? mean + (grouping_ ? 2 : 1) * latent_ : nullptr;
  if (!grouping_) {
    Buffer<float> shares(kEmotions);
    mix(kernels, mean, spread, noise, positive_, kEmotions, shares.data());
    return split_by_group(shares.data(), positive, negative);
  }
  mix(kernels, mean, spread, noise, positive_, kPositives, positive);
  if (stochastic_) {
    noise += latent_;
    if (!shared_log_variance_) spread += latent_;
  }
  mix(kernels, mean + latent_, spread, noise, negative_, kNegatives, negative);
}

void ResponseEmotions::mix(const cpu::Kernels& kernels, const float* mean,
                           const float* log_variance, const float* noise, const Matrix& mixture,
                           std::int64_t emotions, float* out) const {
  Buffer<float> drawn(latent_);
  for (std::int64_t i = 0; i < latent_; ++i) {
    // Without noise the mean is exact, whatever the variance.
    const bool is_drawn = log_variance != nullptr && noise[i] != 0;
    drawn[i] = is_drawn ? mean[i] + noise[i] * std::exp(log_variance[i] / 2) : mean[i];
  }
  mixture.apply(kernels, {drawn.data(), 1, 0}, {out, 1, 0});
  kernels.softmax(out, emotions);
}

}  // namespace mime_fast

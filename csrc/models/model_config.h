#pragma once

#include <cstdint>
#include <string>

namespace mime_fast {

constexpr std::int64_t kTaps = 3;  // of every convolution

// The shape of a model; mime_fast/config.py says what each field means and checks it.
struct ModelConfig {
  std::string architecture = "mime";
  std::int64_t vocab_size = 0;
  std::int64_t hidden_dim = 300;
  std::int64_t num_heads = 2;
  std::int64_t key_dim = 40;
  std::int64_t filter_dim = 50;
  std::int64_t num_layers = 1;
  std::int64_t max_positions = 1000;
  bool tie_embeddings = false;
  bool mean_query = false;

  std::int64_t latent_dim = 300;
  bool shared_log_variance = false;
  bool shared_response_encoder = true;
  bool mimicry = true;
  bool grouping = true;
  bool stochastic = true;
  bool share_emotion_embedding = true;
  std::int64_t top_listeners = 5;

  // Noise vectors that a request needs.
  std::int64_t latents() const {
    if (architecture != "mime" || !stochastic) return 0;
    return grouping ? 2 : 1;
  }
};

}  // namespace mime_fast

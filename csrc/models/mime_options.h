#pragma once

#include <cstdint>

namespace mime_fast {

// The options of MIME and its ablations, as in mime_fast/systems/mime.py.
struct MimeOptions {
  std::int64_t latent_dim = 300;
  bool shared_log_variance = false;
  bool shared_response_encoder = true;
  bool mimicry = true;
  bool grouping = true;
  bool stochastic = true;
  bool share_emotion_embedding = true;

  // Number of groups of emotions: positive and negative ones, or all in one.
  std::int64_t groups() const { return grouping ? 2 : 1; }
};

}  // namespace mime_fast

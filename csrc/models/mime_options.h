#pragma once

#include <cstdint>

#include "models/option_visitor.h"

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

  void visit(OptionVisitor& visitor) {
    visitor.number("latent_dim", latent_dim, kWidths);
    visitor.flag("shared_log_variance", shared_log_variance);
    visitor.flag("shared_response_encoder", shared_response_encoder);
    visitor.flag("mimicry", mimicry);
    visitor.flag("grouping", grouping);
    visitor.flag("stochastic", stochastic);
    visitor.flag("share_emotion_embedding", share_emotion_embedding);
  }
};

}  // namespace mime_fast

#pragma once

#include <cstdint>

#include "layers/decoder_shape.h"
#include "models/option_visitor.h"

namespace mime_fast {

// The options of mime-base, as in mime_fast/systems/mime_base.py.
struct MimeBaseOptions {
  std::int64_t context_vocab_size = 8;
  std::int64_t latent_dim = 300;
  std::int64_t refinement_filter_dim = 768;
  std::int64_t decoder_dim = 576;
  std::int64_t decoder_heads = 9;
  std::int64_t decoder_kv_heads = 3;
  std::int64_t decoder_filter_dim = 1536;
  std::int64_t decoder_layers = 4;
  std::int64_t intents = 16;

  void visit(OptionVisitor& visitor) {
    visitor.number("context_vocab_size", context_vocab_size, {8, kWidths.most});
    visitor.number("latent_dim", latent_dim, kWidths);
    visitor.number("refinement_filter_dim", refinement_filter_dim, kWidths);
    visitor.number("decoder_dim", decoder_dim, kWidths);
    visitor.number("decoder_heads", decoder_heads, kWidths);
    visitor.number("decoder_kv_heads", decoder_kv_heads, kWidths);
    visitor.number("decoder_filter_dim", decoder_filter_dim, kWidths);
    visitor.number("decoder_layers", decoder_layers, kLayers);
    visitor.number("intents", intents, {1, 1024});
  }

  // The feed-forward computes a gate and what it is multiplied by, side by side.
  DecoderShape decoder_shape() const {
    return {.dim = decoder_dim,
            .query_dim = decoder_dim,
            .kv_heads = decoder_kv_heads,
            .head_dim = decoder_dim / decoder_heads,
            .filter_dim = 2 * decoder_filter_dim,
            .layers = decoder_layers,
            .taps = 1};
  }
};

}  // namespace mime_fast

#pragma once

#include <cstdint>
#include <string>

#include "layers/stack_config.h"
#include "models/mime_base_options.h"
#include "models/mime_options.h"
#include "models/moel_options.h"
#include "models/option_visitor.h"

namespace mime_fast {

// The shape of a model; mime_fast/config/model.py explains each field and checks it.
struct ModelConfig : StackConfig {
  std::string architecture;  // the kArchitecture of a system
  std::int64_t vocab_size = 0;
  bool tie_embeddings = false;
  bool mean_query = false;
  MimeOptions mime;
  MoelOptions moel;
  MimeBaseOptions mime_base;

  // Visits the options that all systems have.
  void visit(OptionVisitor& visitor) {
    visitor.number("vocab_size", vocab_size, {8, kWidths.most});
    visitor.number("hidden_dim", hidden_dim, {4, kWidths.most});
    visitor.number("num_heads", num_heads, kWidths);
    visitor.number("key_dim", key_dim, kWidths);
    visitor.number("filter_dim", filter_dim, kWidths);
    visitor.number("num_layers", num_layers, kLayers);
    visitor.number("max_positions", max_positions, {2, 100'000});
    visitor.flag("tie_embeddings", tie_embeddings);
    visitor.flag("mean_query", mean_query);
  }
};

// Throws std::invalid_argument, which names both, unless one value is a multiple of the other.
void require_multiple(const char* name, std::int64_t value, const char* of, std::int64_t divisor);

}  // namespace mime_fast

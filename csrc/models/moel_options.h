#pragma once

#include <cstdint>

#include "models/emotions.h"
#include "models/option_visitor.h"

namespace mime_fast {

// The options of MoEL, as in mime_fast/systems/moel.py.
struct MoelOptions {
  std::int64_t top_listeners = 5;  // emotions whose listeners decode; 0: all

  void visit(OptionVisitor& visitor) {
    visitor.number("top_listeners", top_listeners, {0, kEmotions});
  }
};

}  // namespace mime_fast

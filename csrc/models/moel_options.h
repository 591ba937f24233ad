#pragma once

#include <cstdint>

namespace mime_fast {

// The options of MoEL, as in mime_fast/systems/moel.py.
struct MoelOptions {
  std::int64_t top_listeners = 5;  // emotions whose listeners decode; 0: all
};

}  // namespace mime_fast

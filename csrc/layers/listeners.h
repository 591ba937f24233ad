#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "layers/decoder_layer.h"

namespace mime_fast {

// Layers that decode the same words side by side (MoEL). Each row has some of them, and becomes
// the weighted sum of their outputs.
class Listeners {
 public:
  Listeners() = default;
  // Creates one layer for each name.
  Listeners(TensorReader& tensors, const std::vector<std::string>& names,
            const StackConfig& config);

  // Changes the state's x. Rows that have the same listener share one pass over its weights.
  void step(const cpu::Kernels& kernels, Team& team, DecodeState& state) const;

 private:
  // The order of a step's row caches: by listener, then by row.
  struct Plan {
    std::vector<std::int64_t> begins;   // (listeners + 1,) index of each listener's first row cache
    std::vector<std::int32_t> indices;  // row by row, the index of each of its listeners
  };
  Plan sort_row_caches(DecodeState& state) const;
  void run(const cpu::Kernels& kernels, const Team& team, DecodeState& state, const Plan& plan,
           std::int64_t begin, std::int64_t end) const;

  std::vector<DecoderLayer> layers_;
};

}  // namespace mime_fast

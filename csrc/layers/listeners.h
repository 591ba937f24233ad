#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "layers/decoder_layer.h"

namespace mime_fast {

// Layers that decode the same words side by side (MoEL): each row has some of them, and goes on as
// the weighted sum of what they make of it.
class Listeners {
 public:
  Listeners() = default;
  // One for each name.
  Listeners(Weights& weights, const std::vector<std::string>& names, const StackConfig& config);

  // Changes the state's x. Rows that have the same listener share one pass over its weights.
  void step(const cpu::Kernels& kernels, Team& team, DecodeState& state) const;

 private:
  // The lanes of a step, sorted by listener, each listener's by row.
  struct Plan {
    std::vector<std::int64_t> begins;    // (listeners + 1,) of each one's lanes
    std::vector<std::int32_t> lanes_of;  // of each row in turn, the lane of each of its listeners
  };
  Plan plan(DecodeState& state) const;
  void run(const cpu::Kernels& kernels, const Team& team, DecodeState& state, const Plan& plan,
           std::int64_t begin, std::int64_t end) const;

  std::vector<DecoderLayer> layers_;
};

}  // namespace mime_fast

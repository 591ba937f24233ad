#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "layers/decoder_layer.h"

namespace mime_fast {

// One token a row through layers one behind the other, and a final layer norm.
class Decoder {
 public:
  Decoder() = default;
  Decoder(TensorReader& tensors, const std::string& name, const StackConfig& config);

  // From the state's x to its hidden vectors.
  void step(const cpu::Kernels& kernels, Team& team, DecodeState& state) const;

 private:
  void step_rows(const cpu::Kernels& kernels, DecodeState& state, std::int64_t begin,
                 std::int64_t end) const;

  std::vector<DecoderLayer> layers_;
  LayerNorm norm_;
};

}  // namespace mime_fast

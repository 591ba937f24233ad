#pragma once

#include <cstdint>
#include <vector>

#include "layers/listeners.h"
#include "models/reply_model.h"

namespace mime_fast {

// Mixture of empathetic listeners (arXiv 1908.07687): a shared listener and one for each emotion,
// of which the likeliest emotions' speak, then the decoder's layers: the meta listener.
class Moel final : public ReplyModel {
 public:
  static constexpr const char* kArchitecture = "moel";

  Moel(Weights& weights, const ModelConfig& config, ComputeType compute_type,
       const cpu::Kernels& kernels, Team& team);

 private:
  void understand(Team& team, const Context& context, Encoded& encoded) const override;
  void decode(Team& team, DecodeState& state) const override;
  std::int64_t most_listeners() const override { return 1 + most_emotions_; }

  void weigh(const float* logits, float* weights) const;

  std::int64_t most_emotions_;  // that speak
  Matrix emotions_;             // dim -> 32
  Listeners listeners_;         // the shared one, then those of the emotions
  std::vector<Matrix> cross_;   // (layers + listeners,) context -> keys and values
};

}  // namespace mime_fast

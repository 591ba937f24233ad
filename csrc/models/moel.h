#pragma once

#include <cstdint>
#include <vector>

#include "layers/listeners.h"
#include "models/word_model.h"

namespace mime_fast {

// Mixture of empathetic listeners (arXiv 1908.07687). A shared listener and those of the likeliest
// emotions decode side by side; the decoder's layers, the meta listener, read their weighted sum.
class Moel final : public WordModel {
 public:
  static constexpr const char* kArchitecture = "moel";
  static void visit_options(ModelConfig& config, OptionVisitor& visitor) {
    config.moel.visit(visitor);
  }

  Moel(TensorReader& tensors, const ModelConfig& config, ComputeType compute_type,
       const cpu::Kernels& kernels, Team& team);

  bool reads_emotion() const override { return true; }  // it weights the listeners

 private:
  void compute_output(Team& team, const Context& context, EncoderOutput& output) const override;
  void decode(Team& team, DecodeState& state) const override;
  std::int64_t max_listeners() const override { return 1 + max_emotions_; }

  void compute_listener_weights(const float* logits, float* weights) const;

  std::int64_t max_emotions_;  // emotions whose listeners decode
  Matrix emotions_;            // dim -> 32
  Listeners listeners_;        // the shared one, then those of the emotions
  std::vector<Matrix> cross_;  // (layers + listeners,) context -> keys and values
};

}  // namespace mime_fast

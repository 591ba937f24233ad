#pragma once

#include <vector>

#include "models/word_model.h"

namespace mime_fast {

// A Transformer that also classifies the emotion; the reply does not depend on it.
class MultiTr final : public WordModel {
 public:
  static constexpr const char* kArchitecture = "multi_tr";

  MultiTr(TensorReader& tensors, const ModelConfig& config, ComputeType compute_type,
          const cpu::Kernels& kernels, Team& team);

 private:
  void compute_output(Team& team, const Context& context, EncoderOutput& output) const override;

  Matrix emotions_;            // dim -> 32
  std::vector<Matrix> cross_;  // (layers,) context -> keys and values
};

}  // namespace mime_fast

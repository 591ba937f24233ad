#pragma once

#include <vector>

#include "models/reply_model.h"

namespace mime_fast {

// A Transformer that also recognises the emotion, which the reply does not read.
class MultiTr final : public ReplyModel {
 public:
  static constexpr const char* kArchitecture = "multi_tr";

  MultiTr(Weights& weights, const ModelConfig& config, ComputeType compute_type,
          const cpu::Kernels& kernels, Team& team);

 private:
  void understand(Team& team, const Context& context, Encoded& encoded) const override;

  Matrix emotions_;            // dim -> 32
  std::vector<Matrix> cross_;  // (layers,) context -> keys and values
};

}  // namespace mime_fast

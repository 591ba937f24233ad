#include "models/multi_tr.h"

#include <string>

namespace mime_fast {

MultiTr::MultiTr(Weights& weights, const ModelConfig& config, ComputeType compute_type,
                 const cpu::Kernels& kernels, Team& team)
    : ReplyModel(weights, config, compute_type, kernels, team),
      emotions_(weights.linear("emotion_classifier", config.hidden_dim, kEmotions, Bias::none)) {
  for (const std::string& layer : decoder_layer_names()) {
    cross_.push_back(cross_attention_memory(weights, layer + ".cross_attention", config));
  }
}

void MultiTr::understand(Team& team, const Context& context, Encoded& encoded) const {
  recognise(emotions_, context, encoded);
  remember(team, cross_, context.states, encoded.memory);
}

}  // namespace mime_fast

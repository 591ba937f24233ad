#include "models/multi_tr.h"

#include <string>

namespace mime_fast {

MultiTr::MultiTr(TensorReader& tensors, const ModelConfig& config, ComputeType compute_type,
                 const cpu::Kernels& kernels, Team& team)
    : WordModel(tensors, config, compute_type, kernels, team),
      emotions_(tensors.linear("emotion_classifier", config.hidden_dim, kEmotions, Bias::none)) {
  for (const std::string& layer : decoder_layer_names()) {
    cross_.push_back(cross_attention_memory(tensors, layer + ".cross_attention", config));
  }
}

void MultiTr::compute_output(Team& team, const Context& context, EncoderOutput& output) const {
  classify_emotion(emotions_, context, output);
  project_cross_kv(team, cross_, context.states, output.memory);
}

}  // namespace mime_fast

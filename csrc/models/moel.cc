#include "models/moel.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <string>

namespace mime_fast {
namespace {

std::vector<std::string> listener_names() {
  std::vector<std::string> names{"decoder.shared_listener"};
  for (std::int64_t emotion = 0; emotion < kEmotions; ++emotion) {
    names.push_back("decoder.listeners." + std::to_string(emotion));
  }
  return names;
}

}  // namespace

Moel::Moel(TensorReader& tensors, const ModelConfig& config, ComputeType compute_type,
           const cpu::Kernels& kernels, Team& team)
    : WordModel(tensors, config, compute_type, kernels, team),
      max_emotions_(config.moel.top_listeners > 0 ? config.moel.top_listeners : kEmotions),
      emotions_(tensors.linear("emotion_classifier", config.hidden_dim, kEmotions, Bias::none)),
      listeners_(tensors, listener_names(), config) {
  std::vector<std::string> names = decoder_layer_names();
  for (const std::string& name : listener_names()) names.push_back(name);
  for (const std::string& name : names) {
    cross_.push_back(cross_attention_memory(tensors, name + ".cross_attention", config));
  }
}

// A listener of weight 0 does not decode. With a forced emotion only its listener decodes.
void Moel::compute_output(Team& team, const Context& context, EncoderOutput& output) const {
  classify_emotion(emotions_, context, output);
  std::array<float, kEmotions> weights{};
  if (context.emotion >= 0) {
    weights[static_cast<std::size_t>(context.emotion)] = 1;
  } else {
    compute_listener_weights(output.emotion_logits.data(), weights.data());
  }
  split_by_group(weights.data(), output.positive.data(), output.negative.data());
  std::vector<Listener>& listeners = output.memory.listeners;
  listeners.push_back({0, 1});
  for (std::int32_t emotion = 0; emotion < kEmotions; ++emotion) {
    const float weight = weights[static_cast<std::size_t>(emotion)];
    if (weight > 0) listeners.push_back({emotion + 1, weight});
  }
  project_cross_kv(team, cross_, context.states, output.memory);
}

// Computes a softmax over the likeliest emotions; of equal logits the lowest id comes first.
void Moel::compute_listener_weights(const float* logits, float* weights) const {
  std::array<std::int64_t, kEmotions> ids;
  std::iota(ids.begin(), ids.end(), 0);
  std::stable_sort(ids.begin(), ids.end(),
                   [&](std::int64_t a, std::int64_t b) { return logits[a] > logits[b]; });
  Buffer<float> best(kEmotions);
  for (std::int64_t i = 0; i < max_emotions_; ++i) {
    best[i] = logits[ids[static_cast<std::size_t>(i)]];
  }
  kernels_.softmax(best.data(), max_emotions_);
  for (std::int64_t i = 0; i < max_emotions_; ++i) {
    weights[ids[static_cast<std::size_t>(i)]] = best[i];
  }
}

void Moel::decode(Team& team, DecodeState& state) const {
  listeners_.step(kernels_, team, state);
  WordModel::decode(team, state);
}

}  // namespace mime_fast

#include <algorithm>
#include <cmath>

#include "engine/mime.h"

namespace mime_fast {

using cpu::padded;

Mime::Mime(const std::string& path, const ModelConfig& config, ComputeType compute_type,
           const cpu::Kernels& kernels, ThreadPool& pool)
    : config_(config),
      kernels_(kernels),
      stride_(padded(config.hidden_dim)),
      positions_(config.max_positions * stride_) {
  const Weights weights(path);
  Team team(pool);
  timing_signal(config.max_positions, config.hidden_dim, stride_, positions_.data());
  load_words(team, weights, compute_type == ComputeType::bfloat16);
  context_encoder_ = Encoder(weights, "context_encoder", config);
  response_emotions_ = ResponseEmotions(weights, config);
  load_response_encoder(weights, "response_encoder");
  if (!config.shared_response_encoder) {
    load_response_encoder(weights, "non_mimicking_response_encoder");
  }
  load_fusion(weights);
  decoder_ = Decoder(weights, "decoder", config);
  if (compute_type == ComputeType::int8) screened_ = ScreenedVocabulary(team, vocabulary_);
}

void Mime::load_words(Team& team, const Weights& weights, bool bfloat16) {
  const std::int64_t dim = config_.hidden_dim, vocab = config_.vocab_size;
  const std::vector<float> embedding = weights.take("embedding.weight", {vocab, dim});
  context_words_ = project_words(team, embedding, weights, "context_encoder.projection");
  reply_words_ = project_words(team, embedding, weights, "decoder.projection");
  const std::vector<float> bias = weights.take("output.bias", {vocab});
  vocabulary_ = config_.tie_embeddings
                    ? Vocabulary(embedding, bias, dim, bfloat16)
                    : Vocabulary(weights.take("output.weight", {vocab, dim}), bias, dim, bfloat16);

  emotion_table_ = weights.take("emotion_embedding.weight", {kEmotions, dim});
  const std::vector<float> classifier = weights.take("emotion_classifier.weight", {dim, dim});
  const std::vector<float> folded =
      multiply(emotion_table_.data(), kEmotions, classifier.data(), dim, dim);
  emotions_ = Matrix(dim, kEmotions);
  emotions_.set({folded.data(), kEmotions, dim, dim, 1}, 0, 0);
}

// sqrt(dim) E W for every word: (vocab, dim).
Buffer<float> Mime::project_words(Team& team, const std::vector<float>& embedding,
                                  const Weights& weights, const std::string& name) {
  const std::int64_t dim = config_.hidden_dim;
  Matrix projection(dim, dim);
  weights.set_linear(projection, name, dim, dim, 0,
                     static_cast<float>(std::sqrt(static_cast<double>(dim))));
  Buffer<float> words(config_.vocab_size * stride_, Pages::huge);
  team.split(config_.vocab_size, 64, [&](std::int64_t begin, std::int64_t end) {
    projection.apply(kernels_, {embedding.data() + begin * dim, end - begin, dim},
                     {words.data() + begin * stride_, end - begin, stride_});
  });
  return words;
}

void Mime::load_response_encoder(const Weights& weights, const std::string& name) {
  const std::int64_t dim = config_.hidden_dim;
  const std::vector<float> both = weights.take(name + ".projection.weight", {dim, 2 * dim});
  ResponseProjection projection{Matrix(dim, dim), Matrix(dim, dim)};
  projection.context.set({both.data(), dim, dim, 2 * dim, 1}, 0, 0);
  projection.emotion.set({both.data() + dim, dim, dim, 2 * dim, 1}, 0, 0);
  response_projections_.push_back(std::move(projection));
  response_encoders_.emplace_back(weights, name, config_);
}

void Mime::load_fusion(const Weights& weights) {
  const std::int64_t dim = config_.hidden_dim;
  const std::vector<float> gate = weights.take("fusion.gate.weight", {2 * dim, 2 * dim});
  const std::vector<float> gate_bias = weights.take("fusion.gate.bias", {2 * dim});
  gate_ = Matrix(2 * stride_, 2 * stride_);
  for (std::int64_t half = 0; half < 2; ++half) {
    set_both(gate_, gate.data() + half * dim * 2 * dim, dim, half * stride_);
    gate_.set_bias(gate_bias.data() + half * dim, dim, half * stride_);
  }
  const std::vector<float> output = weights.take("fusion.output.weight", {dim, 2 * dim});
  const std::vector<float> bias = weights.take("fusion.output.bias", {dim});
  const std::int64_t pairs = config_.num_layers * 2 * config_.key_dim;
  const bool fold = pairs * 2 * dim < dim * 2 * dim + pairs * dim;
  if (!fold) {
    fusion_ = Matrix(2 * stride_, dim);
    set_both(fusion_, output.data(), dim, 0);
    fusion_.set_bias(bias.data(), dim, 0);
  }
  for (std::int64_t layer = 0; layer < config_.num_layers; ++layer) {
    load_cross(weights, "decoder.layers." + std::to_string(layer) + ".cross_attention",
               fold ? output.data() : nullptr, bias.data());
  }
}

// fusion  // (dim, 2 * dim): what the keys and values are multiplied with; null: nothing
void Mime::load_cross(const Weights& weights, const std::string& name, const float* fusion,
                      const float* fusion_bias) {
  const std::int64_t dim = config_.hidden_dim, key_dim = config_.key_dim;
  Matrix cross(fusion != nullptr ? 2 * stride_ : dim, 2 * key_dim);
  std::int64_t column = 0;
  for (const char* part : {".key", ".value"}) {
    if (fusion == nullptr) {
      weights.set_linear(cross, name + part, dim, key_dim, column);
    } else {
      const std::vector<float> own = weights.take(name + part + ".weight", {key_dim, dim});
      set_both(cross, multiply(own.data(), key_dim, fusion, dim, 2 * dim).data(), key_dim, column);
      cross.set_bias(multiply(own.data(), key_dim, fusion_bias, dim, 1).data(), key_dim, column);
    }
    column += key_dim;
  }
  cross_.push_back(std::move(cross));
}

// A product of both refinements, each of which is padded on its own.
// weight  // (outputs, 2 * dim)
void Mime::set_both(Matrix& matrix, const float* weight, std::int64_t outputs,
                    std::int64_t first_output) const {
  const std::int64_t dim = config_.hidden_dim;
  for (std::int64_t half = 0; half < 2; ++half) {
    matrix.set({weight + half * dim, outputs, dim, 2 * dim, 1}, half * stride_, first_output);
  }
}

}  // namespace mime_fast

#include <stdexcept>
#include <utility>

#include "models/mime.h"

namespace mime_fast {

// Without groups there is nothing to mimic, and nothing that two groups could share.
void Mime::resolve(ModelConfig& config) {
  MimeOptions& options = config.mime;
  if (options.grouping) return;
  if (options.shared_log_variance || !options.shared_response_encoder) {
    throw std::invalid_argument(
        "grouping=false has one encoder and one log-variance; leave out shared_response_encoder "
        "and shared_log_variance");
  }
  options.mimicry = false;
}

Mime::Mime(TensorReader& tensors, const ModelConfig& config, ComputeType compute_type,
           const cpu::Kernels& kernels, Team& team)
    : WordModel(tensors, config, compute_type, kernels, team), refinements_(config.mime.groups()) {
  load_emotions(tensors);
  response_emotions_ = ResponseEmotions(tensors, config.hidden_dim, config.mime);
  load_response_encoder(tensors, "response_encoder");
  if (!config.mime.shared_response_encoder) {
    load_response_encoder(tensors, "non_mimicking_response_encoder");
  }
  load_fusion(tensors);
}

void Mime::load_emotions(TensorReader& tensors) {
  const std::int64_t dim = config_.hidden_dim;
  emotion_table_ = tensors.take("emotion_embedding.weight", {kEmotions, dim});
  const std::vector<float> classes = config_.mime.share_emotion_embedding
                                         ? emotion_table_
                                         : tensors.take("emotion_classes.weight", {kEmotions, dim});
  const std::vector<float> classifier = tensors.take("emotion_classifier.weight", {dim, dim});
  const std::vector<float> folded =
      multiply(classes.data(), kEmotions, classifier.data(), dim, dim);
  emotions_ = Matrix(dim, kEmotions);
  emotions_.set({.data = folded.data(), .outputs = kEmotions, .inputs = dim, .output_stride = dim},
                0, 0);
}

void Mime::load_response_encoder(TensorReader& tensors, const std::string& name) {
  const std::int64_t dim = config_.hidden_dim;
  const std::vector<float> both = tensors.take(name + ".projection.weight", {dim, 2 * dim});
  ResponseProjection projection{Matrix(dim, dim), Matrix(dim, dim)};
  const auto half = [&](const float* first) {
    return WeightBlock{.data = first, .outputs = dim, .inputs = dim, .output_stride = 2 * dim};
  };
  projection.context.set(half(both.data()), 0, 0);
  projection.emotion.set(half(both.data() + dim), 0, 0);
  response_projections_.push_back(std::move(projection));
  response_encoders_.emplace_back(tensors, name, config_);
}

void Mime::load_fusion(TensorReader& tensors) {
  const std::int64_t dim = config_.hidden_dim, width = refinements_ * dim;
  const std::vector<float> gate = tensors.take("fusion.gate.weight", {width, width});
  const std::vector<float> gate_bias = tensors.take("fusion.gate.bias", {width});
  gate_ = Matrix(refinements_ * stride_, refinements_ * stride_);
  for (std::int64_t part = 0; part < refinements_; ++part) {
    set_refined(gate_, gate.data() + part * dim * width, dim, part * stride_);
    gate_.set_bias(gate_bias.data() + part * dim, dim, part * stride_);
  }
  const std::vector<float> output = tensors.take("fusion.output.weight", {dim, width});
  const std::vector<float> bias = tensors.take("fusion.output.bias", {dim});
  const std::int64_t pairs = config_.num_layers * 2 * config_.key_dim;
  const bool fold = pairs * width < dim * width + pairs * dim;
  if (!fold) {
    fusion_ = Matrix(refinements_ * stride_, dim);
    set_refined(fusion_, output.data(), dim, 0);
    fusion_.set_bias(bias.data(), dim, 0);
  }
  for (const std::string& layer : decoder_layer_names()) {
    load_cross(tensors, layer + ".cross_attention", fold ? output.data() : nullptr, bias.data());
  }
}

// fusion  // (dim, refinements * dim): folded into keys and values; null: nothing is folded
void Mime::load_cross(TensorReader& tensors, const std::string& name, const float* fusion,
                      const float* fusion_bias) {
  if (fusion == nullptr) {
    cross_.push_back(cross_attention_memory(tensors, name, config_));
    return;
  }
  const std::int64_t dim = config_.hidden_dim, key_dim = config_.key_dim;
  Matrix cross(refinements_ * stride_, 2 * key_dim);
  std::int64_t column = 0;
  for (const char* part : {".key", ".value"}) {
    const std::vector<float> own = tensors.take(name + part + ".weight", {key_dim, dim});
    const std::vector<float> folded =
        multiply(own.data(), key_dim, fusion, dim, refinements_ * dim);
    set_refined(cross, folded.data(), key_dim, column);
    cross.set_bias(multiply(own.data(), key_dim, fusion_bias, dim, 1).data(), key_dim, column);
    column += key_dim;
  }
  cross_.push_back(std::move(cross));
}

// Sets a block of a matrix whose inputs are the refinements, each padded on its own.
// weight  // (outputs, refinements * dim)
void Mime::set_refined(Matrix& matrix, const float* weight, std::int64_t outputs,
                       std::int64_t first_output) const {
  const std::int64_t dim = config_.hidden_dim;
  for (std::int64_t part = 0; part < refinements_; ++part) {
    matrix.set({.data = weight + part * dim,
                .outputs = outputs,
                .inputs = dim,
                .output_stride = refinements_ * dim},
               part * stride_, first_output);
  }
}

}  // namespace mime_fast

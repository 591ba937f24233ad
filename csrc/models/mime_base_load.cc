#include "models/mime_base.h"

namespace mime_fast {

namespace {

constexpr float kEpsilon = 1e-5F;       // of the memory's layer norm
constexpr float kBertEpsilon = 1e-12F;  // of the embedding's

std::string layer_name(const char* stack, std::int64_t layer) {
  return std::string(stack) + ".layers." + std::to_string(layer);
}

Vocabulary::Format format_of(ComputeType compute_type) {
  switch (compute_type) {
    case ComputeType::float32:
      return Vocabulary::Format::float32;
    case ComputeType::bfloat16:
      return Vocabulary::Format::bfloat16;
    case ComputeType::int8:
      break;
  }
  return Vocabulary::Format::int8;
}

}  // namespace

// The heads of the encoder share its whole width.
void MimeBase::resolve(ModelConfig& config) {
  const MimeBaseOptions& options = config.mime_base;
  require_multiple("decoder_dim", options.decoder_dim, "twice decoder_heads",
                   2 * options.decoder_heads);
  require_multiple("decoder_heads", options.decoder_heads, "decoder_kv_heads",
                   options.decoder_kv_heads);
  require_multiple("hidden_dim", config.hidden_dim, "num_heads", config.num_heads);
  config.key_dim = config.hidden_dim;
}

MimeBase::MimeBase(TensorReader& tensors, const ModelConfig& config, ComputeType compute_type,
                   const cpu::Kernels& kernels, Team& team)
    : ReplyModel(config, config.mime_base.decoder_shape(), kernels),
      stride_(cpu::padded(config.hidden_dim)) {
  load_context_encoder(tensors);
  load_emotions(tensors);
  load_fusion(tensors);
  load_decoder(tensors, compute_type, team);
  for (const char* part : {"response_emotions.evidence", "response_emotions.posterior"}) {
    tensors.ignore(part);
  }
}

void MimeBase::load_context_encoder(TensorReader& tensors) {
  const std::int64_t dim = config_.hidden_dim;
  const std::string name = "context_encoder";
  context_words_ = tensors.take_int8(name + ".embedding.weight", context_vocab_size(), dim);
  positions_ = tensors.take_int8(name + ".positions.weight", config_.max_positions, dim).to_float();
  types_ = tensors.take_int8(name + ".types.weight", 2, dim).to_float();
  embedding_norm_ = StandardLayerNorm(tensors, name + ".norm", dim, kBertEpsilon);
  const BertShape shape{.dim = dim, .heads = config_.num_heads, .filter_dim = config_.filter_dim};
  for (std::int64_t i = 0; i < config_.num_layers; ++i) {
    context_layers_.emplace_back(tensors, layer_name("context_encoder", i), shape);
  }
}

void MimeBase::load_emotions(TensorReader& tensors) {
  const std::int64_t dim = config_.hidden_dim, latent = options().latent_dim;
  emotion_table_ = tensors.take_int8("emotion_embedding.weight", kEmotions, dim).to_float();
  const std::vector<float> classifier =
      tensors.take_int8("emotion_classifier.weight", dim, dim).to_float();
  const std::vector<float> folded =
      multiply(emotion_table_.data(), kEmotions, classifier.data(), dim, dim);
  emotions_ = Matrix(dim, kEmotions);
  emotions_.set({.data = folded.data(), .outputs = kEmotions, .inputs = dim, .output_stride = dim},
                0, 0);
  const std::string name = "response_emotions.";
  prior_hidden_ = tensors.int8_linears({{name + "prior_hidden", dim}}, dim, Bias::own);
  prior_ = tensors.int8_linears({{name + "prior", 4 * latent}}, dim, Bias::own);
  positive_ = tensors.int8_linears({{name + "positive_mixture", kPositives}}, latent, Bias::own);
  negative_ = tensors.int8_linears({{name + "negative_mixture", kNegatives}}, latent, Bias::own);
  intents_ = tensors.int8_linears({{"intent_classifier", options().intents}}, dim, Bias::own);
}

void MimeBase::load_fusion(TensorReader& tensors) {
  const std::int64_t dim = config_.hidden_dim;
  const Int8Weights input = tensors.take_int8("refinement_input.weight", dim, 2 * dim);
  const std::vector<float> bias = tensors.take("refinement_input.bias", {dim});
  refinement_context_ = Int8Matrix(dim, dim);
  refinement_context_.set(input, 0, 0);
  refinement_emotion_ = Int8Matrix(dim, dim);
  refinement_emotion_.set(input, dim, 0);
  refinement_emotion_.set_bias(bias.data(), dim, 0);
  const BertShape shape{
      .dim = dim, .heads = config_.num_heads, .filter_dim = options().refinement_filter_dim};
  refinement_.emplace_back(tensors, "refinement", shape);
  gate_ = tensors.int8_linears({{"fusion.gate", 2 * dim}}, 2 * dim, Bias::own);
  fusion_ = tensors.int8_linears({{"fusion.output", dim}}, 2 * dim, Bias::own);
  memory_norm_ = StandardLayerNorm(tensors, "memory_norm", dim, kEpsilon);
}

void MimeBase::load_decoder(TensorReader& tensors, ComputeType compute_type, Team& team) {
  const std::int64_t dim = config_.hidden_dim, width = shape_.dim, kv_dim = shape_.kv_dim();
  conditioning_ = tensors.int8_linears({{"conditioning", width}}, 3 * dim, Bias::own);
  intent_embedding_ = tensors.take_int8("intent_embedding.weight", options().intents, width);
  reply_words_ = tensors.take_int8("decoder.embedding.weight", config_.vocab_size, width);
  for (std::int64_t i = 0; i < shape_.layers; ++i) {
    const std::string name = layer_name("decoder", i);
    decoder_.emplace_back(tensors, name, shape_);
    cross_.push_back(tensors.int8_linears(
        {{name + ".cross_attention.key", kv_dim}, {name + ".cross_attention.value", kv_dim}}, dim,
        Bias::none));
  }
  // The layers have shown that the file holds weights of this width.
  rotation_ = Rotation(config_.max_positions, shape_.head_dim);
  decoder_norm_ = RmsNorm(tensors, "decoder.norm", width);
  const std::vector<float> bias(static_cast<std::size_t>(config_.vocab_size), 0.0F);
  vocabulary_ = Vocabulary(reply_words_, bias, format_of(compute_type), team);
  if (compute_type == ComputeType::int8) {
    quantized_ = QuantizedVocabulary(team, vocabulary_, reply_words_);
  }
}

}  // namespace mime_fast

#include "models/word_model.h"

#include <algorithm>
#include <cmath>
#include <memory>

namespace mime_fast {

using cpu::padded;

WordModel::WordModel(TensorReader& tensors, const ModelConfig& config, ComputeType compute_type,
                     const cpu::Kernels& kernels, Team& team)
    : ReplyModel(config, word_decoder_shape(config), kernels), stride_(padded(config.hidden_dim)) {
  load_words(team, tensors, compute_type == ComputeType::bfloat16);
  positions_ = Buffer<float>(config.max_positions * stride_);
  timing_signal(config.max_positions, config.hidden_dim, stride_, positions_.data());
  context_encoder_ = Encoder(tensors, "context_encoder", config);
  decoder_ = Decoder(tensors, "decoder", config);
  if (compute_type == ComputeType::int8) quantized_ = QuantizedVocabulary(team, vocabulary_);
}

void WordModel::load_words(Team& team, TensorReader& tensors, bool bfloat16) {
  const std::int64_t dim = config_.hidden_dim, vocab = config_.vocab_size;
  const auto embedding =
      std::make_shared<const std::vector<float>>(tensors.take("embedding.weight", {vocab, dim}));
  const auto scale = static_cast<float>(std::sqrt(static_cast<double>(dim)));
  const auto projected = [&](const char* name) {
    return ProjectedWords(embedding, vocab, tensors.linears({{name, dim, scale}}, dim, Bias::none));
  };
  context_words_ = projected("context_encoder.projection");
  reply_words_ = projected("decoder.projection");
  const std::vector<float> bias = tensors.take("output.bias", {vocab});
  vocabulary_ = config_.tie_embeddings ? Vocabulary(*embedding, bias, dim, bfloat16, team)
                                       : Vocabulary(tensors.take("output.weight", {vocab, dim}),
                                                    bias, dim, bfloat16, team);
}

EncoderOutput WordModel::encode(Team& team, const std::int64_t* tokens,
                                const std::int64_t* speakers, std::int64_t length,
                                const float* noise, std::int64_t emotion) const {
  EncoderScratch scratch(config_, length);
  Buffer<float> x(length * stride_), context(length * stride_);
  const RowView states{context.data(), length, stride_};
  context_encoder_.apply(kernels_, team, embed(tokens, speakers, x, length), scratch, states);
  EncoderOutput output;
  output.emotion_logits = Buffer<float>(kEmotions);
  output.positive = Buffer<float>(padded(kPositives));
  output.negative = Buffer<float>(padded(kNegatives));
  const Buffer<float> query = compute_query(states);
  compute_output(
      team,
      {.states = states, .scratch = scratch, .query = query, .noise = noise, .emotion = emotion},
      output);
  return output;
}

RowView WordModel::embed(const std::int64_t* tokens, const std::int64_t* speakers, Buffer<float>& x,
                         std::int64_t length) const {
  for (std::int64_t t = 0; t < length; ++t) {
    const float* word = context_words_.row(kernels_, tokens[t]);
    const float* speaker = context_words_.row(kernels_, speakers[t]);
    const float* position = positions_.data() + t * stride_;
    for (std::int64_t i = 0; i < stride_; ++i) {
      x[t * stride_ + i] = (word[i] + speaker[i]) + position[i];
    }
  }
  return {x.data(), length, stride_};
}

// Returns the state of the CLS position, or the mean of all states.
Buffer<float> WordModel::compute_query(const RowView& context) const {
  Buffer<float> query(stride_);
  const std::int64_t averaged = config_.mean_query ? context.count : 1;
  for (std::int64_t t = 0; t < averaged; ++t) {
    for (std::int64_t i = 0; i < stride_; ++i) query[i] += context.row(t)[i];
  }
  for (std::int64_t i = 0; i < stride_; ++i) query[i] /= static_cast<float>(averaged);
  return query;
}

std::vector<std::string> WordModel::decoder_layer_names() const {
  std::vector<std::string> names;
  for (std::int64_t layer = 0; layer < config_.num_layers; ++layer) {
    names.push_back("decoder.layers." + std::to_string(layer));
  }
  return names;
}

std::int64_t WordModel::classify_emotion(const Matrix& emotions, const Context& context,
                                         EncoderOutput& output) const {
  float* logits = output.emotion_logits.data();
  emotions.apply(kernels_, {context.query.data(), 1, 0}, {logits, 1, 0});
  return std::max_element(logits, logits + kEmotions) - logits;
}

void WordModel::project_cross_kv(Team& team, const std::vector<Matrix>& cross,
                                 const RowView& source, EncoderMemory& memory) const {
  reserve_cross_kv(source.count, memory);
  Buffer<float> buffer(memory.length * padded(2 * memory.key_dim));
  const RowView pairs{buffer.data(), memory.length, padded(2 * memory.key_dim)};
  for (std::int64_t cache = 0; cache < memory.caches(); ++cache) {
    cross[memory.layer_of(cache)].apply(kernels_, team, source, pairs);
    store_cross_kv(pairs, cache, memory);
  }
}

void WordModel::step(Team& team, const std::int32_t* tokens, DecodeState& state) const {
  state.begin_step(team.interrupt());
  const RowView x = state.x();
  for (std::int64_t row = 0; row < x.count; ++row) {
    const float* word = reply_words_.row(kernels_, tokens[row]);
    const float* position = positions_.data() + (state.position(row) - 1) * stride_;
    for (std::int64_t i = 0; i < stride_; ++i) x.row(row)[i] = word[i] + position[i];
  }
  decode(team, state);
}

}  // namespace mime_fast

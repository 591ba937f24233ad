#include "models/mime_base.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "search/special.h"

namespace mime_fast {

using cpu::padded;

namespace {

RowView row_of(Buffer<float>& buffer) { return {buffer.data(), 1, 0}; }
ConstRowView row_of(const Buffer<float>& buffer) { return {buffer.data(), 1, 0}; }

}  // namespace

NoiseShape MimeBase::noise() const {
  return {3, std::max(options().latent_dim, options().intents)};
}

EncoderOutput MimeBase::encode(Team& team, const std::int64_t* tokens, const std::int64_t* speakers,
                               std::int64_t length, const float* noise,
                               std::int64_t emotion) const {
  Buffer<float> x(length * stride_);
  const RowView states = embed(team, tokens, speakers, x, length);
  BertScratch scratch(
      {.dim = config_.hidden_dim, .heads = config_.num_heads, .filter_dim = config_.filter_dim},
      length);
  for (const BertLayer& layer : context_layers_) layer.apply(kernels_, team, states, scratch);

  EncoderOutput output;
  output.emotion_logits = Buffer<float>(kEmotions);
  output.positive = Buffer<float>(padded(kPositives));
  output.negative = Buffer<float>(padded(kNegatives));
  const Buffer<float> query = mean_of(states);
  float* const logits = output.emotion_logits.data();
  emotions_.apply(kernels_, row_of(query), {logits, 1, 0});
  const std::int64_t recognised = std::max_element(logits, logits + kEmotions) - logits;
  output.mimics_positive = is_positive(emotion < 0 ? recognised : emotion);
  draw_mixture(team, query, noise, output);

  const Emotions emotions = mix_emotion_vectors(output);
  Buffer<float> buffer(length * 2 * stride_);
  const RowView refined{buffer.data(), length, 2 * stride_};
  refine(team, states, emotions, refined);
  fuse(team, states, refined, output.memory);
  compute_conditioning(team, query, emotions, noise + 2 * this->noise().dim, output.memory);
  return output;
}

RowView MimeBase::embed(Team& team, const std::int64_t* tokens, const std::int64_t* speakers,
                        Buffer<float>& x, std::int64_t length) const {
  const std::int64_t dim = config_.hidden_dim;
  for (std::int64_t t = 0; t < length; ++t) {
    float* const out = x.data() + t * stride_;
    const float* const position = positions_.data() + t * dim;
    const float* const type = types_.data() + (speakers[t] == kSys ? dim : 0);
    context_words_.copy_row(tokens[t], out);
    for (std::int64_t i = 0; i < dim; ++i) out[i] = (out[i] + position[i]) + type[i];
  }
  const RowView states{x.data(), length, stride_};
  embedding_norm_.apply(kernels_, team, states);
  return states;
}

Buffer<float> MimeBase::mean_of(const RowView& states) const {
  Buffer<float> mean(stride_);
  for (std::int64_t t = 0; t < states.count; ++t) {
    for (std::int64_t i = 0; i < stride_; ++i) mean[i] += states.row(t)[i];
  }
  for (std::int64_t i = 0; i < stride_; ++i) mean[i] /= static_cast<float>(states.count);
  return mean;
}

// Draws the latent variable of each group, and computes its shares of emotions (Eq. 7-15).
void MimeBase::draw_mixture(Team& team, const Buffer<float>& query, const float* noise,
                            EncoderOutput& output) const {
  const std::int64_t latent = options().latent_dim;
  Buffer<float> hidden(prior_hidden_.stride()), moments(prior_.stride()), drawn(padded(latent));
  prior_hidden_.apply(kernels_, team, row_of(query), row_of(hidden), Int8Matrix::Then::relu);
  prior_.apply(kernels_, team, row_of(std::as_const(hidden)), row_of(moments));
  const auto mix = [&](const float* mean, const float* drawn_noise, const Int8Matrix& mixture,
                       std::int64_t emotions, float* out) {
    const float* const log_variance = mean + latent;
    for (std::int64_t i = 0; i < latent; ++i) {
      drawn[i] = mean[i] + drawn_noise[i] * std::exp(log_variance[i] / 2);
    }
    mixture.apply(kernels_, team, row_of(std::as_const(drawn)), {out, 1, 0});
    kernels_.softmax(out, emotions);
  };
  mix(moments.data(), noise, positive_, kPositives, output.positive.data());
  mix(moments.data() + 2 * latent, noise + this->noise().dim, negative_, kNegatives,
      output.negative.data());
}

// Computes the emotion vectors that refine the context, the mimicking one first (Eq. 16-18).
MimeBase::Emotions MimeBase::mix_emotion_vectors(const EncoderOutput& output) const {
  const std::int64_t dim = config_.hidden_dim;
  Emotions emotions{Buffer<float>(stride_), Buffer<float>(stride_)};
  mix_emotions(output.positive.data(), kPositive, kPositives, emotion_table_, dim,
               emotions.mimicked.data());
  mix_emotions(output.negative.data(), kNegative, kNegatives, emotion_table_, dim,
               emotions.opposed.data());
  if (!output.mimics_positive) std::swap(emotions.mimicked, emotions.opposed);
  return emotions;
}

// Refines the context with each emotion vector, side by side (Eq. 18-23).
void MimeBase::refine(Team& team, const RowView& states, const Emotions& emotions,
                      const RowView& refined) const {
  const std::int64_t length = states.count, dim = config_.hidden_dim;
  Buffer<float> projected(length * stride_), x(length * stride_), shift(stride_);
  const RowView context{projected.data(), length, stride_}, sum{x.data(), length, stride_};
  refinement_context_.apply(kernels_, team, states, context);
  BertScratch scratch(
      {.dim = dim, .heads = config_.num_heads, .filter_dim = options().refinement_filter_dim},
      length);
  std::int64_t column = 0;
  for (const Buffer<float>* emotion : {&emotions.mimicked, &emotions.opposed}) {
    refinement_emotion_.apply(kernels_, team, row_of(*emotion), row_of(shift));
    for (std::int64_t t = 0; t < length; ++t) {
      for (std::int64_t i = 0; i < dim; ++i) {
        sum.row(t)[i] = states.row(t)[i] + (context.row(t)[i] + shift[i]);
      }
    }
    refinement_.front().apply(kernels_, team, sum, scratch);
    // Both refinements lie next to each other without padding: the gate reads them as one row.
    for (std::int64_t t = 0; t < length; ++t) {
      std::copy_n(sum.row(t), dim, refined.row(t) + column);
    }
    column += dim;
  }
}

// Fuses the refinements with a gate (Eq. 24-27), adds the context, and computes the decoder's keys
// and values.
void MimeBase::fuse(Team& team, const RowView& states, const RowView& refined,
                    EncoderMemory& memory) const {
  const std::int64_t length = refined.count, dim = config_.hidden_dim;
  Buffer<float> gates(length * gate_.stride()), fused(length * stride_);
  const RowView gate_rows{gates.data(), length, gate_.stride()};
  const RowView source{fused.data(), length, stride_};
  gate_.apply(kernels_, team, refined, gate_rows);
  team.split(length, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = begin; t < end; ++t) {
      kernels_.gate(gate_rows.row(t), refined.row(t), gate_rows.stride, gate_rows.row(t));
    }
  });
  for (std::int64_t t = 0; t < length; ++t) std::copy_n(states.row(t), dim, source.row(t));
  fusion_.apply(kernels_, team, gate_rows, source, Int8Matrix::Then::add);
  memory_norm_.apply(kernels_, team, source);

  reserve_cross_kv(length, memory);
  Buffer<float> buffer(length * cross_.front().stride());
  const RowView pairs{buffer.data(), length, cross_.front().stride()};
  for (std::int64_t layer = 0; layer < shape_.layers; ++layer) {
    cross_[static_cast<std::size_t>(layer)].apply(kernels_, team, source, pairs);
    store_cross_kv(pairs, layer, memory);
  }
}

// Computes what is added to each input: the query, both emotions, and the intent.
void MimeBase::compute_conditioning(Team& team, const Buffer<float>& query,
                                    const Emotions& emotions, const float* noise,
                                    EncoderMemory& memory) const {
  const std::int64_t dim = config_.hidden_dim;
  Buffer<float> input(3 * dim), intent(padded(shape_.dim));
  std::copy_n(query.data(), dim, input.data());
  std::copy_n(emotions.mimicked.data(), dim, input.data() + dim);
  std::copy_n(emotions.opposed.data(), dim, input.data() + 2 * dim);
  memory.conditioning = Buffer<float>(conditioning_.stride());
  conditioning_.apply(kernels_, team, row_of(std::as_const(input)), row_of(memory.conditioning));
  intent_embedding_.copy_row(draw_intent(team, query, noise), intent.data());
  for (std::int64_t i = 0; i < shape_.dim; ++i) memory.conditioning[i] += intent[i];
}

// Draws an intent by the Gumbel trick: the normal probability of normal noise is uniform.
std::int64_t MimeBase::draw_intent(Team& team, const Buffer<float>& query,
                                   const float* noise) const {
  Buffer<float> logits(intents_.stride());
  intents_.apply(kernels_, team, row_of(query), row_of(logits));
  std::vector<double> keys;
  for (std::int64_t i = 0; i < options().intents; ++i) {
    const double uniform = std::erfc(-static_cast<double>(noise[i]) / std::sqrt(2.0)) / 2;
    keys.push_back(logits[i] - std::log(-std::log(uniform)));
  }
  return std::max_element(keys.begin(), keys.end()) - keys.begin();
}

void MimeBase::step(Team& team, const std::int32_t* tokens, DecodeState& state) const {
  state.begin_step(team.interrupt());
  const RowView x = state.x();
  for (std::int64_t row = 0; row < x.count; ++row) {
    reply_words_.copy_row(tokens[row], x.row(row));
    const Buffer<float>& added = state.memory(row).conditioning;
    for (std::int64_t i = 0; i < shape_.dim; ++i) x.row(row)[i] += added[i];
  }
  std::int32_t layer = 0;
  for (const LlamaLayer& each : decoder_) {
    each.step(kernels_, team, rotation_, layer++, state);
  }
  const RowView hidden = state.hidden();
  team.split(x.count, 1, [&](std::int64_t begin, std::int64_t end) {
    decoder_norm_.apply(kernels_, x.cut(begin, end), hidden.cut(begin, end));
  });
}

}  // namespace mime_fast

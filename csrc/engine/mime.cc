#include "engine/mime.h"

#include <algorithm>
#include <cmath>

namespace mime_fast {

using cpu::padded;

namespace {

// mixture-weighted sum of the group's rows of the emotion table.
void mix_emotions(const float* mixture, const std::int64_t* group, std::int64_t count,
                  const std::vector<float>& table, std::int64_t dim, float* out) {
  for (std::int64_t i = 0; i < count; ++i) {
    const float* emotion = table.data() + group[i] * dim;
    for (std::int64_t d = 0; d < dim; ++d) out[d] += mixture[i] * emotion[d];
  }
}

}  // namespace

Encoded Mime::encode(Team& team, const std::int64_t* tokens, const std::int64_t* speakers,
                     std::int64_t length, const float* noise, std::int64_t emotion) const {
  EncoderScratch scratch(config_, length);
  Buffer<float> x(length * stride_), context_buffer(length * stride_);
  Buffer<float> both_buffer(length * 2 * stride_);
  const Rows context{context_buffer.data(), length, stride_};
  const Rows both{both_buffer.data(), length, 2 * stride_};
  Encoded encoded;
  context_encoder_.apply(kernels_, team, embed(tokens, speakers, x, length), scratch, context);
  recognise(team, context, noise, emotion, encoded);
  mimic(team, context, encoded, scratch, both);
  remember(team, both, encoded.memory);
  return encoded;
}

Rows Mime::embed(const std::int64_t* tokens, const std::int64_t* speakers, Buffer<float>& x,
                 std::int64_t length) const {
  for (std::int64_t t = 0; t < length; ++t) {
    const float* word = context_words_.data() + tokens[t] * stride_;
    const float* speaker = context_words_.data() + speakers[t] * stride_;
    const float* position = positions_.data() + t * stride_;
    for (std::int64_t i = 0; i < stride_; ++i) {
      x[t * stride_ + i] = (word[i] + speaker[i]) + position[i];
    }
  }
  return {x.data(), length, stride_};
}

// The speaker's emotion (Eq. 4-6) and the two mixtures of response emotions (Eq. 7-15).
void Mime::recognise(Team& team, const Rows& context, const float* noise, std::int64_t emotion,
                     Encoded& encoded) const {
  Buffer<float> query(stride_);
  const std::int64_t averaged = config_.mean_query ? context.count : 1;
  for (std::int64_t t = 0; t < averaged; ++t) {
    for (std::int64_t i = 0; i < stride_; ++i) query[i] += context.row(t)[i];
  }
  for (std::int64_t i = 0; i < stride_; ++i) query[i] /= static_cast<float>(averaged);

  encoded.emotion_logits = Buffer<float>(kEmotions);
  emotions_.apply(kernels_, {query.data(), 1, 0}, {encoded.emotion_logits.data(), 1, 0});
  const float* logits = encoded.emotion_logits.data();
  if (emotion < 0) emotion = std::max_element(logits, logits + kEmotions) - logits;
  encoded.mimics_positive = is_positive(emotion);

  encoded.positive = Buffer<float>(padded(kPositives));
  encoded.negative = Buffer<float>(padded(kNegatives));
  response_emotions_.sample(kernels_, team, query.data(), noise, encoded.positive.data(),
                            encoded.negative.data());
}

// The context refined by the emotions that mimic the speaker's polarity, and by the others, side
// by side (Eq. 18-23).
void Mime::mimic(Team& team, const Rows& context, const Encoded& encoded, EncoderScratch& scratch,
                 const Rows& both) const {
  Buffer<float> positive(stride_), negative(stride_), shift(stride_);
  const std::int64_t dim = config_.hidden_dim;
  mix_emotions(encoded.positive.data(), kPositive, kPositives, emotion_table_, dim,
               positive.data());
  mix_emotions(encoded.negative.data(), kNegative, kNegatives, emotion_table_, dim,
               negative.data());
  float* const vectors[] = {encoded.mimics_positive ? positive.data() : negative.data(),
                            encoded.mimics_positive ? negative.data() : positive.data()};

  Buffer<float> projected(context.count * stride_), x(context.count * stride_);
  const Rows refined{x.data(), context.count, stride_};
  for (std::size_t i = 0; i < 2; ++i) {
    const std::size_t own = std::min(i, response_encoders_.size() - 1);
    const ResponseProjection& projection = response_projections_[own];
    if (i == own) {
      std::copy_n(positions_.data(), projected.size(), projected.data());
      projection.context.apply(kernels_, team, context, {projected.data(), context.count, stride_},
                               Matrix::Then::add);
    }
    projection.emotion.apply(kernels_, team, {vectors[i], 1, 0}, {shift.data(), 1, 0});
    for (std::int64_t t = 0; t < context.count; ++t) {
      for (std::int64_t d = 0; d < stride_; ++d) {
        refined.row(t)[d] = projected[t * stride_ + d] + shift[d];
      }
    }
    const std::int64_t column = static_cast<std::int64_t>(i) * stride_;
    response_encoders_[own].apply(kernels_, team, refined, scratch,
                                  {both.data + column, both.count, both.stride});
  }
}

// The gate fuses both refinements (Eq. 24-27); the decoder's keys and values are made of it.
void Mime::remember(Team& team, const Rows& both, Memory& memory) const {
  Buffer<float> gates(both.count * gate_.stride()), fused(both.count * both.stride);
  const Rows gate_rows{gates.data(), both.count, gate_.stride()};
  gate_.apply(kernels_, team, both, gate_rows);
  team.split(both.count, 1, [&](std::int64_t begin, std::int64_t end) {
    kernels_.gate(gate_rows.row(begin), both.row(begin), (end - begin) * both.stride,
                  gates.data() + begin * both.stride);
  });
  Rows source{gates.data(), both.count, both.stride};
  if (fusion_.inner() > 0) {
    const Rows out{fused.data(), both.count, fusion_.stride()};
    fusion_.apply(kernels_, team, source, out);
    source = out;
  }

  const std::int64_t key_dim = config_.key_dim;
  memory.layers = config_.num_layers;
  memory.key_dim = key_dim;
  memory.length = both.count;
  memory.columns = padded(memory.length);
  memory.value_stride = padded(key_dim);
  memory.keys = Buffer<float>(config_.num_layers * key_dim * memory.columns);
  memory.values = Buffer<float>(config_.num_layers * memory.length * memory.value_stride);
  float* keys = memory.keys.data();
  float* values = memory.values.data();
  for (const Matrix& cross : cross_) {
    Buffer<float> buffer(memory.length * cross.stride());
    const Rows pairs{buffer.data(), memory.length, cross.stride()};
    cross.apply(kernels_, team, source, pairs);
    for (std::int64_t t = 0; t < memory.length; ++t) {
      for (std::int64_t i = 0; i < key_dim; ++i) keys[i * memory.columns + t] = pairs.row(t)[i];
      std::copy_n(pairs.row(t) + key_dim, key_dim, values + t * memory.value_stride);
    }
    keys += key_dim * memory.columns;
    values += memory.length * memory.value_stride;
  }
}

void Mime::step(Team& team, const std::int32_t* tokens, DecodeState& state) const {
  const std::int64_t rows = state.rows();
  const Rows out = state.hidden();  // free until the step's end
  for (std::int64_t row = 0; row < rows; ++row) {
    std::copy_n(reply_words_.data() + tokens[row] * stride_, stride_, out.row(row));
  }
  decoder_.step(kernels_, team, out, positions_.data(), state);
}

}  // namespace mime_fast

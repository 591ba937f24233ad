#include "models/mime.h"

#include <algorithm>
#include <utility>

namespace mime_fast {

using cpu::padded;

// The steps are emotion, mixture, mimicry and fusion.
void Mime::compute_output(Team& team, const Context& context, EncoderOutput& output) const {
  const std::int64_t recognised = classify_emotion(emotions_, context, output);
  const std::int64_t emotion = context.emotion < 0 ? recognised : context.emotion;
  output.mimics_positive = !config_.mime.mimicry || is_positive(emotion);
  response_emotions_.sample(kernels_, team, context.query.data(), context.noise,
                            output.positive.data(), output.negative.data());

  const std::int64_t length = context.states.count, width = refinements_ * stride_;
  Buffer<float> buffer(length * width);
  const RowView refined{buffer.data(), length, width};
  refine(team, context, mix_emotion_vectors(output), refined);
  fuse(team, refined, output.memory);
}

// Computes the emotion vectors that refine the context, the mimicking one first (Eq. 16-18).
std::vector<Buffer<float>> Mime::mix_emotion_vectors(const EncoderOutput& output) const {
  std::vector<Buffer<float>> vectors;
  for (std::int64_t i = 0; i < refinements_; ++i) vectors.emplace_back(stride_);
  float* const positive = vectors.front().data();
  float* const negative = vectors.back().data();
  const std::int64_t dim = config_.hidden_dim;
  mix_emotions(output.positive.data(), kPositive, kPositives, emotion_table_, dim, positive);
  mix_emotions(output.negative.data(), kNegative, kNegatives, emotion_table_, dim, negative);
  if (!output.mimics_positive) std::swap(vectors.front(), vectors.back());
  return vectors;
}

// Refines the context with each emotion vector, side by side (Eq. 18-23).
void Mime::refine(Team& team, const Context& context, const std::vector<Buffer<float>>& emotions,
                  const RowView& refined) const {
  const std::int64_t length = context.states.count;
  Buffer<float> projected(length * stride_), x(length * stride_), shift(stride_);
  const RowView shifted{x.data(), length, stride_};
  for (std::size_t i = 0; i < emotions.size(); ++i) {
    const std::size_t own = std::min(i, response_encoders_.size() - 1);
    const ResponseProjection& projection = response_projections_[own];
    if (i == own) {
      std::copy_n(positions_.data(), projected.size(), projected.data());
      projection.context.apply(kernels_, team, context.states, {projected.data(), length, stride_},
                               Matrix::Then::add);
    }
    projection.emotion.apply(kernels_, team, {emotions[i].data(), 1, 0}, {shift.data(), 1, 0});
    for (std::int64_t t = 0; t < length; ++t) {
      for (std::int64_t d = 0; d < stride_; ++d) {
        shifted.row(t)[d] = projected[t * stride_ + d] + shift[d];
      }
    }
    const std::int64_t column = static_cast<std::int64_t>(i) * stride_;
    response_encoders_[own].apply(kernels_, team, shifted, context.scratch,
                                  {refined.data + column, length, refined.stride});
  }
}

// Fuses the refinements with a gate (Eq. 24-27), and computes the decoder's keys and values.
void Mime::fuse(Team& team, const RowView& refined, EncoderMemory& memory) const {
  const std::int64_t length = refined.count;
  Buffer<float> gates(length * gate_.stride()), fused(length * refined.stride);
  const RowView gate_rows{gates.data(), length, gate_.stride()};
  gate_.apply(kernels_, team, refined, gate_rows);
  team.split(length, 1, [&](std::int64_t begin, std::int64_t end) {
    kernels_.gate(gate_rows.row(begin), refined.row(begin), (end - begin) * refined.stride,
                  gate_rows.row(begin));
  });
  RowView source = gate_rows;
  if (fusion_.inner() > 0) {
    source = {fused.data(), length, fusion_.stride()};
    fusion_.apply(kernels_, team, gate_rows, source);
  }
  project_cross_kv(team, cross_, source, memory);
}

}  // namespace mime_fast

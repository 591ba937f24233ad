#include "vocabulary/quantized_vocabulary.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

namespace mime_fast {
namespace {

using cpu::kLanes;

constexpr double kUnit = 0x1p-24;  // relative rounding error of one float32 operation
// Error of underflow: scale * unit is off by 2^-150, times a sum of up to 2^31. Other operations
// are off by as little, without the factor.
constexpr double kUnderflow = 0x1p-118;
constexpr std::int32_t kLargestWeight = 127;
constexpr std::int32_t kBase = 127;  // weight of the high plane
constexpr std::int32_t kHalfBase = 63;
// Panels of a slab: 32 * 4.8 KB stay in the second-level cache while all rows read them.
constexpr std::int64_t kSlab = 32;

double norm(const float* x, std::int64_t count) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t i = 0; i < count; ++i) sum += static_cast<double>(x[i]) * x[i];
  return std::sqrt(sum);
}

float largest_of(const float* x, std::int64_t count) {
  float largest = 0;
#pragma omp simd reduction(max : largest)
  for (std::int64_t i = 0; i < count; ++i) largest = std::max(largest, std::abs(x[i]));
  return largest;
}

// Rounds to the nearest integer, of at most 2^22: adding 1.5 * 2^23 leaves no bits for a fraction.
std::int32_t round(float value) {
  constexpr float kMagic = 12582912.0F;
  return static_cast<std::int32_t>((value + kMagic) - kMagic);
}

}  // namespace

QuantizedVocabulary::QuantizedVocabulary(const Vocabulary& vocabulary)
    : words_(vocabulary.words()),
      padded_words_(vocabulary.padded_words()),
      dim_(vocabulary.dim()),
      inner_(cpu::round_up(vocabulary.dim(), 4)),
      weights_(padded_words_ * inner_, Pages::huge),
      scale_(padded_words_),
      bias_(padded_words_),
      slope_(padded_words_),
      reach_(padded_words_) {
  std::fill_n(weights_.data(), weights_.size(), std::uint8_t{128});
  std::copy_n(vocabulary.bias(), padded_words_, bias_.data());
  for (std::int64_t word = 0; word < words_; ++word) {
    largest_bias_ = std::max(largest_bias_, std::abs(static_cast<double>(bias_[word])));
  }
}

QuantizedVocabulary::QuantizedVocabulary(Team& team, const Vocabulary& vocabulary)
    : QuantizedVocabulary(vocabulary) {
  set_words(team, [&](std::int64_t word, std::int8_t* q) {
    const float* w = vocabulary.weight(word);
    const float scale =
        std::max(largest_of(w, dim_) / kLargestWeight, std::numeric_limits<float>::min());
    for (std::int64_t i = 0; i < dim_; ++i) {
      q[i] = static_cast<std::int8_t>(
          std::clamp(round(w[i] / scale), -kLargestWeight, kLargestWeight));
    }
    double error = 0, length = 0;
#pragma omp simd reduction(+ : error, length)
    for (std::int64_t i = 0; i < dim_; ++i) {
      const double kept = static_cast<double>(scale) * q[i];
      error += (w[i] - kept) * (w[i] - kept);
      length += kept * kept;
    }
    return Word{scale, std::sqrt(length), std::sqrt(error), norm(w, dim_)};
  });
}

// A float32 weight is off by at most a unit of scale * q, and by 2^-150 where it underflows.
QuantizedVocabulary::QuantizedVocabulary(Team& team, const Vocabulary& vocabulary,
                                         const Int8Weights& stored)
    : QuantizedVocabulary(vocabulary) {
  has_exact_weights_ = true;
  const double underflow = std::sqrt(static_cast<double>(dim_)) * 0x1p-150;
  set_words(team, [&](std::int64_t word, std::int8_t* q) {
    std::copy_n(stored.values.data() + word * dim_, dim_, q);
    std::int64_t squares = 0;
#pragma omp simd reduction(+ : squares)
    for (std::int64_t i = 0; i < dim_; ++i) squares += std::int32_t{q[i]} * q[i];
    const float scale = stored.scale[static_cast<std::size_t>(word)];
    const double kept = std::abs(scale) * std::sqrt(static_cast<double>(squares));
    const double error = kept * kUnit + underflow;
    const bool fits = std::isfinite(scale * std::numeric_limits<std::int8_t>::min());
    return Word{scale, kept, error, fits ? kept + error : std::numeric_limits<double>::infinity()};
  });
}

template <typename Quantise>
void QuantizedVocabulary::set_words(Team& team, const Quantise& quantise) {
  Buffer<double> norms(words_);
  team.split(words_, 64, [&](std::int64_t begin, std::int64_t end) {
    std::vector<std::int8_t> q(static_cast<std::size_t>(inner_));
    for (std::int64_t word = begin; word < end; ++word) {
      team.check();
      const Word quantised = quantise(word, q.data());
      pack(q.data(), word);
      set_bounds(quantised, word);
      norms[word] = quantised.norm;
    }
  });
  for (std::int64_t word = 0; word < words_; ++word) {
    largest_norm_ = std::max(largest_norm_, norms[word]);
    largest_slope_ = std::max(largest_slope_, static_cast<double>(slope_[word]));
    largest_reach_ = std::max(largest_reach_, static_cast<double>(reach_[word]));
  }
}

// A float32 logit is off by at most (chain of multiply-adds + tree + bias) units of |w| |x|. A
// score is off by at most six units of |scale q| |unit p|, where |unit p| <= |x| + |r|.
void QuantizedVocabulary::set_bounds(const Word& quantised, std::int64_t word) {
  const double chain = static_cast<double>(dim_ / kLanes) + 13;
  const double rounding = chain * kUnit * (quantised.norm + quantised.kept);
  scale_[word] = quantised.scale;
  slope_[word] = above((quantised.error + rounding) * (1 + 1e-6));
  reach_[word] = above((quantised.kept + rounding) * (1 + 1e-6));
}

// q  // (inner,)
void QuantizedVocabulary::pack(const std::int8_t* q, std::int64_t word) {
  std::uint8_t* panel = weights_.data() + word / kLanes * inner_ * kLanes + word % kLanes * 4;
  for (std::int64_t i = 0; i < inner_; i += 4) {
    for (std::int64_t j = 0; j < 4; ++j) {
      panel[i * kLanes + j] = static_cast<std::uint8_t>(q[i + j] + 128);
    }
  }
}

QuantizedVocabulary::Scratch::Scratch(const QuantizedVocabulary* vocabulary, std::int64_t rows)
    : unit(rows), correction(rows), bounds(static_cast<std::size_t>(rows)) {
  if (vocabulary == nullptr) return;
  planes = Buffer<std::int8_t>(rows * 2 * vocabulary->inner_);
  scores = Buffer<float>::uninitialised(rows * vocabulary->padded_words_);
}

double QuantizedVocabulary::highest_logit(double length) const {
  const double highest = largest_norm_ * length * 2 + largest_bias_;
  if (highest < std::numeric_limits<float>::max()) return highest;
  throw std::invalid_argument(
      "logits must be finite or -inf, got more than float32 holds; the weights are too large");
}

void QuantizedVocabulary::quantise_row(const float* hidden, Planes planes, std::int64_t row,
                                       std::int32_t max_plane_value, Scratch& scratch) const {
  const std::int64_t count = static_cast<std::int64_t>(planes);
  std::int8_t* first = scratch.planes.data() + row * count * inner_;
  const double length = norm(hidden, dim_);
  highest_logit(length);  // throws for NaN and infinity, which cannot be quantised
  const float largest = largest_of(hidden, dim_);
  // Sums of 255 * limit * inner must fit into 32 bits.
  const std::int64_t room = std::numeric_limits<std::int32_t>::max() / (255 * inner_);
  const std::int64_t finest =
      planes == Planes::two ? kBase * kHalfBase + kHalfBase : max_plane_value;
  const auto limit = static_cast<std::int32_t>(std::min(finest, room));
  const float unit =
      std::max(largest / static_cast<float>(limit), std::numeric_limits<float>::min());
  double rest = 0;
  std::int32_t sum = 0;
  for (std::int64_t i = 0; i < dim_; ++i) {
    const std::int32_t p = std::clamp(round(hidden[i] / unit), -limit, limit);
    sum += p;
    const double error = hidden[i] - static_cast<double>(unit) * p;
    rest += error * error;
    if (planes == Planes::two) {
      const std::int32_t high = (p + (p < 0 ? -kHalfBase : kHalfBase)) / kBase;
      first[i] = static_cast<std::int8_t>(high);
      first[inner_ + i] = static_cast<std::int8_t>(p - high * kBase);
    } else {
      first[i] = static_cast<std::int8_t>(p);
    }
  }
  const double highest = highest_logit(length + std::sqrt(rest));
  scratch.unit[row] = unit;
  scratch.correction[row] = 128 * sum;
  cpu::ScreenBound bound{
      .slope = slope_.data(),
      .reach = reach_.data(),
      .norm = above(length * (1 + 1e-6)),
      .rest = above(std::sqrt(rest) * (1 + 1e-6)),
      // Rounding of the bias, and of the comparison of a score plus its bound in float32.
      .margin = above(8 * kUnit * highest + kUnderflow)};
  bound.slack =
      above((largest_reach_ * static_cast<double>(bound.rest) + static_cast<double>(bound.margin)) *
            (1 + 1e-6));
  bound.largest =
      above((largest_slope_ * static_cast<double>(bound.norm) +
             largest_reach_ * static_cast<double>(bound.rest) + static_cast<double>(bound.margin)) *
            (1 + 1e-6));
  scratch.bounds[static_cast<std::size_t>(row)] = bound;
}

void QuantizedVocabulary::screen(const cpu::Kernels& kernels, Team& team,
                                 const ConstRowView& hidden, Planes planes,
                                 Scratch& scratch) const {
  const std::int64_t count = static_cast<std::int64_t>(planes);
  for (std::int64_t row = 0; row < hidden.count; ++row) {
    team.check();
    quantise_row(hidden.data + row * hidden.stride, planes, row, kernels.max_plane_value, scratch);
  }
  const std::int64_t group = kernels.max_plane_vectors / count;
  team.split(padded_words_ / kLanes, 4, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t panel = begin; panel < end; panel += kSlab) {
      for (std::int64_t row = 0; row < hidden.count; row += group) {
        team.check();
        kernels.screen({.w = weights_.data(),
                        .scale = scale_.data(),
                        .bias = bias_.data(),
                        .inner = inner_,
                        .planes = scratch.planes.data() + row * count * inner_,
                        .plane_count = count,
                        .rows = std::min(group, hidden.count - row),
                        .unit = scratch.unit.data() + row,
                        .correction = scratch.correction.data() + row,
                        .first_panel = panel,
                        .last_panel = std::min(panel + kSlab, end),
                        .scores = scratch.scores.data() + row * padded_words_,
                        .score_stride = padded_words_});
      }
    }
  });
}

}  // namespace mime_fast

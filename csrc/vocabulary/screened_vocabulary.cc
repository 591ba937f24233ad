#include "vocabulary/screened_vocabulary.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

namespace mime_fast {
namespace {

using cpu::kLanes;

constexpr double kUnit = 0x1p-24;  // rounding error of one float32 operation, relative
// What underflow adds: scale * unit is off by 2^-150, times a sum of up to 2^31; the other
// operations by as little, without the factor.
constexpr double kUnderflow = 0x1p-118;
constexpr std::int32_t kLargestWeight = 127;
constexpr std::int32_t kBase = 127;  // of two digits
constexpr std::int32_t kHalfBase = 63;
// Panels of a slab: 32 * 4.8 KB stay in the second-level cache while all rows pass over them.
constexpr std::int64_t kSlab = 32;

double norm(const float* x, std::int64_t count) {
  double sum = 0;
  for (std::int64_t i = 0; i < count; ++i) sum += static_cast<double>(x[i]) * x[i];
  return std::sqrt(sum);
}

// To the nearest whole number, of at most 2^22: adding 1.5 * 2^23 leaves no room for a fraction.
std::int32_t round(float value) {
  constexpr float kMagic = 12582912.0F;
  return static_cast<std::int32_t>((value + kMagic) - kMagic);
}

}  // namespace

ScreenedVocabulary::ScreenedVocabulary(Team& team, const Vocabulary& vocabulary)
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
  Buffer<double> norms(words_);
  team.split(words_, 64, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t word = begin; word < end; ++word) {
      team.check();
      norms[word] = quantise_word(vocabulary, word);
    }
  });
  for (std::int64_t word = 0; word < words_; ++word) {
    largest_norm_ = std::max(largest_norm_, norms[word]);
    largest_slope_ = std::max(largest_slope_, static_cast<double>(slope_[word]));
    largest_reach_ = std::max(largest_reach_, static_cast<double>(reach_[word]));
    largest_bias_ = std::max(largest_bias_, std::abs(static_cast<double>(bias_[word])));
  }
}

double ScreenedVocabulary::quantise_word(const Vocabulary& vocabulary, std::int64_t word) {
  const float* w = vocabulary.weight(word);
  float largest = 0;
  for (std::int64_t i = 0; i < dim_; ++i) largest = std::max(largest, std::abs(w[i]));
  const float scale = std::max(largest / kLargestWeight, std::numeric_limits<float>::min());
  std::uint8_t* panel = weights_.data() + word / kLanes * inner_ * kLanes + word % kLanes * 4;
  double error = 0, length = 0;
  for (std::int64_t i = 0; i < dim_; ++i) {
    const std::int32_t q = std::clamp(round(w[i] / scale), -kLargestWeight, kLargestWeight);
    panel[i / 4 * 4 * kLanes + i % 4] = static_cast<std::uint8_t>(q + 128);
    const double kept = static_cast<double>(scale) * q;
    error += (w[i] - kept) * (w[i] - kept);
    length += kept * kept;
  }
  // A float32 logit is off by at most (chain of multiply-adds + tree + bias) units of |w| |x|, a
  // score by six of |scale q| |unit p|, and |unit p| <= |x| + |r|.
  const double chain = static_cast<double>(dim_ / kLanes) + 13;
  const double rounding = chain * kUnit * (norm(w, dim_) + std::sqrt(length));
  scale_[word] = scale;
  slope_[word] = above((std::sqrt(error) + rounding) * (1 + 1e-6));
  reach_[word] = above((std::sqrt(length) + rounding) * (1 + 1e-6));
  return norm(w, dim_);
}

ScreenedVocabulary::Scratch::Scratch(const ScreenedVocabulary* vocabulary, std::int64_t rows)
    : unit(rows), correction(rows), bounds(static_cast<std::size_t>(rows)) {
  if (vocabulary == nullptr) return;
  digits = Buffer<std::int8_t>(rows * 2 * vocabulary->inner_);
  scores = Buffer<float>::uninitialised(rows * vocabulary->padded_words_);
}

double ScreenedVocabulary::highest_logit(double length) const {
  const double highest = largest_norm_ * length * 2 + largest_bias_;
  if (highest < std::numeric_limits<float>::max()) return highest;
  throw std::invalid_argument(
      "logits must be finite or -inf, got more than float32 holds; the weights are too large");
}

void ScreenedVocabulary::quantise_row(const float* hidden, Digits digits, std::int64_t row,
                                      std::int32_t max_digit, Scratch& scratch) const {
  const std::int64_t count = static_cast<std::int64_t>(digits);
  std::int8_t* first = scratch.digits.data() + row * count * inner_;
  const double length = norm(hidden, dim_);
  highest_logit(length);  // NaN and infinity must not become digits
  float largest = 0;
  for (std::int64_t i = 0; i < dim_; ++i) largest = std::max(largest, std::abs(hidden[i]));
  // Sums of 255 * limit * inner must fit into 32 bits.
  const std::int64_t room = std::numeric_limits<std::int32_t>::max() / (255 * inner_);
  const std::int64_t finest = digits == Digits::two ? kBase * kHalfBase + kHalfBase : max_digit;
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
    if (digits == Digits::two) {
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

void ScreenedVocabulary::screen(const cpu::Kernels& kernels, Team& team, const Inputs& hidden,
                                Digits digits, Scratch& scratch) const {
  const std::int64_t count = static_cast<std::int64_t>(digits);
  for (std::int64_t row = 0; row < hidden.count; ++row) {
    team.check();
    quantise_row(hidden.data + row * hidden.stride, digits, row, kernels.max_digit, scratch);
  }
  const std::int64_t group = cpu::kMaxDigitVectors / count;
  team.split(padded_words_ / kLanes, 4, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t panel = begin; panel < end; panel += kSlab) {
      for (std::int64_t row = 0; row < hidden.count; row += group) {
        team.check();
        kernels.screen({.w = weights_.data(),
                        .scale = scale_.data(),
                        .bias = bias_.data(),
                        .inner = inner_,
                        .digits = scratch.digits.data() + row * count * inner_,
                        .digit_count = count,
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

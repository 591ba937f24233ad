#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "vocabulary/vocabulary.h"

namespace mime_fast {

constexpr float kNever = -std::numeric_limits<float>::infinity();  // the score of a blocked word
constexpr float kLowest = std::numeric_limits<float>::lowest();    // of any other

// A float that is not below the value: a bound must not shrink when it is stored.
inline float above(double value) {
  return std::nextafter(static_cast<float>(value), std::numeric_limits<float>::infinity());
}

// The vocabulary in int8, to find the few words whose float32 logit matters.
//
// A word's weights are w = scale q + e with whole q in [-127, 127], a hidden vector is x = unit p +
// r with whole p. The score of a word is scale unit (q . p) + bias, and by Cauchy and Schwarz its
// float32 logit is within  |e| |x| + |scale q| |r| + rounding + underflow  of it. |e| and |scale q|
// are stored.
class ScreenedVocabulary {
 public:
  ScreenedVocabulary() = default;
  ScreenedVocabulary(Team& team, const Vocabulary& vocabulary);

  bool empty() const { return words_ == 0; }

  // How finely hidden vectors are rounded. Two digits cost nothing while memory is the limit, and
  // leave half as many words to be looked at.
  enum class Digits { one = 1, two = 2 };
  // Buffers for up to `rows` rows.
  struct Scratch {
    // Empty if there is no vocabulary.
    Scratch(const ScreenedVocabulary* vocabulary, std::int64_t rows);
    Buffer<std::int8_t> digits;            // (rows, 2, inner)
    Buffer<float> unit;                    // (rows,)
    Buffer<std::int32_t> correction;       // (rows,)
    std::vector<cpu::ScreenBound> bounds;  // (rows,)
    Buffer<float> scores;                  // (rows, padded_words)
  };
  // Fills scratch.bounds and scratch.scores. Throws std::invalid_argument if a logit of a row could
  // be more than a float holds.
  void screen(const cpu::Kernels& kernels, Team& team, const Inputs& hidden, Digits digits,
              Scratch& scratch) const;

 private:
  // Returns the norm of its weights.
  double quantise_word(const Vocabulary& vocabulary, std::int64_t word);
  // Twice what any logit can be for a hidden vector of that length; throws if float32 has no room.
  double highest_logit(double length) const;
  void quantise_row(const float* hidden, Digits digits, std::int64_t row, std::int32_t max_digit,
                    Scratch& scratch) const;

  std::int64_t words_ = 0;
  std::int64_t padded_words_ = 0;
  std::int64_t dim_ = 0;
  std::int64_t inner_ = 0;   // dim, a multiple of 4
  double largest_norm_ = 0;  // of a word's weights
  double largest_bias_ = 0;
  double largest_slope_ = 0;
  double largest_reach_ = 0;
  Buffer<std::uint8_t> weights_;  // (panels, inner / 4, 16, 4), 128 is zero
  Buffer<float> scale_;           // (padded_words,)
  Buffer<float> bias_;            // (padded_words,) -inf behind the last word
  Buffer<float> slope_;           // (padded_words,) |e|, with the rounding that grows with |x|
  Buffer<float> reach_;           // (padded_words,) |scale q|, likewise
};

}  // namespace mime_fast

#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "vocabulary/vocabulary.h"

namespace mime_fast {

constexpr float kNever = -std::numeric_limits<float>::infinity();  // score of a blocked word
constexpr float kLowest = std::numeric_limits<float>::lowest();    // least score of any other word

// Rounds up to a float: a bound must not shrink when it is stored.
inline float above(double value) {
  return std::nextafter(static_cast<float>(value), std::numeric_limits<float>::infinity());
}

// The vocabulary in int8, to find the few words whose float32 logit matters. It computes a score
// for each word, and a bound on its distance from the logit: see docs/screening.md.
class QuantizedVocabulary {
 public:
  QuantizedVocabulary() = default;
  QuantizedVocabulary(Team& team, const Vocabulary& vocabulary);
  // Takes the integers of the weights that the vocabulary was made of.
  QuantizedVocabulary(Team& team, const Vocabulary& vocabulary, const Int8Weights& stored);

  bool empty() const { return words_ == 0; }
  // Whether the weights are scale * q, so that only the hidden vector is rounded.
  bool has_exact_weights() const { return has_exact_weights_; }

  // Number of int8 planes that a hidden vector is quantised to: high, and low. Two planes cost
  // nothing while memory is the limit. They halve the number of words that are gathered: in
  // mime-small from 4 to 2 a row. If the weights are exact they do more: in mime-base from 2,200 to
  // 1, and from 10,900 with AVX2, where a plane has fewer values.
  enum class Planes { one = 1, two = 2 };
  // Buffers for up to `rows` rows.
  struct Scratch {
    // Allocates nothing if there is no vocabulary.
    Scratch(const QuantizedVocabulary* vocabulary, std::int64_t rows);
    Buffer<std::int8_t> planes;            // (rows, plane count, inner)
    Buffer<float> unit;                    // (rows,)
    Buffer<std::int32_t> correction;       // (rows,)
    std::vector<cpu::ScreenBound> bounds;  // (rows,)
    Buffer<float> scores;                  // (rows, padded_words)
  };
  // Fills scratch.bounds and scratch.scores. Throws std::invalid_argument if a logit of a row could
  // exceed the range of float32.
  void screen(const cpu::Kernels& kernels, Team& team, const ConstRowView& hidden, Planes planes,
              Scratch& scratch) const;

 private:
  // A word whose weights w are about scale * q.
  struct Word {
    float scale;
    double kept;   // |scale q|
    double error;  // at least |w - scale q|
    double norm;   // at least |w|
  };

  // Sizes the buffers for the words of a vocabulary.
  explicit QuantizedVocabulary(const Vocabulary& vocabulary);
  // quantise(word, q): writes the integers of a word, (inner,) of which those behind dim are 0.
  template <typename Quantise>
  void set_words(Team& team, const Quantise& quantise);
  void set_bounds(const Word& quantised, std::int64_t word);
  void pack(const std::int8_t* q, std::int64_t word);
  // Returns twice the largest possible logit of a hidden vector of that norm. Throws if float32
  // cannot hold it.
  double highest_logit(double length) const;
  void quantise_row(const float* hidden, Planes planes, std::int64_t row,
                    std::int32_t max_plane_value, Scratch& scratch) const;

  bool has_exact_weights_ = false;
  std::int64_t words_ = 0;
  std::int64_t padded_words_ = 0;
  std::int64_t dim_ = 0;
  std::int64_t inner_ = 0;   // dim, a multiple of 4
  double largest_norm_ = 0;  // largest norm of a word's weights
  double largest_bias_ = 0;
  double largest_slope_ = 0;
  double largest_reach_ = 0;
  Buffer<std::uint8_t> weights_;  // (panels, inner / 4, 16, 4), 128 is zero
  Buffer<float> scale_;           // (padded_words,)
  Buffer<float> bias_;            // (padded_words,) -inf behind the last word
  Buffer<float> slope_;           // (padded_words,) |e|, and the rounding that grows with |x|
  Buffer<float> reach_;           // (padded_words,) |scale q|, and the same rounding
};

}  // namespace mime_fast

#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <vector>

namespace mime_fast {

// Ids of mime_fast/emotions.py, in the row order of the mixtures' weights.
constexpr std::int64_t kEmotions = 32;
constexpr std::int64_t kPositive[] = {11, 16, 6, 8, 3, 1, 28, 13, 31, 17, 24, 0, 27};
constexpr std::int64_t kNegative[] = {9,  4,  2,  14, 30, 29, 25, 15, 10, 23,
                                      19, 18, 21, 7,  20, 5,  26, 12, 22};
constexpr std::int64_t kPositives = std::size(kPositive);
constexpr std::int64_t kNegatives = std::size(kNegative);

inline bool is_positive(std::int64_t emotion) {
  return std::find(std::begin(kPositive), std::end(kPositive), emotion) != std::end(kPositive);
}

// Splits the weights of all emotions, (32,), into those of either group.
inline void split_by_group(const float* weights, float* positive, float* negative) {
  for (const std::int64_t emotion : kPositive) *positive++ = weights[emotion];
  for (const std::int64_t emotion : kNegative) *negative++ = weights[emotion];
}

// Adds the mixture-weighted sum of a group's rows of the emotion table, (32, dim), to `out`.
inline void mix_emotions(const float* mixture, const std::int64_t* group, std::int64_t count,
                         const std::vector<float>& table, std::int64_t dim, float* out) {
  for (std::int64_t i = 0; i < count; ++i) {
    const float* emotion = table.data() + group[i] * dim;
    for (std::int64_t d = 0; d < dim; ++d) out[d] += mixture[i] * emotion[d];
  }
}

}  // namespace mime_fast

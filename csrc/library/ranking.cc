#include "library/ranking.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "io/checkpoint_error.h"

namespace mime_fast {
namespace {

constexpr double kSmallest = 1e-9;
constexpr double kLengthWeight = 0.3;
constexpr std::size_t kBlock = 128;  // numbers that numpy adds up in eight running sums

[[noreturn]] void fail(const std::string& path, const std::string& problem) {
  throw CheckpointError(path + " is no relevance table: " + problem +
                        "; make it: mime-fast relevance");
}

// The sum in numpy's order, so that both languages rank equal samples alike.
double pairwise_sum(const double* values, std::size_t count) {
  if (count < 8) return std::accumulate(values, values + count, 0.0);
  if (count > kBlock) {
    const std::size_t half = count / 2 - count / 2 % 8;
    return pairwise_sum(values, half) + pairwise_sum(values + half, count - half);
  }
  double sums[8];
  std::copy_n(values, 8, sums);
  std::size_t i = 8;
  for (; i + 8 <= count; i += 8) {
    for (std::size_t j = 0; j < 8; ++j) sums[j] += values[i + j];
  }
  double sum =
      ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
  for (; i < count; ++i) sum += values[i];
  return sum;
}

// How many tokens two sorted replies share, counted as often as both have them.
std::int64_t shared_tokens(const TokenIds& left, const TokenIds& right) {
  std::int64_t shared = 0;
  for (auto i = left.begin(), j = right.begin(); i != left.end() && j != right.end();) {
    if (*i == *j)
      ++shared, ++i, ++j;
    else if (*i < *j)
      ++i;
    else
      ++j;
  }
  return shared;
}

std::vector<double> expected_utilities(const std::vector<Hypothesis>& samples) {
  std::vector<TokenIds> sorted;
  for (const Hypothesis& sample : samples) {
    sorted.push_back(sample.tokens);
    std::sort(sorted.back().begin(), sorted.back().end());
  }
  std::vector<double> utilities, f1(samples.size());
  for (const TokenIds& own : sorted) {
    for (std::size_t i = 0; i < sorted.size(); ++i) {
      f1[i] = static_cast<double>(2 * shared_tokens(own, sorted[i])) /
              static_cast<double>(own.size() + sorted[i].size());
    }
    utilities.push_back(pairwise_sum(f1.data(), f1.size()) / static_cast<double>(f1.size()));
  }
  return utilities;
}

double dot(const std::vector<double>& left, const std::vector<double>& right) {
  return std::inner_product(left.begin(), left.end(), right.begin(), 0.0);
}

}  // namespace

RelevanceTable::RelevanceTable(const std::string& path, std::int64_t ids) {
  const SafeTensors file(path);
  const TensorView& vectors = file.at("vectors");
  const TensorView& scales = file.at("vectors.scale");
  const bool fits = vectors.dtype == Dtype::kI8 && vectors.shape.size() == 2 &&
                    vectors.shape[0] == ids && scales.dtype == Dtype::kF32 &&
                    scales.shape == std::vector<std::int64_t>{ids};
  if (!fits)
    fail(path,
         "it must hold an int8 vector and a scale for each of the " + std::to_string(ids) + " ids");
  width_ = vectors.shape[1];
  values_.resize(static_cast<std::size_t>(vectors.bytes));
  std::memcpy(values_.data(), vectors.data, values_.size());
  scales_.resize(static_cast<std::size_t>(ids));
  std::memcpy(scales_.data(), scales.data, scales_.size() * sizeof(float));
  const auto is_finite = [](float scale) { return std::isfinite(scale); };
  if (!std::all_of(scales_.begin(), scales_.end(), is_finite)) fail(path, "a scale is not finite");
}

std::vector<double> RelevanceTable::sum(const TokenIds& ids) const {
  std::vector<double> total(static_cast<std::size_t>(width_));
  for (const std::int32_t id : ids) {
    const std::int8_t* const values = values_.data() + id * width_;
    const float scale = scales_[static_cast<std::size_t>(id)];
    for (std::size_t i = 0; i < total.size(); ++i) {
      total[i] += static_cast<double>(static_cast<float>(values[i]) * scale);
    }
  }
  return total;
}

std::vector<double> RelevanceTable::similarities(const std::vector<TokenIds>& replies,
                                                 const TokenIds& turn) const {
  const std::vector<double> target = sum(turn);
  const double target_length = std::sqrt(dot(target, target));
  std::vector<double> cosines;
  for (const TokenIds& reply : replies) {
    const std::vector<double> own = sum(reply);
    const double length = std::sqrt(dot(own, own));
    cosines.push_back(dot(own, target) / (length * target_length + kSmallest));
  }
  return cosines;
}

std::vector<Hypothesis> by_consensus(const std::vector<Hypothesis>& samples,
                                     const std::vector<double>& bonus) {
  std::vector<double> utilities = expected_utilities(samples);
  for (std::size_t i = 0; i < bonus.size(); ++i) utilities[i] += bonus[i];
  std::vector<std::size_t> order(samples.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t left, std::size_t right) {
    return utilities[left] > utilities[right];
  });
  std::vector<Hypothesis> ranked;
  for (const std::size_t index : order) ranked.push_back(samples[index]);
  return ranked;
}

std::vector<double> length_bonus(const std::vector<Hypothesis>& samples) {
  std::vector<double> found;
  for (const Hypothesis& sample : samples) {
    found.push_back(kLengthWeight * std::log(static_cast<double>(sample.tokens.size())));
  }
  return found;
}

}  // namespace mime_fast

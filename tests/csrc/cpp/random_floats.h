#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

// Random input, hostile input among it. Vectors are as long as they say: the address sanitizer
// sees the first float read or written behind them.
namespace mime_fast::test {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// What the floats of a buffer are like.
enum class Kind { normal, ties, huge, tiny, mixed, zeros, constant };
constexpr Kind kKinds[] = {Kind::normal, Kind::ties,  Kind::huge,    Kind::tiny,
                           Kind::mixed,  Kind::zeros, Kind::constant};

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}

  // In [least, most].
  std::int64_t integer(std::int64_t least, std::int64_t most) {
    const auto count = static_cast<std::uint64_t>(most - least + 1);
    return least + static_cast<std::int64_t>(engine_() % count);
  }
  bool one_in(std::int64_t count) { return integer(1, count) == 1; }
  double uniform() { return std::ldexp(static_cast<double>(engine_() >> 11), -53); }
  float normal() { return normal_(engine_); }
  template <typename List>
  auto pick(const List& list) {
    return list[static_cast<std::size_t>(integer(0, std::int64_t(std::size(list)) - 1))];
  }

  float value(Kind kind) {
    constexpr float kMixed[] = {0.0F, -0.0F,  1e-45F, -1e-40F, 1.2e-38F, 1e-20F, 1.0F,   -1.5F,
                                3e4F, -3e19F, 1e30F,  3e38F,   -3e38F,   127.0F, -63.0F, 1e-30F};
    switch (kind) {
      case Kind::normal:
        return normal();
      case Kind::ties:
        return static_cast<float>(integer(-2, 2));
      case Kind::huge:
        return normal() * 1e37F;
      case Kind::tiny:
        return normal() * 1e-39F;
      case Kind::mixed:
        return pick(kMixed);
      case Kind::zeros:
        return 0.0F;
      case Kind::constant:
        break;
    }
    return 0.3F;
  }

  // `count` floats, zeros up to `padded`.
  std::vector<float> floats(std::int64_t count, Kind kind = Kind::normal, std::int64_t padded = 0) {
    std::vector<float> result(static_cast<std::size_t>(std::max(count, padded)));
    for (std::int64_t i = 0; i < count; ++i) result[static_cast<std::size_t>(i)] = value(kind);
    return result;
  }

 private:
  std::mt19937_64 engine_;
  std::normal_distribution<float> normal_;
};

// The same bits; one NaN is like another.
template <typename Float>
bool same(Float a, Float b) {
  return std::memcmp(&a, &b, sizeof a) == 0 || (std::isnan(a) && std::isnan(b));
}
template <typename Float>
bool same(const std::vector<Float>& a, const std::vector<Float>& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!same(a[i], b[i])) return false;
  }
  return true;
}

}  // namespace mime_fast::test

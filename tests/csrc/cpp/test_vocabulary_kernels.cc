// The kernels of the vocabulary: each table against a naive twin, and bit for bit against the
// scalar one.

#include <algorithm>
#include <cstddef>
#include <functional>
#include <iterator>

#include "check.h"
#include "each_isa.h"
#include "random_floats.h"

namespace mime_fast::test {
namespace {

using cpu::kLanes;
using Floats = std::vector<float>;
using Ids = std::vector<std::int32_t>;

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

// A vocabulary's size, padded: it is what count is in all kernels below but
// sum_exponentials.
std::int64_t random_words(Random& random) {
  return kLanes * (random.one_in(8) ? random.integer(1, 313) : random.integer(1, 20));
}

// ---------------------------------------------------------------------------- float32 logits

// The order of every sum that kernels.h promises.
float naive_dot(const float* w, const float* x, std::int64_t inner) {
  float lanes[kLanes] = {};
  for (std::int64_t k = 0; k < inner; ++k)
    lanes[k % kLanes] = std::fma(w[k], x[k], lanes[k % kLanes]);
  for (std::int64_t half = kLanes / 2; half > 0; half /= 2) {
    for (std::int64_t i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  }
  return lanes[0];
}

// The same products with weights of another type.
template <typename Weight>
cpu::RowDots<Weight> with_weights(const cpu::RowDots<float>& dots, const Weight* w,
                                  const float* scale, float* y) {
  return {.w = w,
          .scale = scale,
          .bias = dots.bias,
          .inner = dots.inner,
          .x = dots.x,
          .rows = dots.rows,
          .first_word = dots.first_word,
          .last_word = dots.last_word,
          .y = y,
          .y_stride = dots.y_stride};
}

// Weights in bfloat16 are the upper halves of floats, and computed as those.
void check_half_row_dots(const Table& table, cpu::RowDots<float> dots) {
  const std::size_t count = at(dots.last_word * dots.inner);
  std::vector<std::uint16_t> half(count);
  Floats widened(count), found(at(dots.rows * dots.y_stride)), expected(found.size());
  for (std::size_t i = 0; i < count; ++i) {
    std::uint32_t bits;
    std::memcpy(&bits, dots.w + i, sizeof bits);
    half[i] = static_cast<std::uint16_t>(bits >> 16);
    bits &= 0xFFFF0000;
    std::memcpy(&widened[i], &bits, sizeof bits);
  }
  dots.w = widened.data();
  dots.y = expected.data();
  table.scalar.row_dots(dots);
  table.fast.half_row_dots(with_weights(dots, half.data(), nullptr, found.data()));
  CHECK(same(found, expected));
}

// Weights in int8 are widened and scaled as they are read.
void check_int8_dots(const Table& table, Random& random, cpu::RowDots<float> dots, const Ids& ids) {
  const std::int64_t words = dots.last_word;
  std::vector<std::int8_t> stored(at(words * dots.inner));
  for (std::int8_t& value : stored) value = static_cast<std::int8_t>(random.integer(-128, 127));
  const Floats scale = random.floats(words, random.pick(kKinds));
  Floats widened(stored.size()), found(at(dots.rows * dots.y_stride)), expected(found.size());
  for (std::size_t i = 0; i < stored.size(); ++i) {
    widened[i] = static_cast<float>(stored[i]) * scale[i / at(dots.inner)];
  }
  dots.w = widened.data();
  dots.y = expected.data();
  table.scalar.row_dots(dots);
  table.fast.int8_row_dots(with_weights(dots, stored.data(), scale.data(), found.data()));
  CHECK(same(found, expected));

  Ids some;
  std::copy_if(ids.begin(), ids.end(), std::back_inserter(some),
               [&](int id) { return id < words; });
  Floats gathered(some.size()), wanted;
  table.fast.int8_gathered_dots({.w = stored.data(),
                                 .scale = scale.data(),
                                 .bias = dots.bias,
                                 .inner = dots.inner,
                                 .x = dots.x,
                                 .ids = some.data(),
                                 .count = std::int64_t(some.size()),
                                 .y = gathered.data()});
  for (const std::int32_t id : some) {
    wanted.push_back(naive_dot(widened.data() + id * dots.inner, dots.x, dots.inner) +
                     dots.bias[id]);
  }
  CHECK(same(gathered, wanted));
}

void test_dots(const Table& table, Random& random) {
  for (int i = 0; i < 80; ++i) {
    const Kind kind = random.one_in(3) ? random.pick(kKinds) : Kind::normal;
    const std::int64_t inner = kLanes * random.integer(1, random.one_in(4) ? 44 : 6);
    const std::int64_t words = random_words(random), rows = random.integer(1, 13);
    const std::int64_t stride = words + kLanes * random.integer(0, 1);
    const std::int64_t first = kLanes * random.integer(0, words / kLanes);
    const std::int64_t last = first + kLanes * random.integer(0, (words - first) / kLanes);
    const Floats w = random.floats(words * inner, kind), bias = random.floats(words, kind);
    const Floats x = random.floats(rows * inner, kind);
    const Floats before = random.floats((rows - 1) * stride + words);
    Floats found = before, expected = before;
    for (std::int64_t row = 0; row < rows; ++row) {
      for (std::int64_t word = first; word < last; ++word) {
        expected[at(row * stride + word)] =
            naive_dot(w.data() + word * inner, x.data() + row * inner, inner) + bias[at(word)];
      }
    }
    const cpu::RowDots<float> dots{.w = w.data(),
                                   .bias = bias.data(),
                                   .inner = inner,
                                   .x = x.data(),
                                   .rows = rows,
                                   .first_word = first,
                                   .last_word = last,
                                   .y = found.data(),
                                   .y_stride = stride};
    table.fast.row_dots(dots);
    CHECK(same(found, expected));
    check_half_row_dots(table, dots);

    Ids ids(at(random.integer(0, 40)));
    for (std::int32_t& id : ids) id = static_cast<std::int32_t>(random.integer(0, words - 1));
    Floats gathered(ids.size()), wanted;
    table.fast.gathered_dots({.w = w.data(),
                              .bias = bias.data(),
                              .inner = inner,
                              .x = x.data(),
                              .ids = ids.data(),
                              .count = std::int64_t(ids.size()),
                              .y = gathered.data()});
    for (const std::int32_t id : ids) {
      wanted.push_back(naive_dot(w.data() + id * inner, x.data(), inner) + bias[at(id)]);
    }
    CHECK(same(gathered, wanted));
    check_int8_dots(table, random, dots, ids);
  }
}

// ---------------------------------------------------------------------------- int8 scores

struct ScreenCase {
  cpu::Screen shape{};
  std::vector<std::uint8_t> w;
  std::vector<std::int8_t> planes;
  Floats scale, bias, unit, before;
  Ids correction;

  ScreenCase(Random& random, std::int32_t max_plane_value, std::int64_t max_plane_vectors) {
    const std::int64_t words = random_words(random), panels = words / kLanes;
    shape.inner = 4 * random.integer(1, random.one_in(4) ? 175 : 20);
    if (random.one_in(3)) shape.inner = 64 * random.integer(1, 10);  // it fills whole tiles
    shape.plane_count = random.integer(1, 2);
    shape.rows = random.integer(1, max_plane_vectors / shape.plane_count);
    shape.first_panel = random.integer(0, panels);
    shape.last_panel = random.integer(shape.first_panel, panels);
    shape.score_stride = words + random.integer(0, 20);
    const Kind kind = random.one_in(3) ? random.pick(kKinds) : Kind::normal;
    scale = random.floats(words, kind);
    bias = random.floats(words, kind);
    for (float& value : bias) value = random.one_in(9) ? -kInfinity : value;
    unit = random.floats(shape.rows, kind);
    before = random.floats((shape.rows - 1) * shape.score_stride + words);
    // Products that all have one sign and the largest size are what would saturate.
    const bool extreme = random.one_in(3);
    const std::int32_t most =
        shape.plane_count == 2 ? std::min(max_plane_value, 63) : max_plane_value;
    w.resize(at(words * shape.inner));
    for (std::uint8_t& value : w) {
      value = static_cast<std::uint8_t>(extreme ? 255 : random.integer(0, 255));
    }
    planes.resize(at(shape.rows * shape.plane_count * shape.inner));
    for (std::int8_t& plane : planes) {
      plane = static_cast<std::int8_t>(extreme ? most : random.integer(-most, most));
    }
    for (std::int64_t row = 0; row < shape.rows; ++row) {
      std::int32_t sum = 0;
      for (std::int64_t k = 0; k < shape.inner; ++k) sum += whole(row, k);
      correction.push_back(128 * sum);
    }
  }

  std::int32_t whole(std::int64_t row, std::int64_t k) const {
    const std::int8_t* own = planes.data() + row * shape.plane_count * shape.inner;
    return shape.plane_count == 2 ? 127 * own[k] + own[shape.inner + k] : own[k];
  }

  Floats run(const cpu::Kernels& kernels) const {
    Floats scores = before;
    cpu::Screen screen = shape;
    screen.w = w.data();
    screen.scale = scale.data();
    screen.bias = bias.data();
    screen.planes = planes.data();
    screen.unit = unit.data();
    screen.correction = correction.data();
    screen.scores = scores.data();
    kernels.screen(screen);
    return scores;
  }

  Floats naive() const {
    Floats scores = before;
    for (std::int64_t row = 0; row < shape.rows; ++row) {
      for (std::int64_t word = shape.first_panel * kLanes; word < shape.last_panel * kLanes;
           ++word) {
        std::int64_t dot = 0;
        for (std::int64_t k = 0; k < shape.inner; ++k) {
          const std::int64_t offset =
              ((word / kLanes * shape.inner / 4 + k / 4) * kLanes + word % kLanes) * 4 + k % 4;
          dot += (w[at(offset)] - 128) * whole(row, k);
        }
        scores[at(row * shape.score_stride + word)] =
            static_cast<float>(dot) * (scale[at(word)] * unit[at(row)]) + bias[at(word)];
      }
    }
    return scores;
  }
};

void test_screen(const Table& table, Random& random) {
  for (int i = 0; i < 150; ++i) {
    const ScreenCase screen(random, random.one_in(2) ? 63 : table.fast.max_plane_value,
                            table.fast.max_plane_vectors);
    CHECK(same(screen.run(table.fast), screen.naive()));
  }
}

// ---------------------------------------------------------------------------- choosing

Floats random_scores(Random& random, std::int64_t count) {
  Floats scores = random.floats(count, random.pick(kKinds));
  const std::int64_t blocked = random.pick(std::vector<std::int64_t>{1, 2, 50, 1 << 30});
  for (float& score : scores) score = random.one_in(blocked) ? -kInfinity : score;
  return scores;
}

void test_group_maxima(const Table& table, Random& random) {
  for (int i = 0; i < 200; ++i) {
    const std::int64_t count = random_words(random);
    const std::int64_t groups = kLanes * random.integer(1, count / kLanes + 1);
    const Floats values = random_scores(random, count);
    Floats found = random.floats(groups), expected(at(groups), -kInfinity);
    for (std::int64_t k = 0; k < count; ++k) {
      expected[at(k % groups)] = std::max(expected[at(k % groups)], values[at(k)]);
    }
    table.fast.group_maxima(values.data(), count, groups, found.data());
    CHECK(found == expected);
  }
}

// Owns what a ScreenBound points at.
struct BoundCase {
  Floats slope, reach;
  cpu::ScreenBound bound{};

  BoundCase(Random& random, std::int64_t count)
      : slope(random.floats(count)), reach(random.floats(count)) {
    for (float& value : slope) value = std::abs(value);
    for (float& value : reach) value = std::abs(value);
    bound = {.slope = slope.data(),
             .reach = reach.data(),
             .norm = std::abs(random.normal()),
             .rest = std::abs(random.normal()) / 9,
             .margin = 1e-6F,
             .slack = std::abs(random.normal())};
    for (std::int64_t word = 0; word < count; ++word) {
      bound.largest = std::max(bound.largest, of(word));
    }
  }

  float of(std::int64_t word) const {
    const float slopes = std::fma(slope[at(word)], bound.norm, bound.margin);
    return std::fma(reach[at(word)], bound.rest, slopes);
  }
};

// The ids of those that pass, as the kernels must give them.
Ids ids_where(std::int64_t count, const std::function<bool(std::int64_t)>& passes) {
  Ids ids;
  for (std::int64_t i = 0; i < count; ++i) {
    if (passes(i)) ids.push_back(static_cast<std::int32_t>(i));
  }
  return ids;
}

void test_gather_possible(const Table& table, Random& random) {
  for (int i = 0; i < 200; ++i) {
    const std::int64_t count = random_words(random);
    const Floats scores = random_scores(random, count);
    const BoundCase bound(random, count);
    // Often just what one word reaches.
    const std::int64_t word = random.integer(0, count - 1);
    const float threshold = random.one_in(3)   ? random.normal()
                            : random.one_in(9) ? std::numeric_limits<float>::lowest()
                                               : scores[at(word)] + bound.of(word);
    Ids ids(at(count + 16));
    ids.resize(
        at(table.fast.gather_possible(scores.data(), bound.bound, threshold, count, ids.data())));
    CHECK(ids == ids_where(count, [&](std::int64_t id) {
            return scores[at(id)] + bound.of(id) >= threshold;
          }));
  }
}

// ---------------------------------------------------------------------------- log-partitions

void test_exponential_accuracy(const Table& table, Random& random) {
  const std::int64_t count = 1 << 14;
  Floats x(at(count)), weights(at(count));
  for (float& value : x) value = static_cast<float>(random.integer(-872'999, 880'000)) * 1e-4F;
  x[0] = -87.3F, x[1] = 88.0F, x[2] = 0, x[3] = -0.0F, x[4] = 1e-45F, x[5] = -1e-7F;
  table.fast.exponentials(x.data(), 0, 1, count, weights.data());
  double worst = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double expected = std::exp(static_cast<double>(x[i]));
    worst = std::max(worst, std::abs(weights[i] - expected) / expected);
  }
  CHECK(worst < 2e-7);
  CHECK(weights[2] == 1 && weights[3] == 1);
}

const Floats kRates{1e-3F, 0.1F, 0.7F, 1.5F, 20.0F, 1e30F};

void test_exponentials(const Table& table, Random& random) {
  for (int i = 0; i < 200; ++i) {
    const std::int64_t count = random_words(random);
    const Floats scores = random_scores(random, count);
    float top = *std::max_element(scores.begin(), scores.end());
    if (top == -kInfinity) top = 0;
    const float rate = random.one_in(2) ? 1.0F : random.pick(kRates);
    Floats found(scores.size()), scalar(scores.size());
    const double sum = table.fast.exponentials(scores.data(), top, rate, count, found.data());
    CHECK(same(sum, table.scalar.exponentials(scores.data(), top, rate, count, scalar.data())));
    CHECK(same(found, scalar));
    const double alone = table.fast.sum_exponentials(scores.data(), top, rate, count);
    CHECK(same(alone, table.scalar.sum_exponentials(scores.data(), top, rate, count)));
    CHECK(std::abs(sum - alone) <= 1e-6 * alone);
    double expected = 0;
    for (std::size_t k = 0; k < found.size(); ++k) {
      const double weight = std::exp(static_cast<double>((scores[k] - top) * rate));
      expected += weight;
      CHECK(std::abs(found[k] - weight) <= 2e-7 * weight + 2e-38);
      CHECK(scores[k] > -kInfinity || found[k] == 0);
    }
    CHECK(std::abs(sum - expected) <= 3e-7 * expected + 1e-34);
  }
}

void test_sum_exponentials(const Table& table, Random& random) {
  for (int i = 0; i < 200; ++i) {
    const std::int64_t count = random.integer(1, random.one_in(4) ? 5000 : 70);
    const Floats scores = random_scores(random, count);
    const float top = *std::max_element(scores.begin(), scores.end());
    if (top == -kInfinity) continue;
    const float rate = random.one_in(2) ? 1.0F : random.pick(kRates);
    const double sum = table.fast.sum_exponentials(scores.data(), top, rate, count);
    CHECK(same(sum, table.scalar.sum_exponentials(scores.data(), top, rate, count)));
    double expected = 0;
    for (const float score : scores) {
      expected += std::exp(static_cast<double>((score - top) * rate));
    }
    CHECK(sum >= 1);
    CHECK(std::abs(sum - expected) <= 3e-7 * expected);
  }
}

void test_split_tail(const Table& table, Random& random) {
  for (int i = 0; i < 200; ++i) {
    const std::int64_t count = random_words(random);
    Floats weights = random.floats(count, random.pick(kKinds));
    for (float& weight : weights) weight = std::min(std::abs(weight), 1.0F);
    const BoundCase bound(random, count);
    const float cut = random.one_in(2) ? random.pick(weights) : 1e-3F;
    Ids ids(at(count + 16)), scalar_ids(ids.size());
    const cpu::Tail found =
        table.fast.split_tail(weights.data(), bound.bound, cut, count, ids.data());
    const cpu::Tail scalar =
        table.scalar.split_tail(weights.data(), bound.bound, cut, count, scalar_ids.data());
    CHECK(same(found.weight, scalar.weight) && same(found.squared_spread, scalar.squared_spread));
    ids.resize(at(found.count));
    CHECK(ids == ids_where(count, [&](std::int64_t id) { return weights[at(id)] >= cut; }));
    double weight = 0, spread = 0;
    for (std::int64_t id = 0; id < count; ++id) {
      if (weights[at(id)] >= cut) continue;
      const float limit = std::fma(bound.slope[at(id)], bound.bound.norm, bound.bound.slack);
      const double product = static_cast<double>(weights[at(id)]) * limit;
      weight += weights[at(id)];
      spread += product * product;
    }
    CHECK(std::abs(found.weight - weight) <= 2e-6 * weight);
    CHECK(std::abs(found.squared_spread - spread) <= 1e-6 * spread + 1e-40);
  }
}

void test_table(const Table& table) {
  Random random(2);  // the same cases for all
  test_dots(table, random);
  test_group_maxima(table, random);
  test_gather_possible(table, random);
  test_exponential_accuracy(table, random);
  test_exponentials(table, random);
  test_sum_exponentials(table, random);
  test_split_tail(table, random);
  test_screen(table, random);  // the last one: its cases depend on max_plane_value
}

}  // namespace
}  // namespace mime_fast::test

int main() {
  using namespace mime_fast;
  test::for_each_table(test::test_table);
  return test::status();
}

// A draw from the best words of a row is the draw from all of them, or none.

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "check.h"
#include "random_floats.h"
#include "sampling/draw.h"

namespace mime_fast::test {
namespace {

struct Case {
  std::vector<TokenLogit> words;  // by id
  SamplingOptions options;
  float max = -kInfinity;
  double total = 0;
  std::vector<double> edges;  // cumulative weights, best first

  explicit Case(Random& random) {
    const bool ties = random.one_in(3);
    const auto count = static_cast<std::int32_t>(random.integer(1, 40));
    for (std::int32_t id = 0; id < count; ++id) {
      words.push_back({random.value(ties ? Kind::ties : Kind::normal), id});
    }
    options.temperature = random.pick(std::vector<double>{1, 0.2, 3});
    options.top_p = random.one_in(2) ? 1 : random.uniform() + 1e-9;
    options.min_p = random.one_in(2) ? 0 : random.uniform();
    std::vector<TokenLogit> ranked = words;
    std::sort(ranked.begin(), ranked.end(), ranks_before);
    max = ranked.front().logit;
    for (const TokenLogit& word : ranked) {
      total += std::exp((double{word.logit} - max) / options.temperature);
      edges.push_back(total);
    }
  }

  // Anywhere, or next to where one word ends and the next begins.
  double uniform(Random& random) const {
    if (random.one_in(2)) return random.uniform();
    const double edge = random.pick(edges) / total;
    const double off = random.pick(std::vector<double>{0, 1e-15, -1e-15, 1e-5, -1e-5, 1e-3});
    return std::clamp(edge + off, 0.0, 1 - 0x1p-53);
  }
};

void test_draw_from_best() {
  Random random(1);
  int certain = 0;
  constexpr int kDraws = cases(200'000);
  for (int i = 0; i < kDraws; ++i) {
    const Case row(random);
    const double uniform = row.uniform(random);
    std::vector<TokenLogit> all = row.words;
    const TokenLogit expected = draw_token(all, row.max, uniform, row.options);
    std::vector<TokenLogit> best = row.words;
    std::sort(best.begin(), best.end(), ranks_before);
    const auto known = random.integer(1, static_cast<std::int64_t>(best.size()));
    best.resize(static_cast<std::size_t>(known));
    const double error = row.total * random.pick(std::vector<double>{1e-12, 1e-6, 1e-3, 0.3});
    // The true total lies anywhere in the range.
    const double low = row.total - error * random.uniform() - 1e-13 * row.total;
    const WeightRange total{low, low + error + 2e-13 * row.total};
    const auto drawn = draw_from_best(best, row.max, total, uniform, row.options);
    if (!drawn) continue;
    ++certain;
    CHECK(drawn->id == expected.id && same(drawn->logit, expected.logit));
  }
  CHECK(certain > kDraws / 4);
}

void test_nothing_is_drawn_from_nothing() {
  std::vector<TokenLogit> none;
  CHECK(!draw_from_best(none, 0, {1, 1.1}, 0.5, {}));
  std::vector<TokenLogit> all{{0, 3}, {0, 5}};
  CHECK(draw_from_best(all, 0, {2, 2.001}, 0.4, {})->id == 3);
  CHECK(draw_from_best(all, 0, {2, 2.001}, 0.6, {})->id == 5);
  CHECK(!draw_from_best(all, 0, {1.999, 2.001}, 0.5, {}));
}

}  // namespace
}  // namespace mime_fast::test

int main() {
  mime_fast::test::test_draw_from_best();
  mime_fast::test::test_nothing_is_drawn_from_nothing();
  return mime_fast::test::status();
}

// What a GPU selects is what the CPU selects: its code, run by one thread.

#include <algorithm>
#include <cmath>
#include <numeric>

#include "check.h"
#include "random_floats.h"
#include "sampling/select_row.h"
#include "sampling/token_logit.h"

namespace mime_fast::test {
namespace {

std::vector<float> random_row(Random& random) {
  const bool ties = random.one_in(3);
  const auto scale = random.pick(std::vector<float>{1, 5, 100});
  std::vector<float> row(static_cast<std::size_t>(random.integer(1, 700)));
  for (float& logit : row) {
    logit = random.one_in(20) ? -kInfinity : random.value(ties ? Kind::ties : Kind::normal) * scale;
  }
  row[static_cast<std::size_t>(random.integer(0, std::int64_t(row.size()) - 1))] = 0.5F;
  return row;
}

void test_places_rank_as_candidates_do() {
  Random random(1);
  for (int i = 0; i < cases(100'000); ++i) {
    const TokenLogit a{random.value(random.one_in(2) ? Kind::ties : Kind::mixed), 3};
    const TokenLogit b{random.value(random.one_in(2) ? Kind::ties : Kind::mixed), 8};
    if (std::isnan(a.logit) || std::isnan(b.logit)) continue;
    CHECK(ranks_before(a, b) == (sort_key_of(a.logit, a.id) > sort_key_of(b.logit, b.id)));
    CHECK(id_of(sort_key_of(a.logit, a.id)) == a.id);
  }
}

// The k-th best word for every k, as sorting finds it.
void test_crossings() {
  Random random(2);
  SelectWorkspace work;
  for (int i = 0; i < 200; ++i) {
    const std::vector<float> row = random_row(random);
    std::vector<TokenLogit> ranked;
    for (std::size_t id = 0; id < row.size(); ++id) {
      ranked.push_back({row[id], static_cast<std::int32_t>(id)});
    }
    std::sort(ranked.begin(), ranked.end(), ranks_before);
    const auto vocab = static_cast<std::int64_t>(row.size());
    const std::int64_t k = random.integer(0, vocab - 1);
    const auto one = [](float, SortKey) { return std::uint64_t{1}; };
    const Crossing found =
        find_crossing(SoleThread{}, row.data(), vocab, one, static_cast<std::uint64_t>(k), work);
    CHECK(id_of(found.key) == ranked[static_cast<std::size_t>(k)].id);
    CHECK(found.before == static_cast<std::uint64_t>(k));
    CHECK(sum_weights(SoleThread{}, row.data(), vocab, one, work) == row.size());
    CHECK(id_of(find_rank(SoleThread{}, row.data(), vocab, 0, work)) == ranked.front().id);
  }
}

void test_it_selects_what_the_cpu_selects() {
  Random random(3);
  SelectWorkspace work;
  constexpr int kDraws = cases(40'000);
  int different = 0;
  for (int i = 0; i < kDraws; ++i) {
    const std::vector<float> row = random_row(random);
    const auto vocab = static_cast<std::int64_t>(row.size());
    SamplingOptions options;
    options.temperature = random.pick(std::vector<double>{1, 0.2, 3, 0.01});
    options.top_k = random.one_in(2) ? random.integer(1, vocab + 5) : 0;
    options.top_p = random.one_in(2) ? 1 : random.uniform() + 1e-9;
    options.min_p = random.one_in(2) ? 0 : random.uniform();
    const double uniform = random.one_in(9) ? 0 : random.one_in(9) ? 1 - 0x1p-53 : random.uniform();
    std::int64_t expected = -1;
    select_tokens({row.data(), 1, vocab}, &uniform, options, &expected);
    const float max = *std::max_element(row.begin(), row.end());
    const std::int64_t found =
        select_token(SoleThread{}, row.data(), vocab, max, uniform, options, work);
    if (found == expected) continue;
    // The weight of the last words of a flat tail may be below the rounding error.
    ++different;
    CHECK(uniform == 1 - 0x1p-53);
  }
  CHECK(different < kDraws / 100);
}

}  // namespace
}  // namespace mime_fast::test

int main() {
  mime_fast::test::test_places_rank_as_candidates_do();
  mime_fast::test::test_crossings();
  mime_fast::test::test_it_selects_what_the_cpu_selects();
  return mime_fast::test::status();
}

// The int8 screening against float32, with any weights. The best words have the same floats. A
// score is within its bound of its logit, and a log-partition within its error.

#include <algorithm>
#include <cstddef>
#include <optional>
#include <stdexcept>
#include <utility>

#include "check.h"
#include "each_isa.h"
#include "random_floats.h"
#include "search/dense_scores.h"
#include "vocabulary/screened_scores.h"

namespace mime_fast::test {
namespace {

using Floats = std::vector<float>;
using Planes = QuantizedVocabulary::Planes;

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

// A word's weights, or a hidden vector.
void fill(Random& random, float scale, float* row, std::int64_t dim) {
  const std::int64_t shape = random.integer(0, 9);
  const float level = random.normal();
  for (std::int64_t i = 0; i < dim; ++i) {
    row[i] = scale * (shape == 0 ? level : shape == 1 ? 0.0F : random.normal());
  }
  if (shape == 2) row[random.integer(0, dim - 1)] *= 1e6F;
  if (shape == 3) {
    for (std::int64_t i = 0; i < dim; ++i) row[i] = scale * random.value(Kind::ties);
  }
}

// A power of ten; mostly what a model has.
float random_scale(Random& random, int least, int most) {
  const std::int64_t power = random.one_in(3) ? random.integer(least, most) : random.integer(-2, 0);
  return static_cast<float>(std::pow(10.0, static_cast<double>(power)));
}

// The words and the hidden vectors of one test.
struct Case {
  std::int64_t dim, words, rows;
  bool repeats;  // whether words are copies of others
  bool aligned;  // whether a hidden vector is as near to a word as it can be
  Floats weight, bias;
  std::optional<Int8Weights> stored;  // what the weights are made of
  Buffer<float> hidden;               // (rows, stride)
  std::int64_t stride;

  // Logits too small to be normal floats, and nothing beside them.
  static Case tiny(Random& random) {
    Case result(random);
    result.bias = random.floats(result.words, Kind::zeros);
    for (float& value : result.weight) value = random.normal() * 1e-20F;
    for (std::int64_t i = 0; i < result.hidden.size(); ++i) {
      result.hidden[i] = i % result.stride < result.dim ? random.normal() * 1e-21F : 0.0F;
    }
    return result;
  }

  // Weights that a checkpoint stores as int8.
  static Case int8(Random& random) {
    Case result(random);
    Int8Weights stored{.rows = result.words, .columns = result.dim, .values = {}, .scale = {}};
    const float usual = random_scale(random, -20, 10);
    for (std::int64_t word = 0; word < result.words; ++word) {
      const bool is_full = random.one_in(2);
      for (std::int64_t i = 0; i < result.dim; ++i) {
        const std::int64_t most = is_full ? 128 : 3;
        stored.values.push_back(static_cast<std::int8_t>(random.integer(-most, most - 1)));
      }
      stored.scale.push_back(usual * random.pick(std::vector<float>{1, 1, 1, 0.5F, -1, 0, 1e-24F}));
    }
    result.weight = stored.to_float();
    result.stored = std::move(stored);
    result.aligned = true;  // words of few integers are alike
    for (std::int64_t row = 0; row < result.rows; ++row) {
      if (random.one_in(2)) result.align(random, result.hidden.data() + row * result.stride);
    }
    return result;
  }

  // Logits that a penalty makes infinite.
  static Case huge(Random& random) {
    Case result(random);
    for (float& value : result.weight) value = random.normal() * 1e17F;
    for (std::int64_t i = 0; i < result.hidden.size(); ++i) {
      result.hidden[i] = i % result.stride < result.dim ? random.normal() * 1e18F : 0.0F;
    }
    return result;
  }

  explicit Case(Random& random)
      : dim(random.integer(4, random.one_in(4) ? 600 : 70)),
        words(random.integer(8, random.one_in(4) ? 3000 : 300)),
        rows(random.integer(1, 7)),
        repeats(random.one_in(2)),
        aligned(random.one_in(2)),
        weight(at(words * dim)),
        bias(random.floats(words, random.one_in(2) ? Kind::normal : Kind::zeros)),
        hidden(rows * cpu::round_up(dim, cpu::kLanes)),
        stride(cpu::round_up(dim, cpu::kLanes)) {
    const float scale = random_scale(random, -20, 10);
    for (std::int64_t word = 0; word < words; ++word) {
      float* row = weight.data() + word * dim;
      fill(random, random.one_in(20) ? random_scale(random, -20, 10) : scale, row, dim);
      if (!repeats || word == 0 || random.one_in(2)) continue;
      const std::int64_t other = random.integer(0, word - 1);
      std::copy_n(weight.data() + other * dim, dim, row);
      bias[at(word)] = bias[at(other)];
    }
    for (std::int64_t row = 0; row < rows; ++row) {
      fill(random, random_scale(random, -20, 10), hidden.data() + row * stride, dim);
      if (aligned && random.one_in(2)) align(random, hidden.data() + row * stride);
    }
  }

  // A hidden vector along a word, or along its rounding errors: where Cauchy and Schwarz are equal.
  void align(Random& random, float* x) const {
    const float* word = weight.data() + random.integer(0, words - 1) * dim;
    float largest = 0;
    for (std::int64_t i = 0; i < dim; ++i) largest = std::max(largest, std::abs(word[i]));
    const float scale = largest / 127;
    const bool errors = random.one_in(2) && scale > 0;
    for (std::int64_t i = 0; i < dim; ++i) {
      x[i] = errors ? word[i] - scale * std::nearbyint(word[i] / scale) : word[i];
    }
  }
};

struct RandomConstraint {
  std::vector<std::int32_t> blocked, penalised;
  float penalty;

  RandomConstraint(Random& random, std::int64_t words)
      : penalty(random.pick(std::vector<float>{1.3F, 0.7F, 100.0F, 0.01F, 1.0F})) {
    const std::int64_t block = random.pick(std::vector<std::int64_t>{1 << 20, 3, 20, 1});
    const std::int64_t penalise = random.pick(std::vector<std::int64_t>{1 << 20, 3, 20, 1});
    for (std::int32_t id = 0; id < words; ++id) {
      if (random.one_in(block)) blocked.push_back(id);
      if (random.one_in(block) && random.one_in(2)) blocked.push_back(id);
      if (random.one_in(penalise)) penalised.push_back(id);
    }
  }
  Constraint view() const {
    return {.blocked = blocked.data(),
            .blocked_count = blocked.size(),
            .penalised = penalised.data(),
            .penalised_count = penalised.size(),
            .penalty = penalty};
  }
};

bool same_candidates(const std::vector<TokenLogit>& a, const std::vector<TokenLogit>& b) {
  const auto equal = [](const TokenLogit& x, const TokenLogit& y) {
    return x.id == y.id && same(x.logit, y.logit);
  };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), equal);
}

void check_log_partition(const LogPartition& found, const LogPartition& expected, float best) {
  CHECK(found.error >= 0);
  CHECK(found.value >= static_cast<double>(best));
  const double size = 1 + std::abs(expected.value);
  CHECK(std::abs(found.value - expected.value) <= found.error + 1e-6 * size);
}

bool constrains(RowScores& scores, const Constraint& constraint) {
  try {
    scores.constrain(constraint);
    return true;
  } catch (const std::invalid_argument&) {
    return false;
  }
}

class Comparison {
 public:
  Comparison(const cpu::Kernels& kernels, const Case& data, Random& random)
      : kernels_(kernels),
        data_(data),
        random_(random),
        plain_(data.weight, data.bias, data.dim, false, alone_),
        vocabulary_(data.stored
                        ? Vocabulary(*data.stored, data.bias, Vocabulary::Format::int8, alone_)
                        : Vocabulary(data.weight, data.bias, data.dim, false, alone_)),
        screened_(data.stored ? QuantizedVocabulary(alone_, vocabulary_, *data.stored)
                              : QuantizedVocabulary(alone_, vocabulary_)),
        screen_(&screened_, data.rows),
        scratch_(vocabulary_.padded_words()),
        logits_(data.rows * vocabulary_.padded_words()) {}

  // False if the logits are too large, which it must say.
  bool run(Team& team, Planes planes) {
    const RowView hidden{const_cast<float*>(data_.hidden.data()), data_.rows, data_.stride};
    plain_.project(kernels_, team, hidden,
                   {logits_.data(), data_.rows, vocabulary_.padded_words()});
    try {
      screened_.screen(kernels_, team, hidden, planes, screen_);
    } catch (const std::invalid_argument&) {
      return false;
    }
    for (std::int64_t row = 0; row < data_.rows; ++row) {
      check_bounds(row);
      for (int i = 0; i < 3; ++i) check_row(row, planes);
    }
    return true;
  }

 private:
  void check_bounds(std::int64_t row) const {
    const cpu::ScreenBound& bound = screen_.bounds[at(row)];
    bool right = true;
    for (std::int64_t word = 0; word < data_.words; ++word) {
      const std::int64_t index = row * vocabulary_.padded_words() + word;
      const double apart =
          std::abs(static_cast<double>(screen_.scores[index]) - double{logits_[index]});
      right = right && apart <= double{bound.slope[word]} * bound.norm +
                                    double{bound.reach[word]} * bound.rest + bound.margin;
    }
    CHECK(right);
  }

  void check_row(std::int64_t row, Planes planes) {
    const RandomConstraint constraint(random_, data_.words);
    const std::int64_t padded = vocabulary_.padded_words();
    Buffer<float> scores(padded);
    std::copy_n(screen_.scores.data() + row * padded, padded, scores.data());
    Floats logits(logits_.data() + row * padded, logits_.data() + row * padded + data_.words);
    ScreenedScores fast(vocabulary_, kernels_);
    fast.use(scratch_);
    fast.reset(data_.hidden.data() + row * data_.stride, scores.data(), screen_.bounds[at(row)]);
    DenseScores slow(logits.data(), data_.words, kernels_);
    const bool finite = constrains(slow, constraint.view());
    CHECK(constrains(fast, constraint.view()) == finite);
    if (!finite) return;
    for (const std::int64_t k : {std::int64_t{1}, std::int64_t{2}, std::int64_t{10}, data_.words}) {
      const Needs needs{k, k == data_.words};
      fast.prepare(needs);
      slow.prepare(needs);
      CHECK(same_candidates(fast.best(), slow.best()));
    }
    check_draws(fast, slow, true);
    // With one plane, or of words that are equal or aligned, errors do not cancel.
    if (planes == Planes::two && !data_.repeats && !data_.aligned) {
      check_log_partition(fast.log_partition(), slow.log_partition(), slow.best().front().logit);
      check_draws(fast, slow, false);
    }
  }

  // fast, slow: what is left of their logits holds for any number of draws.
  void check_draws(RowScores& fast, RowScores& slow, bool ranked) {
    for (int i = 0; i < 10; ++i) {
      SamplingOptions options;
      options.temperature = random_.pick(std::vector<double>{1, 0.7, 1.5, 0.2, 0.01, 100});
      options.top_k = ranked ? random_.pick(std::vector<std::int64_t>{1, 2, 10, data_.words}) : 0;
      options.top_p = random_.one_in(2) ? 1 : random_.pick(std::vector<double>{0.9, 0.3, 1e-9});
      options.min_p = random_.one_in(2) ? 0 : random_.pick(std::vector<double>{1, 0.1, 1e-3});
      const double uniform = random_.uniform();
      Needs needs;
      needs.draw = options;
      for (RowScores* scores : {&fast, &slow}) {
        scores->set_uniform(uniform);
        scores->prepare(needs);
      }
      CHECK(same_candidates({fast.drawn()}, {slow.drawn()}));
    }
  }

  const cpu::Kernels& kernels_;
  const Case& data_;
  Random& random_;
  Team alone_;
  Vocabulary plain_;  // in float32
  Vocabulary vocabulary_;
  QuantizedVocabulary screened_;
  QuantizedVocabulary::Scratch screen_;
  ScreenedRow::Scratch scratch_;
  Buffer<float> logits_;
};

void test_isa(const cpu::Kernels& kernels, std::uint64_t seed) {
  Random random(seed);
  ThreadPool pool(2);
  Team team(pool);
  int refused = 0;
  constexpr int kCases = cases(150);
  for (int i = 0; i < kCases; ++i) {
    const Case data = i % 10 == 0   ? Case::tiny(random)
                      : i % 10 == 1 ? Case::huge(random)
                      : i % 10 <= 4 ? Case::int8(random)
                                    : Case(random);
    Comparison comparison(kernels, data, random);
    for (const Planes planes : {Planes::one, Planes::two}) {
      if (!comparison.run(team, planes)) ++refused;
    }
  }
  CHECK(refused < kCases / 10);
}

}  // namespace
}  // namespace mime_fast::test

// An argument: another seed.
int main(int count, char** arguments) {
  using namespace mime_fast;
  const std::uint64_t seed = count > 1 ? std::stoull(arguments[1]) : 3;
  for (const cpu::Isa isa : test::supported_isas()) test::test_isa(cpu::kernels(isa), seed);
  return test::status();
}

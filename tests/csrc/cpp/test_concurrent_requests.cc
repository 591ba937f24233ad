// Many requests at once on one engine: each gets the reply that it gets alone.

#include <thread>

#include "check.h"
#include "engine/decoding.h"
#include "tiny_model.h"

namespace mime_fast::test {
namespace {

// Every float and token of a reply.
struct Reply {
  std::vector<std::vector<std::int32_t>> tokens;
  std::vector<double> log_probs;

  bool operator==(const Reply& other) const {
    return tokens == other.tokens && log_probs == other.log_probs;
  }
};

Reply answer(const std::shared_ptr<Engine>& engine, std::uint64_t number) {
  Random random(number);
  const std::size_t requests = random.one_in(3) ? 3 : 1;
  std::vector<std::shared_ptr<const Encoded>> encoded;
  std::vector<std::uint64_t> seeds;
  for (std::size_t i = 0; i < requests; ++i) {
    encoded.push_back(random_encoded(*engine, random));
    seeds.push_back(number + i);
  }
  Decoding decoding(engine, encoded, random_options(random, 12), seeds);
  decoding.run();
  Reply reply;
  for (std::size_t i = 0; i < requests; ++i) {
    for (const Hypothesis& hypothesis : decoding.search(i).results()) {
      reply.tokens.push_back(hypothesis.tokens);
      reply.log_probs.push_back(hypothesis.log_prob);
    }
  }
  return reply;
}

void test(ComputeType compute_type) {
  constexpr std::uint64_t kRequests = 60;
  Random random(4);
  ModelConfig config = random_config(random);
  config.vocab_size = 200;
  config.max_positions = 40;
  const RandomModel model(config, random, false);
  const auto engine = std::make_shared<Engine>(model.path(), config, compute_type, 3);
  std::vector<Reply> expected;
  for (std::uint64_t number = 0; number < kRequests; ++number) {
    expected.push_back(answer(engine, number));
  }
  std::atomic<int> wrong{0};
  std::vector<std::thread> callers;
  for (std::uint64_t caller = 0; caller < 6; ++caller) {
    callers.emplace_back([&, caller] {
      for (std::uint64_t i = 0; i < kRequests; ++i) {
        const std::uint64_t number = (7 * i + 11 * caller) % kRequests;
        wrong += answer(engine, number) == expected[number] ? 0 : 1;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  CHECK(wrong == 0);
}

}  // namespace
}  // namespace mime_fast::test

int main() {
  mime_fast::test::test(mime_fast::ComputeType::float32);
  mime_fast::test::test(mime_fast::ComputeType::int8);
  return mime_fast::test::status();
}

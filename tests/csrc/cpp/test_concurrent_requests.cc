// Many requests at once on one engine, in a batch or side by side: each gets the reply that it gets
// alone.

#include <thread>

#include "check.h"
#include "engine/decoding_session.h"
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

Reply reply_to(DecodingSession& decoding, std::size_t request) {
  Reply reply;
  for (const Hypothesis& hypothesis : decoding.search(request).results()) {
    reply.tokens.push_back(hypothesis.tokens);
    reply.log_probs.push_back(hypothesis.log_prob);
  }
  return reply;
}

Reply answer(const std::shared_ptr<Engine>& engine, std::uint64_t number) {
  Random random(number);
  const std::shared_ptr<const EncoderOutput> encoded = random_encoded(*engine, random);
  DecodingSession decoding(engine, random_options(random, 12), 1);
  decoding.join(encoded, number);
  decoding.run();
  return reply_to(decoding, 0);
}

std::shared_ptr<Engine> random_engine(Random& random, const std::string& architecture,
                                      ComputeType compute_type) {
  ModelConfig config = random_config(random);
  while (config.architecture != architecture) config = random_config(random);
  config.vocab_size = 200;
  config.max_positions = 40;
  const RandomModel model(config, random, false);
  return std::make_shared<Engine>(model.path(), config, compute_type, 3);
}

// What the engine says greedily, so that some of it is drafted.
void learn_drafts(const std::shared_ptr<Engine>& engine, Random& random) {
  GenerationOptions greedy;
  greedy.max_new_tokens = 12;
  for (int i = 0; i < 20; ++i) {
    DecodingSession decoding(engine, greedy, 1);
    decoding.join(random_encoded(*engine, random), 0);
    decoding.run();
    TokenIds before{-1, -1, -1, kSos};
    const Hypothesis reply = decoding.search(0).results().front();
    for (const std::int32_t token : reply.tokens) {
      if (random.one_in(2)) engine->drafts.add(before.data(), {token, 1});
      std::copy(before.begin() + 1, before.end(), before.begin());
      before.back() = token;
    }
  }
}

// Requests of all lengths that join at any step, more of them than there are rows.
void test_joining(const std::string& architecture, ComputeType compute_type) {
  constexpr std::size_t kRequests = 50;
  Random random(5);
  const auto engine = random_engine(random, architecture, compute_type);
  learn_drafts(engine, random);
  std::int64_t drafted = 0;
  for (int i = 0; i < 12; ++i) {
    GenerationOptions options = i < 3 ? GenerationOptions{} : random_options(random, 12);
    options.max_new_tokens = 12;
    DecodingSession together(engine, options, random.one_in(2) ? 1 : kRequests);
    std::vector<Reply> alone;
    while (together.advance() || alone.size() < kRequests) {
      const std::int64_t joining = random.one_in(3) ? random.integer(0, 9) : 0;
      for (std::int64_t j = 0; j < joining && alone.size() < kRequests; ++j) {
        const std::shared_ptr<const EncoderOutput> encoded = random_encoded(*engine, random);
        const std::uint64_t seed = alone.size();
        CHECK(together.join(encoded, seed) == seed);
        options.speculation = random.one_in(2);
        DecodingSession decoding(engine, options, 1);
        decoding.join(encoded, seed);
        decoding.run();
        alone.push_back(reply_to(decoding, 0));
        drafted += static_cast<std::int64_t>(alone.back().tokens[0].size()) - decoding.steps();
      }
    }
    for (std::size_t request = 0; request < kRequests; ++request) {
      CHECK(reply_to(together, request) == alone[request]);
    }
  }
  CHECK(drafted > 0);
}

void test_threads(const std::string& architecture, ComputeType compute_type) {
  constexpr std::uint64_t kRequests = 60;
  Random random(4);
  const auto engine = random_engine(random, architecture, compute_type);
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
  using mime_fast::ComputeType;
  for (const char* architecture :
       {mime_fast::Mime::kArchitecture, mime_fast::Moel::kArchitecture}) {
    for (const ComputeType compute_type : {ComputeType::float32, ComputeType::int8}) {
      mime_fast::test::test_joining(architecture, compute_type);
      mime_fast::test::test_threads(architecture, compute_type);
    }
  }
  return mime_fast::test::status();
}

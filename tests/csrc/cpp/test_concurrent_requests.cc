// Many requests at once on one engine, in a batch or side by side: each gets the reply that it gets
// alone.

#include <algorithm>
#include <deque>
#include <thread>

#include "check.h"
#include "replies.h"

namespace mime_fast::test {
namespace {

Reply answer(const std::shared_ptr<Engine>& engine, std::uint64_t number) {
  Random random(number);
  const std::shared_ptr<const EncoderOutput> encoded = random_encoded(*engine, random);
  return reply_alone(engine, encoded, random_options(random, 12), number);
}

// Requests of all lengths that join at any step, more of them than there are rows.
void test_joining(const std::string& architecture, ComputeType compute_type) {
  constexpr std::size_t kRequests = 50;
  Random random(5);
  const auto engine = random_engine(random, architecture, compute_type);
  learn_drafts(engine, random);
  std::int64_t drafted = 0;
  for (int i = 0; i < cases(12); ++i) {
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

// Requests of different options that join, end and are released at any step. Some fail.
void test_mixed(const std::string& architecture, ComputeType compute_type) {
  constexpr std::size_t kAtOnce = 12;
  constexpr std::size_t kRequests = std::max<std::size_t>(40, cases(120));  // some of them fail
  struct Pending {
    std::size_t number;
    Reply alone;
    bool fails;
  };
  Random random(6);
  const auto engine = random_engine(random, architecture, compute_type);
  learn_drafts(engine, random);
  GenerationOptions short_replies;
  short_replies.max_new_tokens = 2;  // so that buffers have to grow
  DecodingSession together(engine, short_replies, 1);
  std::deque<Pending> pending;
  std::size_t joined = 0, compared = 0, failed = 0;
  while (joined < kRequests || !pending.empty()) {
    while (joined < kRequests && pending.size() < kAtOnce && !random.one_in(3)) {
      const std::shared_ptr<const EncoderOutput> encoded = random_encoded(*engine, random);
      GenerationOptions options = random_options(random, 12);
      const bool fails = random.one_in(8);
      Reply alone;
      if (fails) {
        options.min_new_tokens = options.max_new_tokens = 12;
        options.stop = std::make_shared<FailingStop>();
      } else {
        alone = reply_alone(engine, encoded, options, joined);
      }
      pending.push_back({together.join(encoded, options, joined++), alone, fails});
    }
    if (!together.is_over()) {
      Team team(engine->pool);
      together.step(team);
    }
    for (std::size_t i = pending.size(); i-- > 0;) {
      const Pending request = pending[i];
      const bool ended = together.has_ended(request.number);
      if (!ended && !random.one_in(40)) continue;
      if (ended) {
        CHECK((together.error(request.number) != nullptr) == request.fails);
        CHECK(request.fails || reply_to(together, request.number) == request.alone);
        ++(request.fails ? failed : compared);
      }
      together.release(request.number);
      pending.erase(pending.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
  CHECK(compared > kRequests / 2);
  CHECK(failed > kRequests / 40);
  CHECK(together.size() <= kAtOnce);  // numbers are used again
}

// A search that needs many rows leaves no buffers behind, and changes no other reply.
void test_wide_search(ComputeType compute_type) {
  Random random(8);
  const auto engine = random_engine(random, Mime::kArchitecture, compute_type);
  GenerationOptions wide, greedy;
  wide.num_beams = 400;
  wide.max_new_tokens = greedy.max_new_tokens = greedy.min_new_tokens = 30;
  const auto encoded = random_encoded(*engine, random);
  DecodingSession together(engine, greedy, 4);
  Team team(engine->pool);
  const std::size_t first = together.join(encoded, wide, 1);
  for (int i = 0; i < 3; ++i) together.step(team);
  const std::size_t second = together.join(encoded, greedy, 2);
  together.release(first);
  while (!together.is_over()) together.step(team);
  CHECK(reply_to(together, second) == reply_alone(engine, encoded, greedy, 2));
  CHECK(together.join(encoded, wide, 3) == first);
  while (!together.is_over()) together.step(team);
  CHECK(reply_to(together, first) == reply_alone(engine, encoded, wide, 3));
}

void test_threads(const std::string& architecture, ComputeType compute_type) {
  constexpr std::uint64_t kRequests = cases(60);
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
      mime_fast::test::test_mixed(architecture, compute_type);
      mime_fast::test::test_threads(architecture, compute_type);
    }
  }
  mime_fast::test::test_wide_search(ComputeType::float32);
  mime_fast::test::test_wide_search(ComputeType::int8);
  return mime_fast::test::status();
}

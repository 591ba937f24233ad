// Random tiny models, some with hostile weights, answer random ids with random noise and options.
// Options that are out of range are refused. Only a std::exception may be thrown. Replies are ids
// of the vocabulary, the same ones from float32 and from int8.
//   fuzz_engine [seconds = 2] [first number = 0]

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <limits>

#include "engine/decoding_session.h"
#include "tiny_model.h"

namespace mime_fast::test {
namespace {

void require(bool holds, const char* what, std::uint64_t number) {
  if (holds) return;
  std::cerr << "does not hold: " << what << "; repeat with: fuzz_engine 1 " << number << "\n";
  std::abort();
}

// Options of which one is out of its range.
GenerationOptions wrong_options(Random& random, std::int64_t positions) {
  constexpr double kWild[] = {std::numeric_limits<double>::quiet_NaN(),
                              std::numeric_limits<double>::infinity(), -1e300};
  GenerationOptions options = random_options(random, positions);
  const double wild = random.pick(kWild);
  const std::int64_t below =
      random.one_in(2) ? std::numeric_limits<std::int64_t>::min() : -random.integer(1, 9);
  switch (random.integer(0, 9)) {
    case 0:
      options.max_new_tokens = random.one_in(2) ? below : positions + random.integer(1, 9);
      break;
    case 1:
      options.min_new_tokens = below;
      break;
    case 2:
      options.num_beams = random.one_in(2) ? below : std::int64_t{1} << random.integer(10, 62);
      break;
    case 3:
      options.length_penalty = wild;
      break;
    case 4:
      options.temperature = wild;
      break;
    case 5:
      options.top_k = below;
      break;
    case 6:
      options.top_p = wild;
      break;
    case 7:
      options.min_p = wild;
      break;
    case 8:
      options.repetition_penalty = wild;
      break;
    default:
      options.num_return_sequences = below;
      break;
  }
  return options;
}

void require_refusal(const std::shared_ptr<Engine>& engine, Random random, std::uint64_t number) {
  try {
    const DecodingSession decoding(engine,
                                   wrong_options(random, engine->model->config().max_positions), 1);
  } catch (const std::invalid_argument&) {
    return;
  }
  require(false, "a wrong option is refused", number);
}

struct Outcome {
  std::vector<TokenIds> replies;
  std::string error;  // what was thrown
};

Outcome decode(const std::shared_ptr<Engine>& engine, Random random, bool hostile,
               std::uint64_t number) {
  Outcome outcome;
  try {
    const std::size_t requests = random.one_in(8) ? 40 : random.one_in(2) ? 3 : 1;
    std::vector<std::shared_ptr<const EncoderOutput>> encoded;
    for (std::size_t i = 0; i < requests; ++i) {
      encoded.push_back(random_encoded(*engine, random, hostile));
    }
    const ModelConfig& config = engine->model->config();
    DecodingSession decoding(engine, random_options(random, config.max_positions), 1);
    const auto join = [&] { decoding.join(encoded[decoding.size()], number); };
    join();
    while (decoding.advance() || decoding.size() < requests) {
      if (decoding.size() < requests && random.one_in(2)) join();
      const auto request = static_cast<std::size_t>(
          random.integer(0, static_cast<std::int64_t>(decoding.size()) - 1));
      static_cast<void>(decoding.search(request).leader());
      static_cast<void>(decoding.search(request).agreed());
    }
    for (std::size_t request = 0; request < decoding.size(); ++request) {
      for (const Hypothesis& reply : decoding.search(request).results()) {
        outcome.replies.push_back(reply.tokens);
        for (const std::int32_t id : reply.tokens) {
          require(id >= 0 && id < config.vocab_size, "ids are of the vocabulary", number);
        }
      }
    }
  } catch (const std::exception& error) {
    outcome.error = error.what();
  }
  return outcome;
}

// Whether the replies were complete.
bool run_one(std::uint64_t number) {
  Random random(number);
  const ModelConfig config = random_config(random);
  const bool hostile = random.one_in(2);
  const RandomModel model(config, random, hostile);
  const int threads = random.one_in(2) ? 1 : 2;
  std::vector<Outcome> outcomes;
  for (const ComputeType type : {ComputeType::float32, ComputeType::int8}) {
    try {
      const auto engine = std::make_shared<Engine>(model.path(), config, type, threads);
      require_refusal(engine, random, number);
      outcomes.push_back(decode(engine, random, hostile, number));
    } catch (const std::exception& error) {
      outcomes.push_back({{}, error.what()});
    }
  }
  const bool answered = outcomes[0].error.empty() && outcomes[1].error.empty();
  if (answered && !hostile) {
    require(outcomes[0].replies == outcomes[1].replies, "int8 says what float32 says", number);
  }
  if (!hostile && !answered) std::cerr << outcomes[0].error << outcomes[1].error << "\n";
  require(hostile || answered, "a sound model answers", number);
  return answered;
}

}  // namespace
}  // namespace mime_fast::test

int main(int count, char** arguments) {
  using Clock = std::chrono::steady_clock;
  const long seconds = count > 1 ? std::stol(arguments[1]) : 2;
  const std::uint64_t first = count > 2 ? std::stoull(arguments[2]) : 0;
  const auto end = Clock::now() + std::chrono::seconds(seconds);
  std::uint64_t number = first, answered = 0;
  for (; Clock::now() < end; ++number) answered += mime_fast::test::run_one(number) ? 1U : 0U;
  std::cout << number - first << " models, " << answered << " answered\n";
}

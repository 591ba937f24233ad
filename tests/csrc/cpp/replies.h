#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/decoding_session.h"
#include "tiny_model.h"

// Replies, and engines that give them.
namespace mime_fast::test {

// Every float and token of a reply.
struct Reply {
  std::vector<std::vector<std::int32_t>> tokens;
  std::vector<double> log_probs;

  bool operator==(const Reply& other) const {
    return tokens == other.tokens && log_probs == other.log_probs;
  }
};

inline Reply to_reply(const std::vector<Hypothesis>& results) {
  Reply reply;
  for (const Hypothesis& hypothesis : results) {
    reply.tokens.push_back(hypothesis.tokens);
    reply.log_probs.push_back(hypothesis.log_prob);
  }
  return reply;
}

inline Reply reply_to(DecodingSession& decoding, std::size_t request) {
  return to_reply(decoding.search(request).results());
}

inline Reply reply_alone(const std::shared_ptr<Engine>& engine,
                         const std::shared_ptr<const EncoderOutput>& encoded,
                         const GenerationOptions& options, std::uint64_t seed) {
  DecodingSession decoding(engine, options, 1);
  decoding.join(encoded, seed);
  decoding.run();
  return reply_to(decoding, 0);
}

// Throws when the reply has two tokens.
class FailingStop final : public StopCondition {
 public:
  bool ends(const TokenIds& tokens) const override {
    if (tokens.size() == 2) throw std::runtime_error("the stop condition failed");
    return false;
  }
};

inline std::shared_ptr<Engine> random_engine(Random& random, const std::string& architecture,
                                             ComputeType compute_type) {
  ModelConfig config = random_config(random);
  while (config.architecture != architecture) config = random_config(random);
  config.vocab_size = 200;
  config.max_positions = 40;
  const RandomModel model(config, random, false);
  return std::make_shared<Engine>(model.path(), config, compute_type, 3);
}

// Learns the words of a reply, of which `is_learned` chooses some.
template <typename Choice>
void learn_reply(Engine& engine, const TokenIds& reply, Choice&& is_learned) {
  TokenIds before{-1, -1, -1, kSos};
  for (const std::int32_t token : reply) {
    if (is_learned()) engine.drafts.add(before.data(), {token, 1});
    std::copy(before.begin() + 1, before.end(), before.begin());
    before.back() = token;
  }
}

// What the engine says greedily, so that some of it is drafted.
inline void learn_drafts(const std::shared_ptr<Engine>& engine, Random& random) {
  GenerationOptions greedy;
  greedy.max_new_tokens = 12;
  for (int i = 0; i < 20; ++i) {
    DecodingSession decoding(engine, greedy, 1);
    decoding.join(random_encoded(*engine, random), 0);
    decoding.run();
    learn_reply(*engine, decoding.search(0).results().front().tokens,
                [&] { return random.one_in(2); });
  }
}

}  // namespace mime_fast::test

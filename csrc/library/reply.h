#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "library/logprobs.h"
#include "models/emotions.h"
#include "search/hypothesis.h"
#include "text/crisis/finder.h"

namespace mime_fast {

// Why a reply ends.
enum class Finish {
  stop,     // the model or a stop string ended it
  length,   // max_new_tokens were generated
  crisis,   // the fixed reply to a crisis; nothing was generated
  careful,  // a fixed reply, since what was generated is too cheerful or careless
};

// One reply of an n-best list.
struct Candidate {
  std::string text;
  TokenIds tokens;              // all that were generated but end-of-reply
  std::optional<double> score;  // nothing: it was not asked for
  Finish finish = Finish::stop;
  // One for each token, and for a generated end-of-reply; empty: they were not asked for.
  std::vector<TokenLogprobs> logprobs = {};
};

// A reply and what led to it, as Response in mime_fast/types.py.
struct Reply {
  std::vector<Candidate> candidates;         // the reply first
  std::int64_t emotion = 0;                  // the speaker's, recognised or forced
  std::array<double, kEmotions> emotions{};  // their probabilities
  bool has_mixture = false;
  std::array<float, kPositives> positive{};  // weights, in the order of kPositive
  std::array<float, kNegatives> negative{};
  std::optional<bool> mimics_positive;  // nothing: the system does not mimic
  std::uint64_t seed = 0;               // repeats the reply
  double encode_ms = 0, decode_ms = 0;
  std::int64_t prompt_tokens = 0;
  std::int64_t dropped_turns = 0, dropped_words = 0;
  std::int64_t words = 0, unknown_words = 0;  // of the last turn
  std::optional<Crisis> crisis;
};

}  // namespace mime_fast

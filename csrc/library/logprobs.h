#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "search/hypothesis.h"
#include "text/reply_tokenizer.h"

namespace mime_fast {

// A token and its log-probability: the model's own, before penalties and temperature.
struct TokenLogprob {
  std::int32_t token = 0;
  std::string word;
  double logprob = 0;
};

// A generated token, and the likeliest tokens at its position: best first, of equals the lowest id.
struct TokenLogprobs : TokenLogprob {
  std::vector<TokenLogprob> top;
};

// Log-probabilities of each token of each reply, (replies, tokens), as mime_fast/logprobs.py: the
// replies are decoded once more.
//   memory  // of the message that all of them answer
//   count   // how many of the likeliest tokens are listed
std::vector<std::vector<TokenLogprobs>> score_replies(Engine& engine,
                                                      const ReplyTokenizer& tokenizer,
                                                      const EncoderMemory& memory,
                                                      const std::vector<TokenIds>& replies,
                                                      std::int64_t count);

}  // namespace mime_fast

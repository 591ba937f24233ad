// What a call of mime_fast.hpp gives or throws.
#ifndef MIME_FAST_RESPONSE_HPP
#define MIME_FAST_RESPONSE_HPP

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "mime_fast/mime_fast.h"

namespace mime_fast {

// What a call threw: its message says what is wrong, and the remedy.
class Error : public std::runtime_error {
 public:
  Error(mime_fast_status status, const std::string& message)
      : std::runtime_error(message), status_(status) {}
  mime_fast_status status() const noexcept { return status_; }

 private:
  mime_fast_status status_;
};

// A signal of a crisis in the speaker's turns.
struct CrisisSignal {
  std::string category;
  std::string about;  // "self" or "other"
  std::size_t turn;   // index of the turn that it was found in
};

// A token and its log-probability: the model's own, before penalties and temperature.
struct ScoredToken {
  std::int32_t token;
  std::string word;
  double logprob;
};

// A generated token, and the likeliest tokens at its position.
struct ScoredPosition : ScoredToken {
  std::vector<ScoredToken> top;
};

// One reply of an n-best list.
struct ReplyCandidate {
  std::string text;
  std::string finish_reason;
  std::optional<double> score;
  std::vector<std::int32_t> tokens;
  std::vector<ScoredPosition> logprobs;  // with the option of that name
};

// A reply, and what led to it.
class Response {
 public:
  explicit Response(mime_fast_response* response) : response_(response) {}

  std::string text() const { return mime_fast_response_text(get()); }
  std::string finish_reason() const { return mime_fast_response_finish_reason(get()); }
  std::string emotion() const { return mime_fast_response_emotion(get()); }
  std::string polarity() const { return mime_fast_response_polarity(get()); }
  std::uint64_t seed() const { return mime_fast_response_seed(get()); }

  std::optional<CrisisSignal> crisis() const {
    const char* const category = mime_fast_response_crisis(get());
    if (category == nullptr) return std::nullopt;
    return CrisisSignal{category, mime_fast_response_crisis_about(get()),
                        mime_fast_response_crisis_turn(get())};
  }

  // The probabilities of the speaker's emotions, by name.
  std::map<std::string, double> emotions() const {
    return by_emotion(mime_fast_response_probability);
  }
  // The weights of the emotions that the reply is composed of, by name.
  std::map<std::string, double> mixture() const { return by_emotion(mime_fast_response_mixture); }
  // "positive" or "negative"; nothing: the model mimics none.
  std::optional<std::string> mimicked() const {
    const char* const group = mime_fast_response_mimicked(get());
    return group == nullptr ? std::nullopt : std::optional<std::string>(group);
  }

  std::vector<ReplyCandidate> candidates() const {
    std::vector<ReplyCandidate> found;
    const std::size_t count = mime_fast_response_candidate_count(get());
    for (std::size_t i = 0; i < count; ++i) found.push_back(candidate(i));
    return found;
  }

  double encode_milliseconds() const { return mime_fast_response_encode_milliseconds(get()); }
  double decode_milliseconds() const { return mime_fast_response_decode_milliseconds(get()); }
  std::int64_t prompt_tokens() const { return mime_fast_response_prompt_tokens(get()); }
  std::int64_t dropped_turns() const { return mime_fast_response_dropped_turns(get()); }
  std::int64_t dropped_words() const { return mime_fast_response_dropped_words(get()); }
  std::int64_t words() const { return mime_fast_response_words(get()); }
  std::int64_t unknown_words() const { return mime_fast_response_unknown_words(get()); }

  const mime_fast_response* get() const { return response_.get(); }

 private:
  struct Destroy {
    void operator()(mime_fast_response* response) const { mime_fast_response_destroy(response); }
  };

  template <typename Value>
  std::map<std::string, double> by_emotion(Value value) const {
    std::map<std::string, double> found;
    for (std::size_t i = 0; i < mime_fast_emotion_count(); ++i) {
      found[mime_fast_emotion_name(i)] = value(get(), i);
    }
    return found;
  }

  ReplyCandidate candidate(std::size_t index) const {
    const double score = mime_fast_response_candidate_score(get(), index);
    std::size_t count = 0;
    const std::int32_t* const tokens = mime_fast_response_candidate_tokens(get(), index, &count);
    return {mime_fast_response_candidate_text(get(), index),
            mime_fast_response_candidate_finish_reason(get(), index),
            std::isnan(score) ? std::nullopt : std::optional<double>(score),
            std::vector<std::int32_t>(tokens, tokens + count), logprobs(index)};
  }

  ScoredToken scored(std::size_t candidate, std::size_t position, std::size_t rank) const {
    return {mime_fast_response_candidate_logprob_token(get(), candidate, position, rank),
            mime_fast_response_candidate_logprob_word(get(), candidate, position, rank),
            mime_fast_response_candidate_logprob(get(), candidate, position, rank)};
  }

  std::vector<ScoredPosition> logprobs(std::size_t candidate) const {
    std::vector<ScoredPosition> found;
    const std::size_t count = mime_fast_response_candidate_logprob_count(get(), candidate);
    for (std::size_t position = 0; position < count; ++position) {
      found.push_back({scored(candidate, position, MIME_FAST_GENERATED), {}});
      const std::size_t ranks = mime_fast_response_candidate_top_count(get(), candidate, position);
      for (std::size_t rank = 0; rank < ranks; ++rank) {
        found.back().top.push_back(scored(candidate, position, rank));
      }
    }
    return found;
  }

  std::unique_ptr<mime_fast_response, Destroy> response_;
};

}  // namespace mime_fast

#endif

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <limits>

#include "library/boundary.h"
#include "models/emotions.h"

namespace {

using mime_fast::Candidate;
using mime_fast::Reply;
using mime_fast::TokenLogprob;
using mime_fast::TokenLogprobs;

const char* name_of(mime_fast::Finish finish) {
  switch (finish) {
    case mime_fast::Finish::stop:
      return "stop";
    case mime_fast::Finish::length:
      return "length";
    case mime_fast::Finish::crisis:
      return "crisis";
    case mime_fast::Finish::careful:
      return "careful";
  }
  return "";
}

const char* polarity(bool is_positive) { return is_positive ? "positive" : "negative"; }

// The candidate of a response; null: there is none.
const Candidate* find(const mime_fast_response* response, std::size_t candidate) {
  if (response == nullptr || candidate >= response->reply.candidates.size()) return nullptr;
  return &response->reply.candidates[candidate];
}

// The log-probabilities at a position of a candidate; null: there are none.
const TokenLogprobs* find(const mime_fast_response* response, std::size_t candidate,
                          std::size_t position) {
  const Candidate* found = find(response, candidate);
  if (found == nullptr || position >= found->logprobs.size()) return nullptr;
  return &found->logprobs[position];
}

// The token of a rank at a position; null: there is none.
const TokenLogprob* find(const mime_fast_response* response, std::size_t candidate,
                         std::size_t position, std::size_t rank) {
  const TokenLogprobs* found = find(response, candidate, position);
  if (found == nullptr || rank == MIME_FAST_GENERATED) return found;
  return rank < found->top.size() ? &found->top[rank] : nullptr;
}

// A fact of the reply; without one, zero.
template <typename Read>
auto fact(const mime_fast_response* response, Read&& read) {
  using Fact = decltype(read(response->reply));
  return response == nullptr ? Fact{} : read(response->reply);
}

template <std::size_t Count>
double weight_in(const std::int64_t (&group)[Count], const float* weights, std::size_t emotion) {
  const auto* found =
      std::find(std::begin(group), std::end(group), static_cast<std::int64_t>(emotion));
  return found == std::end(group) ? 0 : static_cast<double>(weights[found - std::begin(group)]);
}

}  // namespace

void mime_fast_response_destroy(mime_fast_response* response) { delete response; }

const char* mime_fast_response_text(const mime_fast_response* response) {
  return mime_fast_response_candidate_text(response, 0);
}

const char* mime_fast_response_finish_reason(const mime_fast_response* response) {
  return mime_fast_response_candidate_finish_reason(response, 0);
}

const char* mime_fast_response_emotion(const mime_fast_response* response) {
  return response == nullptr ? "" : mime_fast::emotion_name(response->reply.emotion);
}

const char* mime_fast_response_polarity(const mime_fast_response* response) {
  return response == nullptr ? "" : polarity(mime_fast::is_positive(response->reply.emotion));
}

uint64_t mime_fast_response_seed(const mime_fast_response* response) {
  return fact(response, [](const Reply& reply) { return reply.seed; });
}

const char* mime_fast_response_crisis(const mime_fast_response* response) {
  return fact(response, [](const Reply& reply) {
    return reply.crisis ? reply.crisis->category.c_str() : nullptr;
  });
}

const char* mime_fast_response_crisis_about(const mime_fast_response* response) {
  return fact(response,
              [](const Reply& reply) { return reply.crisis ? reply.crisis->about() : nullptr; });
}

size_t mime_fast_response_crisis_turn(const mime_fast_response* response) {
  return fact(response, [](const Reply& reply) { return reply.crisis ? reply.crisis->turn : 0; });
}

size_t mime_fast_emotion_count(void) { return mime_fast::kEmotions; }

const char* mime_fast_emotion_name(size_t emotion) {
  return emotion < mime_fast::kEmotions
             ? mime_fast::emotion_name(static_cast<std::int64_t>(emotion))
             : "";
}

double mime_fast_response_probability(const mime_fast_response* response, size_t emotion) {
  if (emotion >= mime_fast::kEmotions) return 0;
  return fact(response, [&](const Reply& reply) { return reply.emotions[emotion]; });
}

double mime_fast_response_mixture(const mime_fast_response* response, size_t emotion) {
  return fact(response, [&](const Reply& reply) {
    return weight_in(mime_fast::kPositive, reply.positive.data(), emotion) +
           weight_in(mime_fast::kNegative, reply.negative.data(), emotion);
  });
}

const char* mime_fast_response_mimicked(const mime_fast_response* response) {
  return fact(response, [](const Reply& reply) {
    return reply.mimics_positive ? polarity(*reply.mimics_positive) : nullptr;
  });
}

size_t mime_fast_response_candidate_count(const mime_fast_response* response) {
  return fact(response, [](const Reply& reply) { return reply.candidates.size(); });
}

const char* mime_fast_response_candidate_text(const mime_fast_response* response,
                                              size_t candidate) {
  const Candidate* found = find(response, candidate);
  return found == nullptr ? "" : found->text.c_str();
}

const char* mime_fast_response_candidate_finish_reason(const mime_fast_response* response,
                                                       size_t candidate) {
  const Candidate* found = find(response, candidate);
  return found == nullptr ? "" : name_of(found->finish);
}

double mime_fast_response_candidate_score(const mime_fast_response* response, size_t candidate) {
  const Candidate* found = find(response, candidate);
  const bool has_score = found != nullptr && found->score;
  return has_score ? *found->score : std::numeric_limits<double>::quiet_NaN();
}

const int32_t* mime_fast_response_candidate_tokens(const mime_fast_response* response,
                                                   size_t candidate, size_t* count) {
  const Candidate* found = find(response, candidate);
  if (count != nullptr) *count = found == nullptr ? 0 : found->tokens.size();
  return found == nullptr ? nullptr : found->tokens.data();
}

size_t mime_fast_response_candidate_logprob_count(const mime_fast_response* response,
                                                  size_t candidate) {
  const Candidate* found = find(response, candidate);
  return found == nullptr ? 0 : found->logprobs.size();
}

size_t mime_fast_response_candidate_top_count(const mime_fast_response* response, size_t candidate,
                                              size_t position) {
  const TokenLogprobs* found = find(response, candidate, position);
  return found == nullptr ? 0 : found->top.size();
}

int32_t mime_fast_response_candidate_logprob_token(const mime_fast_response* response,
                                                   size_t candidate, size_t position, size_t rank) {
  const TokenLogprob* found = find(response, candidate, position, rank);
  return found == nullptr ? -1 : found->token;
}

const char* mime_fast_response_candidate_logprob_word(const mime_fast_response* response,
                                                      size_t candidate, size_t position,
                                                      size_t rank) {
  const TokenLogprob* found = find(response, candidate, position, rank);
  return found == nullptr ? "" : found->word.c_str();
}

double mime_fast_response_candidate_logprob(const mime_fast_response* response, size_t candidate,
                                            size_t position, size_t rank) {
  const TokenLogprob* found = find(response, candidate, position, rank);
  return found == nullptr ? std::numeric_limits<double>::quiet_NaN() : found->logprob;
}

double mime_fast_response_encode_milliseconds(const mime_fast_response* response) {
  return fact(response, [](const Reply& reply) { return reply.encode_ms; });
}

double mime_fast_response_decode_milliseconds(const mime_fast_response* response) {
  return fact(response, [](const Reply& reply) { return reply.decode_ms; });
}

int64_t mime_fast_response_prompt_tokens(const mime_fast_response* response) {
  return fact(response, [](const Reply& reply) { return reply.prompt_tokens; });
}

int64_t mime_fast_response_dropped_turns(const mime_fast_response* response) {
  return fact(response, [](const Reply& reply) { return reply.dropped_turns; });
}

int64_t mime_fast_response_dropped_words(const mime_fast_response* response) {
  return fact(response, [](const Reply& reply) { return reply.dropped_words; });
}

int64_t mime_fast_response_words(const mime_fast_response* response) {
  return fact(response, [](const Reply& reply) { return reply.words; });
}

int64_t mime_fast_response_unknown_words(const mime_fast_response* response) {
  return fact(response, [](const Reply& reply) { return reply.unknown_words; });
}

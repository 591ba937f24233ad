// Options for mime_fast.hpp.
#ifndef MIME_FAST_OPTIONS_HPP
#define MIME_FAST_OPTIONS_HPP

#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "mime_fast/mime_fast.h"
#include "mime_fast/response.hpp"
#include "mime_fast/visit_options.hpp"

namespace mime_fast {

// The options of a reply, under the names that docs/generation.md explains. What is not set is the
// checkpoint's own value.
struct Options {
  std::optional<std::int64_t> max_new_tokens, min_new_tokens;
  std::vector<std::string> stop;
  std::optional<std::int64_t> num_beams;
  std::optional<double> length_penalty;
  mime_fast_early_stopping early_stopping = MIME_FAST_EARLY_STOPPING_DEFAULT;
  std::optional<bool> do_sample;
  std::optional<double> temperature;
  std::optional<std::int64_t> top_k;
  std::optional<double> top_p, min_p;
  std::optional<double> repetition_penalty;
  std::optional<std::int64_t> no_repeat_ngram_size;
  std::vector<std::string> bad_words;
  std::optional<std::int64_t> num_return_sequences, mbr_samples, best_of;
  std::optional<bool> return_scores, speculation;
  std::optional<std::uint64_t> seed;
  std::optional<bool> stochastic_emotion;
  std::optional<std::string> emotion;
  mime_fast_on_crisis on_crisis = MIME_FAST_ON_CRISIS_DEFAULT;
  std::optional<std::string> crisis_reply;
  std::optional<bool> avoid_cheer;
  std::optional<std::int64_t> logprobs;
};

// How a checkpoint is loaded; mime_fast_load_options explains each.
struct LoadOptions {
  std::string compute_type = "int8";
  int threads = 0;
};

namespace detail {

// A text as C has it, which ends at its first zero byte.
inline const char* pointer(const std::string& text) {
  if (text.find('\0') == std::string::npos) return text.c_str();
  throw Error(MIME_FAST_INVALID_ARGUMENT, "a text holds a zero byte; remove it");
}

inline std::vector<const char*> pointers(const std::vector<std::string>& texts) {
  std::vector<const char*> found;
  for (const std::string& text : texts) found.push_back(pointer(text));
  return found;
}

// What C takes for a number that is not set.
inline bool is_unset(std::int64_t value) { return value == MIME_FAST_DEFAULT; }
inline bool is_unset(double value) { return std::isnan(value); }
inline bool is_unset(bool) { return false; }

template <typename Field, typename Value>
void set(Field& field, const std::optional<Value>& value) {
  if (!value) return;
  if (is_unset(*value)) {
    throw Error(MIME_FAST_INVALID_ARGUMENT,
                "no option can be -1 or NaN; leave it out for the checkpoint's value, and 0 turns "
                "top_k and the like off");
  }
  field = static_cast<Field>(*value);
}

// The options as C has them; they borrow the texts.
class COptions {
 public:
  explicit COptions(const Options& given)
      : stop_(pointers(given.stop)), bad_words_(pointers(given.bad_words)) {
    mime_fast_options_init(&options_);
    visit_numbers(given, options_,
                  [](const char*, const auto& value, auto& field) { set(field, value); });
    set_texts(given);
    options_.early_stopping = given.early_stopping;
    options_.on_crisis = given.on_crisis;
    options_.has_seed = given.seed ? 1 : 0;
    options_.seed = given.seed.value_or(0);
  }

  const mime_fast_options* get() const { return &options_; }

 private:
  void set_texts(const Options& given) {
    if (!stop_.empty()) options_.stop = stop_.data();
    options_.stop_count = stop_.size();
    if (!bad_words_.empty()) options_.bad_words = bad_words_.data();
    options_.bad_words_count = bad_words_.size();
    if (given.emotion) options_.emotion = pointer(*given.emotion);
    if (given.crisis_reply) options_.crisis_reply = pointer(*given.crisis_reply);
  }

  std::vector<const char*> stop_, bad_words_;
  mime_fast_options options_;
};

}  // namespace detail
}  // namespace mime_fast

#endif

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>
#include <stdexcept>

#include "library/boundary.h"

namespace mime_fast {
namespace {

bool is_given(std::int64_t value) { return value != MIME_FAST_DEFAULT; }

void set(std::int64_t& option, std::int64_t value) {
  if (is_given(value)) option = value;
}

void set(double& option, double value) {
  if (!std::isnan(value)) option = value;
}

void set(bool& option, int value, const char* name) {
  if (!is_given(value)) return;
  if (value != 0 && value != 1) {
    throw std::invalid_argument(std::string(name) + " must be 0, 1 or MIME_FAST_DEFAULT, got " +
                                std::to_string(value));
  }
  option = value == 1;
}

void set(std::optional<std::string>& option, const char* value, const char* name) {
  if (value != nullptr) option = checked_text(value, name);
}

void set(std::vector<std::string>& option, const char* const* values, std::size_t count,
         const char* name) {
  if (values == nullptr && count == 0) return;
  require_pointer(values, name);
  option.clear();
  for (std::size_t i = 0; i < count; ++i) {
    option.emplace_back(checked_text(values[i], name));
    if (option.back().empty()) {
      throw std::invalid_argument(std::string(name) + " must hold no empty text");
    }
  }
}

template <typename Enum>
void set(Enum& option, int value, Enum last, const char* name) {
  if (!is_given(value)) return;
  if (value < 0 || value > static_cast<int>(last)) {
    throw std::invalid_argument(std::string(name) + " must be a value of its enum, got " +
                                std::to_string(value));
  }
  option = static_cast<Enum>(value);
}

// Drops defaults that do not go with what is given, as GenerationConfig.overridden does.
void drop_overridden(const mime_fast_options& given, ReplyOptions& options) {
  const ReplyOptions usual;
  if (is_given(given.do_sample) || is_given(given.num_beams)) {
    options.do_sample = usual.do_sample;
    options.num_beams = usual.num_beams;
    options.temperature = usual.temperature;
    options.top_k = usual.top_k;
    options.top_p = usual.top_p;
    options.min_p = usual.min_p;
    options.mbr_samples = usual.mbr_samples;
    options.best_of = usual.best_of;
  } else if (is_given(given.mbr_samples) && given.mbr_samples != 0) {
    options.best_of = usual.best_of;
  } else if (is_given(given.best_of) && given.best_of != 0) {
    options.mbr_samples = usual.mbr_samples;
  }
}

// The first version's size; later fields stand behind it.
constexpr std::size_t kFirstSize = offsetof(mime_fast_options, avoid_cheer) + sizeof(int);

mime_fast_options whole(const mime_fast_options& given) {
  mime_fast_options initial;
  mime_fast_options_init(&initial);
  return all_fields(given, initial, kFirstSize, "mime_fast_options_init");
}

// Writes initial values into as much memory as the caller's header knows of; a newer one knows of
// more than this library.
template <typename Options>
void initialize(Options initial, void* options, std::size_t size) {
  initial.size = size;
  std::memset(options, 0, size);
  std::memcpy(options, &initial, std::min(size, sizeof initial));
}

}  // namespace

ReplyOptions to_reply_options(const mime_fast_options* options, const ReplyOptions& defaults) {
  ReplyOptions result = defaults;
  if (options == nullptr) return result;
  const mime_fast_options given = whole(*options);
  drop_overridden(given, result);
  set(result.max_new_tokens, given.max_new_tokens);
  set(result.min_new_tokens, given.min_new_tokens);
  set(result.stop, given.stop, given.stop_count, "stop");
  set(result.num_beams, given.num_beams);
  set(result.length_penalty, given.length_penalty);
  set(result.early_stopping, given.early_stopping, EarlyStopping::never, "early_stopping");
  set(result.do_sample, given.do_sample, "do_sample");
  set(result.temperature, given.temperature);
  set(result.top_k, given.top_k);
  set(result.top_p, given.top_p);
  set(result.min_p, given.min_p);
  set(result.repetition_penalty, given.repetition_penalty);
  set(result.no_repeat_ngram_size, given.no_repeat_ngram_size);
  set(result.bad_words, given.bad_words, given.bad_words_count, "bad_words");
  set(result.num_return_sequences, given.num_return_sequences);
  set(result.mbr_samples, given.mbr_samples);
  set(result.best_of, given.best_of);
  set(result.return_scores, given.return_scores, "return_scores");
  if (is_given(given.logprobs)) result.logprobs = given.logprobs;
  set(result.speculation, given.speculation, "speculation");
  bool has_seed = false;
  set(has_seed, given.has_seed, "has_seed");
  if (has_seed) result.seed = given.seed;
  set(result.stochastic_emotion, given.stochastic_emotion, "stochastic_emotion");
  set(result.emotion, given.emotion, "emotion");
  set(result.on_crisis, given.on_crisis, OnCrisis::off, "on_crisis");
  set(result.crisis_reply, given.crisis_reply, "crisis_reply");
  set(result.avoid_cheer, given.avoid_cheer, "avoid_cheer");
  return result;
}

}  // namespace mime_fast

void mime_fast_options_init_sized(mime_fast_options* options, size_t size) {
  if (options == nullptr) return;
  constexpr double kUnset = std::numeric_limits<double>::quiet_NaN();
  const mime_fast_options initial = {.size = 0,
                                     .max_new_tokens = MIME_FAST_DEFAULT,
                                     .min_new_tokens = MIME_FAST_DEFAULT,
                                     .stop = nullptr,
                                     .stop_count = 0,
                                     .num_beams = MIME_FAST_DEFAULT,
                                     .length_penalty = kUnset,
                                     .early_stopping = MIME_FAST_EARLY_STOPPING_DEFAULT,
                                     .do_sample = MIME_FAST_DEFAULT,
                                     .temperature = kUnset,
                                     .top_k = MIME_FAST_DEFAULT,
                                     .top_p = kUnset,
                                     .min_p = kUnset,
                                     .repetition_penalty = kUnset,
                                     .no_repeat_ngram_size = MIME_FAST_DEFAULT,
                                     .bad_words = nullptr,
                                     .bad_words_count = 0,
                                     .num_return_sequences = MIME_FAST_DEFAULT,
                                     .mbr_samples = MIME_FAST_DEFAULT,
                                     .best_of = MIME_FAST_DEFAULT,
                                     .return_scores = MIME_FAST_DEFAULT,
                                     .speculation = MIME_FAST_DEFAULT,
                                     .has_seed = 0,
                                     .seed = 0,
                                     .stochastic_emotion = MIME_FAST_DEFAULT,
                                     .emotion = nullptr,
                                     .on_crisis = MIME_FAST_ON_CRISIS_DEFAULT,
                                     .crisis_reply = nullptr,
                                     .avoid_cheer = MIME_FAST_DEFAULT,
                                     .logprobs = MIME_FAST_DEFAULT};
  mime_fast::initialize(initial, options, size);
}

void mime_fast_load_options_init_sized(mime_fast_load_options* options, size_t size) {
  if (options == nullptr) return;
  mime_fast::initialize(mime_fast_load_options{.size = 0, .compute_type = nullptr, .threads = 0},
                        options, size);
}

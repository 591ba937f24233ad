// The C++17 layer over mime_fast.h: objects that clean up behind themselves, std::string, and
// exceptions. Header only, so that a program and the library may be of different compilers.
#ifndef MIME_FAST_MIME_FAST_HPP
#define MIME_FAST_MIME_FAST_HPP

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
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
};

// How a checkpoint is loaded; mime_fast_load_options explains each.
struct LoadOptions {
  std::string compute_type = "int8";
  int threads = 0;
};

// A signal of a crisis in the speaker's turns.
struct CrisisSignal {
  std::string category;
  std::string about;  // "self" or "other"
  std::size_t turn;   // index of the turn that it was found in
};

// One reply of an n-best list.
struct ReplyCandidate {
  std::string text;
  std::string finish_reason;
  std::optional<double> score;
  std::vector<std::int32_t> tokens;
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
            std::vector<std::int32_t>(tokens, tokens + count)};
  }

  std::unique_ptr<mime_fast_response, Destroy> response_;
};

namespace detail {

inline void check(mime_fast_status status) {
  if (status != MIME_FAST_OK) throw Error(status, mime_fast_last_error());
}

inline std::vector<const char*> pointers(const std::vector<std::string>& texts) {
  std::vector<const char*> found;
  for (const std::string& text : texts) found.push_back(text.c_str());
  return found;
}

template <typename Field, typename Value>
void set(Field& field, const std::optional<Value>& value) {
  if (value) field = static_cast<Field>(*value);
}

// The options as C has them; they borrow the texts.
class COptions {
 public:
  explicit COptions(const Options& given)
      : stop_(pointers(given.stop)), bad_words_(pointers(given.bad_words)) {
    mime_fast_options_init(&options_);
    set_search(given);
    set_sampling(given);
    set_rest(given);
  }

  const mime_fast_options* get() const { return &options_; }

 private:
  void set_search(const Options& given) {
    set(options_.max_new_tokens, given.max_new_tokens);
    set(options_.min_new_tokens, given.min_new_tokens);
    set(options_.num_beams, given.num_beams);
    set(options_.length_penalty, given.length_penalty);
    options_.early_stopping = given.early_stopping;
    set(options_.repetition_penalty, given.repetition_penalty);
    set(options_.no_repeat_ngram_size, given.no_repeat_ngram_size);
    set(options_.num_return_sequences, given.num_return_sequences);
    if (!stop_.empty()) options_.stop = stop_.data();
    options_.stop_count = stop_.size();
    if (!bad_words_.empty()) options_.bad_words = bad_words_.data();
    options_.bad_words_count = bad_words_.size();
  }
  void set_sampling(const Options& given) {
    set(options_.do_sample, given.do_sample);
    set(options_.temperature, given.temperature);
    set(options_.top_k, given.top_k);
    set(options_.top_p, given.top_p);
    set(options_.min_p, given.min_p);
    set(options_.mbr_samples, given.mbr_samples);
    set(options_.best_of, given.best_of);
    options_.has_seed = given.seed ? 1 : 0;
    set(options_.seed, given.seed);
  }
  void set_rest(const Options& given) {
    set(options_.return_scores, given.return_scores);
    set(options_.speculation, given.speculation);
    set(options_.stochastic_emotion, given.stochastic_emotion);
    if (given.emotion) options_.emotion = given.emotion->c_str();
    options_.on_crisis = given.on_crisis;
    if (given.crisis_reply) options_.crisis_reply = given.crisis_reply->c_str();
    set(options_.avoid_cheer, given.avoid_cheer);
  }

  std::vector<const char*> stop_, bad_words_;
  mime_fast_options options_;
};

// A callback of C, which must not throw: what it throws is kept, and the reply is given up.
struct Callback {
  const std::function<bool(std::string_view)>& takes;
  std::exception_ptr error;

  static int call(const char* piece, void* context) noexcept {
    auto& own = *static_cast<Callback*>(context);
    try {
      return own.takes(piece) ? 0 : 1;
    } catch (...) {
      own.error = std::current_exception();
      return 1;
    }
  }
};

// Calls a C function that writes a text into a buffer.
template <typename Write>
std::string written(Write write) {
  std::size_t length = 0;
  check(write(nullptr, 0, &length));
  std::string text(length + 1, '\0');
  check(write(text.data(), text.size(), &length));
  text.resize(length);
  return text;
}

}  // namespace detail

// A checkpoint, text in and text out. Any number of threads may use one. Throws Error.
class Generator {
 public:
  // folder: of a checkpoint.
  explicit Generator(const std::string& folder, const LoadOptions& given = {}) {
    mime_fast_load_options options;
    mime_fast_load_options_init(&options);
    options.compute_type = given.compute_type.c_str();
    options.threads = given.threads;
    mime_fast_generator* generator = nullptr;
    detail::check(mime_fast_generator_create(folder.c_str(), &options, &generator));
    generator_.reset(generator);
  }

  Response respond(const std::string& message, const Options& options = {}) const {
    return respond(std::vector<std::string>{message}, options);
  }
  // turns: the speaker's first, then the listener's, in turn, and the speaker's last.
  Response respond(const std::vector<std::string>& turns, const Options& options = {}) const {
    const std::vector<const char*> pointers = detail::pointers(turns);
    mime_fast_response* response = nullptr;
    detail::check(mime_fast_respond(get(), pointers.data(), pointers.size(),
                                    detail::COptions(options).get(), &response));
    return Response(response);
  }

  // The same; each piece is handed out as soon as nothing can change it. on_piece returns whether
  // to go on; if not, an Error with MIME_FAST_CANCELLED is thrown.
  Response stream(const std::vector<std::string>& turns,
                  const std::function<bool(std::string_view)>& on_piece,
                  const Options& options = {}) const {
    const std::vector<const char*> pointers = detail::pointers(turns);
    detail::Callback callback{on_piece, nullptr};
    mime_fast_response* response = nullptr;
    const mime_fast_status status =
        mime_fast_stream(get(), pointers.data(), pointers.size(), detail::COptions(options).get(),
                         &detail::Callback::call, &callback, &response);
    if (callback.error) std::rethrow_exception(callback.error);
    detail::check(status);
    return Response(response);
  }
  Response stream(const std::string& message, const std::function<bool(std::string_view)>& on_piece,
                  const Options& options = {}) const {
    return stream(std::vector<std::string>{message}, on_piece, options);
  }

  // The words of a text, joined by blanks.
  std::string tokenize(const std::string& text) const {
    return detail::written([&](char* buffer, std::size_t capacity, std::size_t* length) {
      return mime_fast_tokenize(get(), text.c_str(), buffer, capacity, length);
    });
  }

  const mime_fast_generator* get() const { return generator_.get(); }

 private:
  struct Destroy {
    void operator()(mime_fast_generator* generator) const {
      mime_fast_generator_destroy(generator);
    }
  };
  std::unique_ptr<mime_fast_generator, Destroy> generator_;
};

// Words joined by blanks, as natural text.
inline std::string detokenize(const std::string& words) {
  return detail::written([&](char* buffer, std::size_t capacity, std::size_t* length) {
    return mime_fast_detokenize(words.c_str(), buffer, capacity, length);
  });
}

}  // namespace mime_fast

#endif

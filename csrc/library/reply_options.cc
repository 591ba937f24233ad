#include "library/reply_options.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "mime_fast/visit_options.hpp"
#include "models/emotions.h"
#include "sampling/check.h"
#include "search/special.h"
#include "text/message.h"

namespace mime_fast {
namespace {

// In the order of their ids, as in mime_fast/emotions.py.
constexpr const char* kNames[] = {
    "surprised",    "excited",    "annoyed",     "proud",        "angry",        "sad",
    "grateful",     "lonely",     "impressed",   "afraid",       "disgusted",    "confident",
    "terrified",    "hopeful",    "anxious",     "disappointed", "joyful",       "prepared",
    "guilty",       "furious",    "nostalgic",   "jealous",      "anticipating", "embarrassed",
    "content",      "devastated", "sentimental", "caring",       "trusting",     "ashamed",
    "apprehensive", "faithful"};
static_assert(std::size(kNames) == kEmotions);

void check(bool valid, const std::string& problem) {
  if (!valid) throw std::invalid_argument(problem);
}

// Options of sampling stay at their defaults where nothing is sampled.
void check_without_sampling(const ReplyOptions& options) {
  const ReplyOptions usual;
  const auto needs_sampling = [](const char* name, auto value, auto unset) {
    check(value == unset, std::string(name) + "=" + to_text(value) + " needs do_sample=true");
  };
  detail::visit_sampling(options, usual, needs_sampling);
  check(options.num_return_sequences <= options.num_beams,
        "num_return_sequences=" + to_text(options.num_return_sequences) +
            " needs do_sample=true or num_beams >= " + to_text(options.num_return_sequences));
}

void check_ranked(const ReplyOptions& options) {
  check(options.mbr_samples == 0 || options.best_of == 0,
        "mbr_samples=" + to_text(options.mbr_samples) +
            " does not go with best_of=" + to_text(options.best_of) + "; use one of the two");
  for (const auto& [name, samples] :
       {std::pair{"mbr_samples", options.mbr_samples}, std::pair{"best_of", options.best_of}}) {
    check(samples >= 0 && samples <= 1000,
          std::string(name) + " must be in [0, 1000], got " + to_text(samples) + "; 0 is off");
    check(samples == 0 || options.num_return_sequences <= samples,
          "num_return_sequences (" + to_text(options.num_return_sequences) + ") must not exceed " +
              name + " (" + to_text(samples) + ")");
  }
}

void check_texts(const ReplyOptions& options) {
  for (const std::string& words : options.bad_words) {
    check(holds_word(words),
          "bad_words must hold words, got " + shown(words) + ", which holds none; leave it out");
  }
  for (const std::string& text : options.stop) {
    check(is_visible(text),
          "stop must hold text, got " + shown(text) + ", which is invisible; leave it out");
  }
  if (!options.crisis_reply) return;
  check(is_visible(*options.crisis_reply) && holds_word(*options.crisis_reply),
        "crisis_reply must hold a text, got " + shown(*options.crisis_reply));
  check(options.on_crisis == OnCrisis::reply, "crisis_reply needs on_crisis=reply");
}

}  // namespace

void ReplyOptions::check(const ReplyTokenizer& tokenizer) const {
  using mime_fast::check;
  GenerationOptions ranges = for_search(tokenizer);
  ranges.ranked_samples = 0;  // check_ranked() names the option
  ranges.checked();
  check(min_new_tokens <= max_new_tokens, "min_new_tokens (" + to_text(min_new_tokens) +
                                              ") must not exceed max_new_tokens (" +
                                              to_text(max_new_tokens) + ")");
  check(!do_sample || num_beams <= 1,
        "do_sample does not go with num_beams=" + to_text(num_beams) + "; use one of the two");
  check_texts(*this);
  if (!do_sample) check_without_sampling(*this);
  check_ranked(*this);
  check(!logprobs || *logprobs >= 0,
        "logprobs must be at least 0, got " + to_text(logprobs.value_or(0)));
  if (emotion) emotion_id(*emotion);
}

GenerationOptions ReplyOptions::for_search(const ReplyTokenizer& tokenizer) const {
  GenerationOptions options;
  static_cast<SearchOptions&>(options) = *this;
  options.ranked_samples = ranked_samples();
  for (const std::string& words : bad_words) {
    for (TokenIds& ids : tokenizer.spellings(words)) {
      // A word that the vocabulary lacks is never generated.
      const bool is_known = std::find(ids.begin(), ids.end(), kUnk) == ids.end();
      if (is_known && !ids.empty()) options.bad_words.push_back(std::move(ids));
    }
  }
  return options;
}

std::int64_t emotion_id(const std::string& name) {
  const auto* found = std::find(std::begin(kNames), std::end(kNames), name);
  if (found != std::end(kNames)) return found - std::begin(kNames);
  std::vector<std::string> sorted(std::begin(kNames), std::end(kNames));
  std::sort(sorted.begin(), sorted.end());
  std::string known;
  for (const std::string& each : sorted) known += (known.empty() ? "" : ", ") + each;
  throw std::invalid_argument("unknown emotion " + shown(name) + "; use one of: " + known);
}

const char* emotion_name(std::int64_t id) { return kNames[id]; }

}  // namespace mime_fast

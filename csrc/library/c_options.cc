#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>
#include <stdexcept>

#include "library/boundary.h"
#include "mime_fast/visit_options.hpp"

namespace mime_fast {
namespace {

bool is_given(std::int64_t value) { return value != MIME_FAST_DEFAULT; }

void set(const char*, std::int64_t& option, std::int64_t value) {
  if (is_given(value)) option = value;
}

void set(const char*, std::optional<std::int64_t>& option, std::int64_t value) {
  if (is_given(value)) option = value;
}

void set(const char*, double& option, double value) {
  if (!std::isnan(value)) option = value;
}

void set(const char* name, bool& option, int value) {
  if (!is_given(value)) return;
  if (value != 0 && value != 1) {
    throw std::invalid_argument(std::string(name) + " must be 0, 1 or MIME_FAST_DEFAULT, got " +
                                std::to_string(value));
  }
  option = value == 1;
}

void set(const char* name, std::optional<std::string>& option, const char* value) {
  if (value != nullptr) option = checked_text(value, name);
}

void set(const char* name, std::vector<std::string>& option, const char* const* values,
         std::size_t count) {
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
void set(const char* name, Enum& option, int value, Enum last) {
  if (!is_given(value)) return;
  if (value < 0 || value > static_cast<int>(last)) {
    throw std::invalid_argument(std::string(name) + " must be a value of its enum, got " +
                                std::to_string(value));
  }
  option = static_cast<Enum>(value);
}

void unset(std::int64_t& option) { option = MIME_FAST_DEFAULT; }
void unset(int& option) { option = MIME_FAST_DEFAULT; }
void unset(double& option) { option = std::numeric_limits<double>::quiet_NaN(); }

// Drops defaults that do not go with what is given, as GenerationConfig.overridden does.
void drop_overridden(const mime_fast_options& given, ReplyOptions& options) {
  const ReplyOptions usual;
  if (is_given(given.do_sample) || is_given(given.num_beams)) {
    options.do_sample = usual.do_sample;
    options.num_beams = usual.num_beams;
    detail::visit_sampling(options, usual,
                           [](const char*, auto& option, const auto& unset) { option = unset; });
  } else if (is_given(given.mbr_samples) && given.mbr_samples != 0) {
    options.best_of = usual.best_of;
  } else if (is_given(given.best_of) && given.best_of != 0) {
    options.mbr_samples = usual.mbr_samples;
  }
}

mime_fast_options whole(const mime_fast_options& given) {
  // The first version's size; later fields stand behind it.
  constexpr std::size_t kFirstSize = offsetof(mime_fast_options, avoid_cheer) + sizeof(int);
  mime_fast_options initial;
  mime_fast_options_init(&initial);
  return all_fields(given, initial, kFirstSize, "mime_fast_options_init");
}

}  // namespace

ReplyOptions to_reply_options(const mime_fast_options* options, const ReplyOptions& defaults) {
  ReplyOptions result = defaults;
  if (options == nullptr) return result;
  const mime_fast_options given = whole(*options);
  drop_overridden(given, result);
  detail::visit_numbers(result, given, [](const char* name, auto& option, const auto& value) {
    set(name, option, value);
  });
  set("stop", result.stop, given.stop, given.stop_count);
  set("bad_words", result.bad_words, given.bad_words, given.bad_words_count);
  set("early_stopping", result.early_stopping, given.early_stopping, EarlyStopping::never);
  set("on_crisis", result.on_crisis, given.on_crisis, OnCrisis::off);
  set("emotion", result.emotion, given.emotion);
  set("crisis_reply", result.crisis_reply, given.crisis_reply);
  bool has_seed = false;
  set("has_seed", has_seed, given.has_seed);
  if (has_seed) result.seed = given.seed;
  return result;
}

}  // namespace mime_fast

void mime_fast_options_init_sized(mime_fast_options* options, size_t size) {
  if (options == nullptr) return;
  mime_fast_options initial{};
  mime_fast::detail::visit_numbers(
      initial, initial, [](const char*, auto& option, auto&) { mime_fast::unset(option); });
  initial.early_stopping = MIME_FAST_EARLY_STOPPING_DEFAULT;
  initial.on_crisis = MIME_FAST_ON_CRISIS_DEFAULT;
  mime_fast::initialize(initial, options, size);
}

void mime_fast_load_options_init_sized(mime_fast_load_options* options, size_t size) {
  if (options == nullptr) return;
  mime_fast::initialize(mime_fast_load_options{.size = 0, .compute_type = nullptr, .threads = 0},
                        options, size);
}

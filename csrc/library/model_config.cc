#include "library/model_config.h"

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <utility>

#include "io/checkpoint_error.h"
#include "io/json.h"
#include "library/read_json.h"
#include "models/emotions.h"
#include "models/mime.h"
#include "models/mime_base.h"
#include "models/moel.h"
#include "models/multi_tr.h"

namespace mime_fast {
namespace {

constexpr std::int64_t kFormat = 1;
constexpr std::int64_t kMostWidth = std::int64_t{1} << 20;

struct Number {
  const char* name;
  std::int64_t* value;
  std::int64_t least, most;
};
struct Flag {
  const char* name;
  bool* value;
};

// Options of training alone, which a reply does not depend on.
constexpr const char* kIgnored[] = {"format", "dropout", "objective", "padding_leak"};

[[noreturn]] void fail(const std::string& problem) { throw std::invalid_argument(problem); }

void read_number(const JsonValue& value, const Number& number) {
  *number.value = value.integer();
  if (*number.value >= number.least && *number.value <= number.most) return;
  fail(std::string(number.name) + " must be an integer in [" + std::to_string(number.least) + ", " +
       std::to_string(number.most) + "], got " + std::to_string(*number.value));
}

// Sets the option of that name. Returns false if there is none.
bool read_option(const JsonMember& member, ModelConfig& config) {
  const Number numbers[] = {
      {"vocab_size", &config.vocab_size, 8, kMostWidth},
      {"hidden_dim", &config.hidden_dim, 4, kMostWidth},
      {"num_heads", &config.num_heads, 1, kMostWidth},
      {"key_dim", &config.key_dim, 1, kMostWidth},
      {"filter_dim", &config.filter_dim, 1, kMostWidth},
      {"num_layers", &config.num_layers, 1, 100},
      {"max_positions", &config.max_positions, 2, 100'000},
      {"latent_dim", &config.mime.latent_dim, 1, kMostWidth},
      {"top_listeners", &config.moel.top_listeners, 0, kEmotions},
      {"context_vocab_size", &config.mime_base.context_vocab_size, 8, kMostWidth},
      {"refinement_filter_dim", &config.mime_base.refinement_filter_dim, 1, kMostWidth},
      {"decoder_dim", &config.mime_base.decoder_dim, 1, kMostWidth},
      {"decoder_heads", &config.mime_base.decoder_heads, 1, kMostWidth},
      {"decoder_kv_heads", &config.mime_base.decoder_kv_heads, 1, kMostWidth},
      {"decoder_filter_dim", &config.mime_base.decoder_filter_dim, 1, kMostWidth},
      {"decoder_layers", &config.mime_base.decoder_layers, 1, 100},
      {"intents", &config.mime_base.intents, 1, 1024},
  };
  const Flag flags[] = {
      {"tie_embeddings", &config.tie_embeddings},
      {"mean_query", &config.mean_query},
      {"shared_log_variance", &config.mime.shared_log_variance},
      {"shared_response_encoder", &config.mime.shared_response_encoder},
      {"mimicry", &config.mime.mimicry},
      {"grouping", &config.mime.grouping},
      {"stochastic", &config.mime.stochastic},
      {"share_emotion_embedding", &config.mime.share_emotion_embedding},
  };
  const auto has_name = [&](const auto& option) { return member.key == option.name; };
  if (const auto* found = std::find_if(std::begin(numbers), std::end(numbers), has_name);
      found != std::end(numbers)) {
    return read_number(member.value, *found), true;
  }
  const auto* found = std::find_if(std::begin(flags), std::end(flags), has_name);
  if (found == std::end(flags)) return false;
  *found->value = member.value.boolean();
  return true;
}

void check_format(const JsonValue& document) {
  const JsonValue* format = document.find("format");
  if (format == nullptr) fail("it is not a checkpoint's config: it lacks \"format\"");
  if (format->integer() == kFormat) return;
  fail("it is of format " + std::to_string(format->integer()) + ", this version reads format " +
       std::to_string(kFormat) + "; use the mime_fast version that wrote it");
}

void require_multiple(const char* name, std::int64_t value, const std::string& of,
                      std::int64_t divisor) {
  if (value % divisor == 0) return;
  fail(std::string(name) + " must be a multiple of " + of + " (" + std::to_string(divisor) +
       "), got " + std::to_string(value));
}

// The heads of mime-base's encoder share its whole width.
void resolve_mime_base(ModelConfig& config) {
  MimeBaseOptions& options = config.mime_base;
  options.latent_dim = config.mime.latent_dim;  // one option of both systems
  require_multiple("decoder_dim", options.decoder_dim, "twice decoder_heads",
                   2 * options.decoder_heads);
  require_multiple("decoder_heads", options.decoder_heads, "decoder_kv_heads",
                   options.decoder_kv_heads);
  require_multiple("hidden_dim", config.hidden_dim, "num_heads", config.num_heads);
  config.key_dim = config.hidden_dim;
}

// Without groups there is nothing to mimic, and nothing that two groups could share.
void resolve_mime(MimeOptions& options) {
  if (options.grouping) return;
  if (options.shared_log_variance || !options.shared_response_encoder) {
    fail(
        "grouping=false has one encoder and one log-variance; leave out shared_response_encoder "
        "and shared_log_variance");
  }
  options.mimicry = false;
}

// Refuses the options of a system in the config of another.
void refuse_foreign(const JsonValue& document, const std::string& architecture) {
  struct Owned {
    const char* option;
    const char* system;
    const char* other = nullptr;  // a second one that has it
  };
  constexpr Owned kOwn[] = {
      {"latent_dim", Mime::kArchitecture, MimeBase::kArchitecture},
      {"shared_log_variance", Mime::kArchitecture},
      {"shared_response_encoder", Mime::kArchitecture},
      {"mimicry", Mime::kArchitecture},
      {"grouping", Mime::kArchitecture},
      {"stochastic", Mime::kArchitecture},
      {"share_emotion_embedding", Mime::kArchitecture},
      {"top_listeners", Moel::kArchitecture},
      {"context_vocab_size", MimeBase::kArchitecture},
      {"refinement_filter_dim", MimeBase::kArchitecture},
      {"decoder_dim", MimeBase::kArchitecture},
      {"decoder_heads", MimeBase::kArchitecture},
      {"decoder_kv_heads", MimeBase::kArchitecture},
      {"decoder_filter_dim", MimeBase::kArchitecture},
      {"decoder_layers", MimeBase::kArchitecture},
      {"intents", MimeBase::kArchitecture},
  };
  const bool is_known =
      architecture == Mime::kArchitecture || architecture == Moel::kArchitecture ||
      architecture == MultiTr::kArchitecture || architecture == MimeBase::kArchitecture;
  if (!is_known) return;  // which the engine refuses
  for (const auto& [option, system, other] : kOwn) {
    const bool has_it = architecture == system || (other != nullptr && architecture == other);
    if (has_it || document.find(option) == nullptr) continue;
    const std::string systems =
        std::string(system) + (other == nullptr ? "" : std::string(" and ") + other);
    fail(std::string(option) + " is an option of " + systems + ", and the architecture is " +
         architecture + "; leave it out");
  }
}

ModelConfig to_config(const JsonValue& document) {
  check_format(document);
  ModelConfig config;
  config.architecture = Mime::kArchitecture;  // of a config that names none
  for (const JsonMember& member : document.object()) {
    if (member.key == "architecture") {
      config.architecture = member.value.string();
    } else if (std::find(std::begin(kIgnored), std::end(kIgnored), member.key) ==
                   std::end(kIgnored) &&
               !read_option(member, config)) {
      fail("unknown option " + quoted(member.key) + "; use the mime_fast version that wrote it");
    }
  }
  refuse_foreign(document, config.architecture);
  if (config.vocab_size == 0) fail("it lacks vocab_size");
  resolve_mime(config.mime);
  if (config.architecture == MimeBase::kArchitecture) resolve_mime_base(config);
  require_multiple("key_dim", config.key_dim, "num_heads", config.num_heads);
  return config;
}

}  // namespace

ModelConfig read_model_config(const std::string& path) {
  const JsonValue document = read_json_object(path);
  try {
    return to_config(document);
  } catch (const std::invalid_argument& error) {
    throw CheckpointError(path + ": " + error.what());
  }
}

}  // namespace mime_fast

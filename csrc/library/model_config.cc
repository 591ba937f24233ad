#include "library/model_config.h"

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <vector>

#include "io/checkpoint_error.h"
#include "io/json.h"
#include "library/read_json.h"
#include "models/systems.h"

namespace mime_fast {
namespace {

constexpr std::int64_t kFormat = 1;

// Members that are no option of a reply: options of training among them.
constexpr const char* kIgnored[] = {"format", "architecture", "dropout", "objective",
                                    "padding_leak"};

[[noreturn]] void fail(const std::string& problem) { throw std::invalid_argument(problem); }

template <typename Names>
bool holds(const Names& names, const std::string& name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

// Lists the names of the options that it is shown.
class ListNames : public OptionVisitor {
 public:
  void number(const char* name, std::int64_t&, OptionRange) override { names.emplace_back(name); }
  void flag(const char* name, bool&) override { names.emplace_back(name); }

  std::vector<std::string> names;
};

// Sets the options that a JSON object has, and lists the names of all.
class ReadOptions final : public ListNames {
 public:
  explicit ReadOptions(const JsonValue& document) : document_(document) {}

  void number(const char* name, std::int64_t& option, OptionRange range) override {
    ListNames::number(name, option, range);
    const JsonValue* value = document_.find(name);
    if (value == nullptr) return;
    option = value->integer();
    if (option >= range.least && option <= range.most) return;
    fail(std::string(name) + " must be an integer in [" + std::to_string(range.least) + ", " +
         std::to_string(range.most) + "], got " + std::to_string(option));
  }
  void flag(const char* name, bool& option) override {
    ListNames::flag(name, option);
    if (const JsonValue* value = document_.find(name)) option = value->boolean();
  }

 private:
  const JsonValue& document_;
};

void check_format(const JsonValue& document) {
  const JsonValue* format = document.find("format");
  if (format == nullptr) fail("it is not a checkpoint's config: it lacks \"format\"");
  if (format->integer() == kFormat) return;
  fail("it is of format " + std::to_string(format->integer()) + ", this version reads format " +
       std::to_string(kFormat) + "; use the mime_fast version that wrote it");
}

// The systems that have the option, joined by "and"; "" if none has.
std::string owners_of(const std::string& option) {
  std::string owners;
  for (const System& system : systems()) {
    ModelConfig config;
    ListNames own;
    system.visit_options(config, own);
    if (!holds(own.names, option)) continue;
    owners += (owners.empty() ? "" : " and ") + std::string(system.architecture);
  }
  return owners;
}

// Refuses a member that the architecture does not have.
[[noreturn]] void refuse(const std::string& option, const std::string& architecture) {
  const std::string owners = owners_of(option);
  if (owners.empty()) {
    fail("unknown option " + mime_fast::quoted(option) +
         "; use the mime_fast version that wrote it");
  }
  fail(option + " is an option of " + owners + ", and the architecture is " + architecture +
       "; leave it out");
}

ModelConfig to_config(const JsonValue& document) {
  check_format(document);
  ModelConfig config;
  const JsonValue* architecture = document.find("architecture");
  config.architecture =
      architecture == nullptr ? systems().front().architecture : architecture->string();
  const System& system = find_system(config.architecture);
  ReadOptions options(document);
  config.visit(options);
  system.visit_options(config, options);
  for (const JsonMember& member : document.object()) {
    if (holds(kIgnored, member.key) || holds(options.names, member.key)) continue;
    refuse(member.key, config.architecture);
  }
  if (config.vocab_size == 0) fail("it lacks vocab_size");
  system.resolve(config);
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

#include "library/generator.h"

#include <filesystem>
#include <future>
#include <stdexcept>

#include "io/checkpoint_error.h"
#include "library/default_threads.h"
#include "library/model_config.h"
#include "library/request.h"
#include "text/crisis/finder.h"
#include "text/grave/finder.h"
#include "text/load_tokenizer.h"
#include "text/message.h"

namespace mime_fast {
namespace {

constexpr int kMostThreads = 256;

std::string checked_folder(const std::string& folder) {
  if (!std::filesystem::is_directory(folder)) {
    throw CheckpointError("no checkpoint directory at " + folder +
                          "; expected a folder with config.json");
  }
  for (const char* name : {"config.json", "model.safetensors", "tokenizer.json"}) {
    if (std::filesystem::is_regular_file(folder + "/" + name)) continue;
    throw CheckpointError(folder + " lacks " + name + "; copy the whole directory again");
  }
  return folder;
}

std::optional<RelevanceTable> load_relevance(const std::string& folder, std::int64_t ids) {
  const std::string path = folder + "/relevance.safetensors";
  if (!std::filesystem::exists(path)) return std::nullopt;
  return RelevanceTable(path, ids);
}

ReplyOptions load_defaults(const std::string& folder, const ReplyTokenizer& tokenizer) {
  const std::string path = folder + "/generation_config.json";
  if (!std::filesystem::exists(path)) return {};
  return read_reply_options(path, tokenizer);
}

// Checks that a tokeniser has as many ids as the config says.
void check_ids(const std::string& folder, std::int64_t held, const char* kind, const char* option,
               std::int64_t size) {
  if (held == size) return;
  throw CheckpointError(folder + ": tokenizer.json holds " + std::to_string(held) + " " + kind +
                        " but config.json says " + option + " " + std::to_string(size) +
                        "; take both from one checkpoint");
}

std::shared_ptr<Engine> load_engine(const std::string& folder, const ModelConfig& config,
                                    const LoadOptions& options) {
  if (options.threads < 0 || options.threads > kMostThreads) {
    throw std::invalid_argument("threads must be in [1, 256], or 0 for the usual number, got " +
                                std::to_string(options.threads));
  }
  const std::string drafts = folder + "/drafts.safetensors";
  return std::make_shared<Engine>(
      folder + "/model.safetensors", config, options.compute_type,
      options.threads == 0 ? default_threads() : options.threads,
      std::filesystem::exists(drafts) ? drafts : "",
      options.threads == 0 ? ThreadPool::Shortage::take_fewer : ThreadPool::Shortage::fail);
}

// The first texts build tables: a child of fork would wait for those that its parent began.
void build_tables() {
  std::vector<SpeakerTurn> turns = {SpeakerTurn("a")};
  find_crisis(turns);
  suits("a", Gravity::death);
  find_gravity(turns);
  holds_word("\u00e9");
}

}  // namespace

// What texts need is read while another thread loads the weights. Both threads end here: a child of
// fork would not have them.
TextGenerator::TextGenerator(const std::string& folder, const LoadOptions& options)
    : folder_(checked_folder(folder)) {
  const ModelConfig config = read_model_config(folder_ + "/config.json");
  std::future<std::shared_ptr<Engine>> engine =
      std::async([&] { return load_engine(folder_, config, options); });
  tokenizer_ = load_tokenizer(folder_ + "/tokenizer.json");
  check_ids(folder_, tokenizer_->vocab_size(), "words", "vocab_size", config.vocab_size);
  relevance_ = load_relevance(folder_, tokenizer_->context_vocab_size());
  defaults_ = load_defaults(folder_, *tokenizer_);
  if (defaults_.best_of != 0 && !relevance_) {
    throw CheckpointError(
        folder_ + "/generation_config.json says best_of=" + std::to_string(defaults_.best_of) +
        ", which needs relevance.safetensors; copy the whole directory again");
  }
  build_tables();
  tokenizer_->encode("a");
  tokenizer_->spellings("\u03a3");
  engine_ = engine.get();
  check_ids(folder_, tokenizer_->context_vocab_size(), "word pieces", "context_vocab_size",
            engine_->model->context_vocab_size());
}

Reply TextGenerator::respond(const std::vector<std::string_view>& turns,
                             const ReplyOptions& options, const OnPiece& on_piece) const {
  Request request(*this, turns, options);
  request.run(on_piece);
  return request.reply();
}

}  // namespace mime_fast

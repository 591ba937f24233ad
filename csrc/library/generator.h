#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"
#include "library/ranking.h"
#include "library/reply.h"
#include "library/reply_options.h"
#include "text/reply_tokenizer.h"

namespace mime_fast {

// How a checkpoint is loaded.
struct LoadOptions {
  ComputeType compute_type = ComputeType::int8;
  int threads = 0;  // of one call, in [1, 256]; 0: the physical cores, at most 4, or fewer where
                    // the system starts no more
};

// Takes a piece of a reply; false: the reply is given up.
using OnPiece = std::function<bool(const std::string& piece)>;

// Thrown when a reply was given up.
class Cancelled : public std::exception {
 public:
  const char* what() const noexcept override { return "the reply was given up by the callback"; }
};

// A checkpoint, text in and text out: mime_fast/generator.py in C++. Any number of threads may use
// one; calls own what changes.
class TextGenerator {
 public:
  // folder: of a checkpoint. Throws CheckpointError, std::invalid_argument for an option,
  // std::system_error if the system starts no threads, std::bad_alloc.
  TextGenerator(const std::string& folder, const LoadOptions& options);

  // Replies to a history of turns: speaker first, alternating, speaker last. The pieces of the
  // reply joined are its text. Throws std::invalid_argument for a turn or an option, and Cancelled.
  //   options  // checked by options.check()
  //   on_piece // gets each piece as soon as nothing can change it; may be empty
  Reply respond(const std::vector<std::string_view>& turns, const ReplyOptions& options,
                const OnPiece& on_piece) const;

  const ReplyOptions& defaults() const { return defaults_; }
  const ReplyTokenizer& tokenizer() const { return *tokenizer_; }
  const std::shared_ptr<Engine>& engine() const { return engine_; }
  // What best_of ranks replies with; null: the checkpoint lacks it.
  const RelevanceTable* relevance() const { return relevance_ ? &*relevance_ : nullptr; }

 private:
  std::string folder_;
  std::unique_ptr<const ReplyTokenizer> tokenizer_;
  std::optional<RelevanceTable> relevance_;
  ReplyOptions defaults_;
  std::shared_ptr<Engine> engine_;
};

}  // namespace mime_fast

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/decoding_session.h"
#include "library/generator.h"
#include "text/dialogue.h"
#include "text/stop.h"

namespace mime_fast {

// One call of TextGenerator::respond: a message with its options, and the reply to it. It mirrors
// mime_fast/request.py and mime_fast/stream.py.
class Request {
 public:
  // Checks the turns and encodes them as ids, and looks for a crisis.
  Request(const TextGenerator& generator, const std::vector<std::string_view>& turns,
          const ReplyOptions& options);

  // Runs the encoder.
  void encode();
  // Makes all steps, unless the reply is fixed, and hands out its pieces.
  void decode(const OnPiece& on_piece);
  // What the caller gets.
  Reply reply() const;

 private:
  void check_options() const;
  void look_for_crisis(const std::vector<std::string>& turns);
  void run(DecodingSession& session, const OnPiece& on_piece);
  void send_agreed(Search& search, const OnPiece& on_piece);
  void send(const OnPiece& on_piece, const std::string& piece) const;
  std::vector<Hypothesis> ranked(std::vector<Hypothesis> samples) const;
  void choose(const std::vector<Hypothesis>& found);
  void add_logprobs(const std::vector<TokenIds>& replies);
  Candidate candidate(const Hypothesis& hypothesis) const;
  // Whether no reply may be cheerful: something is grave, or the speaker may not feel good.
  bool is_careful() const;
  bool feels_good() const;

  const TextGenerator& generator_;
  const ReplyOptions& options_;
  GenerationOptions search_options_;
  std::optional<std::int64_t> emotion_;  // forced
  EncodedDialogue dialogue_;
  WordCounts counts_;
  std::optional<Crisis> crisis_;
  std::optional<std::string> fixed_;  // the reply to a crisis
  bool is_grave_ = false;
  std::uint64_t seed_;

  std::shared_ptr<EncoderOutput> encoded_;
  std::vector<double> emotions_;  // (32,) probabilities
  double encode_ms_ = 0, decode_ms_ = 0;
  ReplyText text_;        // of the pieces
  std::size_t sent_ = 0;  // tokens whose text was handed out
  std::vector<Candidate> candidates_;
};

}  // namespace mime_fast

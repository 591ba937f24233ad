#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/decoding_session.h"
#include "library/generator.h"
#include "service/request.h"
#include "text/dialogue.h"
#include "text/grave/finder.h"
#include "text/stop.h"

namespace mime_fast {

// A message with its options, and the reply to it. It mirrors mime_fast/request.py and
// mime_fast/stream.py. One thread at a time may use it.
class Request {
 public:
  // Checks the turns and encodes them as ids, and looks for a crisis.
  Request(const TextGenerator& generator, const std::vector<std::string_view>& turns,
          ReplyOptions options);

  // Runs the encoder and the decoder, unless the reply is fixed, and hands out its pieces.
  void run(const OnPiece& on_piece);

  // What a Service is to compute for it: whoever submits this calls the three functions below.
  ServiceRequest to_service_request(bool streams) const;
  // Takes what the encoder computed. Only the first call has an effect.
  void set_encoded(std::shared_ptr<const EncoderOutput> encoded, double encode_ms);
  // Takes tokens that are certain. Returns the piece of text that they add.
  std::string add_agreed(const TokenIds& tokens);
  // Takes all that was decoded.
  void complete(const std::vector<Hypothesis>& found, double decode_ms);

  // Once it is complete: the piece behind those of add_agreed, and what the caller gets.
  std::string last_piece();
  Reply reply() const;

 private:
  void check_options() const;
  void look_for_crisis(const std::vector<std::string>& turns);
  GenerationOptions search_options() const;
  std::vector<Hypothesis> decode(const ServiceRequest& request, const OnPiece& on_piece);
  void send(const OnPiece& on_piece, const std::string& piece) const;
  std::vector<Hypothesis> ranked(std::vector<Hypothesis> samples) const;
  void choose(const std::vector<Hypothesis>& found);
  void add_logprobs(const std::vector<TokenIds>& replies);
  Candidate candidate(const Hypothesis& hypothesis) const;
  // Whether no word of the reply is certain before all are decoded.
  bool is_chosen_last() const { return options_.ranked_samples() > 0 || is_careful(); }
  // Whether no reply may be cheerful: something is grave, or the speaker may not feel good.
  bool is_careful() const;
  // Whether the speaker's emotion is a positive one, given or recognised.
  bool is_mostly_positive() const;

  const TextGenerator& generator_;
  const ReplyOptions options_;
  std::optional<std::int64_t> emotion_;  // forced
  EncodedDialogue dialogue_;
  WordCounts counts_;
  std::optional<Crisis> crisis_;
  std::optional<std::string> fixed_;  // the reply to a crisis
  Gravity gravity_ = Gravity::none;   // of a crisis or another grave thing, with avoid_cheer
  std::uint64_t seed_;

  std::shared_ptr<const EncoderOutput> encoded_;
  std::vector<double> emotions_;  // (32,) probabilities
  double encode_ms_ = 0, decode_ms_ = 0;
  ReplyText text_;        // of the pieces
  std::size_t sent_ = 0;  // tokens that text_ holds
  std::vector<Candidate> candidates_;
};

}  // namespace mime_fast

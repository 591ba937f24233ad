#include "library/request.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <random>
#include <stdexcept>
#include <utility>

#include "models/emotions.h"
#include "sampling/rng.h"
#include "search/special.h"
#include "text/message.h"

namespace mime_fast {
namespace {

constexpr std::uint32_t kEmotionStream = 0;  // of a request's random numbers
// Share of the positive emotions from which on a reply may be cheerful.
constexpr double kMostlyPositive = 0.6;

// Milliseconds since an earlier time.
class Clock {
 public:
  double milliseconds() const {
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - started_)
        .count();
  }

 private:
  std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
};

std::vector<double> softmax(const Buffer<float>& logits, std::size_t count) {
  std::vector<double> shares(logits.data(), logits.data() + count);
  const double best = *std::max_element(shares.begin(), shares.end());
  double sum = 0;
  for (double& share : shares) sum += share = std::exp(share - best);
  for (double& share : shares) share /= sum;
  return shares;
}

std::vector<float> draw_noise(const NoiseShape& shape, bool is_stochastic, std::uint64_t seed) {
  std::vector<float> noise(static_cast<std::size_t>(shape.size()));
  if (is_stochastic) RandomStream{seed, kEmotionStream}.fill_normal(noise.size(), noise.data());
  return noise;
}

// A reply that was not generated.
Candidate fixed_candidate(std::string text, Finish finish) {
  return {.text = std::move(text), .tokens = {}, .score = std::nullopt, .finish = finish};
}

bool ends_itself(const Hypothesis& hypothesis) {
  return !hypothesis.tokens.empty() && hypothesis.tokens.back() == kEos;
}

}  // namespace

Request::Request(const TextGenerator& generator, const std::vector<std::string_view>& turns,
                 ReplyOptions options)
    : generator_(generator),
      options_(std::move(options)),
      seed_(options_.seed ? *options_.seed : std::random_device()()),
      text_(generator.tokenizer(), options_.stop) {
  check_options();
  if (options_.emotion) emotion_ = emotion_id(*options_.emotion);
  const ReplyTokenizer& tokenizer = generator.tokenizer();
  const std::vector<std::string> checked = check_turns(turns);
  dialogue_ =
      encode_dialogue(tokenizer, checked, generator.engine()->model->config().max_positions);
  if (dialogue_.last_turn.empty()) {
    throw std::invalid_argument("the message " + shown(checked.back()) +
                                " holds no word; write at least one");
  }
  counts_ = count_words(tokenizer, checked.back(), dialogue_.last_turn);
  look_for_crisis(checked);
}

void Request::check_options() const {
  options_.check(generator_.tokenizer());
  const ReplyModel& model = *generator_.engine()->model;
  const std::int64_t longest = model.config().max_positions;
  if (options_.max_new_tokens > longest) {
    throw std::invalid_argument("max_new_tokens must be at most " + std::to_string(longest) +
                                " (the checkpoint's positions), got " +
                                std::to_string(options_.max_new_tokens));
  }
  if (options_.emotion && !model.reads_emotion()) {
    throw std::invalid_argument("emotion='" + *options_.emotion +
                                "' has no effect: the replies of this model do not depend on the "
                                "speaker's emotion; leave it out");
  }
  if (options_.best_of != 0 && generator_.relevance() == nullptr) {
    throw std::invalid_argument("best_of=" + std::to_string(options_.best_of) +
                                " needs a relevance table, which the checkpoint lacks; "
                                "make it: mime-fast relevance; or use mbr_samples");
  }
}

void Request::look_for_crisis(const std::vector<std::string>& turns) {
  std::vector<SpeakerTurn> said = speaker_turns(turns);
  if (options_.on_crisis != OnCrisis::off) crisis_ = find_crisis(said);
  if (crisis_ && options_.on_crisis == OnCrisis::reply) {
    fixed_ = options_.crisis_reply ? *options_.crisis_reply : crisis_reply(*crisis_, turns.size());
  }
  if (options_.avoid_cheer) {
    gravity_ = std::max(find_gravity(said), crisis_ ? Gravity::grave : Gravity::none);
  }
}

GenerationOptions Request::search_options() const {
  GenerationOptions options = options_.for_search(generator_.tokenizer());
  if (!options_.stop.empty()) {
    options.stop = std::make_shared<TextStop>(generator_.tokenizer(), options_.stop);
  }
  return options;
}

ServiceRequest Request::to_service_request(bool streams) const {
  const NoiseShape noise = generator_.engine()->model->noise();
  return {.dialogue = dialogue_.dialogue,
          .noise = draw_noise(noise, options_.stochastic_emotion, seed_),
          .emotion = emotion_.value_or(-1),
          .options = search_options(),
          .seed = seed_,
          .generates = !fixed_,
          .streams = streams && options_.ranked_samples() == 0,
          .start_by = {}};
}

void Request::run(const OnPiece& on_piece) {
  const ServiceRequest request = to_service_request(static_cast<bool>(on_piece));
  const Clock encoding;
  const EncoderInput input{&request.dialogue, request.noise.data(), request.emotion};
  auto encoded = encode_all(*generator_.engine(), {input}, nullptr);
  set_encoded(std::move(encoded.front()), encoding.milliseconds());
  const Clock decoding;
  const std::vector<Hypothesis> found = decode(request, on_piece);
  complete(found, decoding.milliseconds());
  if (on_piece) send(on_piece, last_piece());
}

std::vector<Hypothesis> Request::decode(const ServiceRequest& request, const OnPiece& on_piece) {
  if (!request.generates) return {};
  DecodingSession session(generator_.engine(), request.options, 1);
  session.join(encoded_, request.seed);
  Search& search = session.search(0);
  if (!on_piece || is_chosen_last()) session.run();
  while (session.advance()) {
    const TokenIds& agreed = search.agreed();
    const auto sent = static_cast<std::ptrdiff_t>(std::min(sent_, agreed.size()));
    send(on_piece, add_agreed({agreed.begin() + sent, agreed.end()}));
  }
  return search.results();
}

void Request::set_encoded(std::shared_ptr<const EncoderOutput> encoded, double encode_ms) {
  if (encoded_ != nullptr) return;
  encoded_ = std::move(encoded);
  encode_ms_ = encode_ms;
  emotions_ = softmax(encoded_->emotion_logits, kEmotions);
}

// The end of a reply belongs to the last piece.
std::string Request::add_agreed(const TokenIds& tokens) {
  if (is_chosen_last()) return "";
  const bool has_ended = !tokens.empty() && tokens.back() == kEos;
  const TokenIds words(tokens.begin(), tokens.end() - (has_ended ? 1 : 0));
  sent_ += words.size();
  return words.empty() ? "" : text_.push(words);
}

void Request::complete(const std::vector<Hypothesis>& found, double decode_ms) {
  if (fixed_) {
    candidates_.push_back(fixed_candidate(*fixed_, Finish::crisis));
    return;
  }
  choose(ranked(found));
  decode_ms_ = decode_ms;
}

std::string Request::last_piece() {
  const Candidate& best = candidates_.front();
  if (best.finish == Finish::crisis || best.finish == Finish::careful) return best.text;
  std::string piece =
      text_.push({best.tokens.begin() + static_cast<std::ptrdiff_t>(sent_), best.tokens.end()});
  return piece += text_.finish();
}

void Request::send(const OnPiece& on_piece, const std::string& piece) const {
  if (on_piece && !piece.empty() && !on_piece(piece)) throw Cancelled();
}

std::vector<Hypothesis> Request::ranked(std::vector<Hypothesis> samples) const {
  if (options_.ranked_samples() == 0) return samples;
  std::vector<double> bonus;
  if (options_.best_of != 0) {
    std::vector<TokenIds> replies;
    for (const Hypothesis& sample : samples) {
      replies.push_back(generator_.tokenizer().as_context(sample.tokens));
    }
    const std::vector<double> relevance =
        generator_.relevance()->similarities(replies, dialogue_.last_turn);
    bonus = length_bonus(samples);
    for (std::size_t i = 0; i < bonus.size(); ++i) bonus[i] += relevance[i];
  }
  return by_consensus(samples, bonus);
}

// The candidates in their order, without those that do not suit the message.
void Request::choose(const std::vector<Hypothesis>& found) {
  const std::size_t wanted =
      std::min(static_cast<std::size_t>(options_.num_return_sequences), found.size());
  std::vector<TokenIds> chosen;
  for (const Hypothesis& hypothesis : found) {
    if (candidates_.size() == wanted) break;
    Candidate each = candidate(hypothesis);
    if (is_careful() && !suits(each.text, gravity_)) continue;
    candidates_.push_back(std::move(each));
    chosen.push_back(hypothesis.tokens);
  }
  if (options_.logprobs) add_logprobs(chosen);
  for (std::string& text : careful_replies(seed_, wanted - candidates_.size(), gravity_)) {
    candidates_.push_back(fixed_candidate(std::move(text), Finish::careful));
  }
}

// replies: the tokens of all candidates so far
void Request::add_logprobs(const std::vector<TokenIds>& replies) {
  auto scored = score_replies(*generator_.engine(), generator_.tokenizer(), encoded_->memory,
                              replies, *options_.logprobs);
  for (std::size_t i = 0; i < scored.size(); ++i) candidates_[i].logprobs = std::move(scored[i]);
}

bool Request::is_careful() const {
  return options_.avoid_cheer && (gravity_ != Gravity::none || !is_mostly_positive());
}

bool Request::is_mostly_positive() const {
  if (emotion_) return is_positive(*emotion_);
  double share = 0;
  for (const std::int64_t emotion : kPositive)
    share += emotions_[static_cast<std::size_t>(emotion)];
  return share >= kMostlyPositive;
}

Candidate Request::candidate(const Hypothesis& hypothesis) const {
  Candidate result;
  ReplyText text(generator_.tokenizer(), options_.stop);
  result.text = text.push(hypothesis.tokens);
  result.text += text.finish();
  std::copy_if(hypothesis.tokens.begin(), hypothesis.tokens.end(),
               std::back_inserter(result.tokens), [](std::int32_t token) { return token != kEos; });
  result.finish = ends_itself(hypothesis) || text.stopped() ? Finish::stop : Finish::length;
  if (options_.needs_scores()) {
    const auto length = std::max<std::int64_t>(1, std::ssize(hypothesis.tokens));
    result.score = length_score(hypothesis.log_prob, length, options_.length_penalty);
  }
  return result;
}

Reply Request::reply() const {
  Reply reply;
  reply.candidates = candidates_;
  const float* const logits = encoded_->emotion_logits.data();
  reply.emotion = emotion_.value_or(std::max_element(logits, logits + kEmotions) - logits);
  std::copy(emotions_.begin(), emotions_.end(), reply.emotions.begin());
  std::copy_n(encoded_->positive.data(), kPositives, reply.positive.begin());
  std::copy_n(encoded_->negative.data(), kNegatives, reply.negative.begin());
  const auto is_set = [](float weight) { return weight != 0; };
  reply.has_mixture = std::any_of(reply.positive.begin(), reply.positive.end(), is_set) ||
                      std::any_of(reply.negative.begin(), reply.negative.end(), is_set);
  if (reply.has_mixture && generator_.engine()->model->mimics()) {
    reply.mimics_positive = encoded_->mimics_positive;
  }
  reply.seed = seed_;
  reply.encode_ms = encode_ms_;
  reply.decode_ms = decode_ms_;
  reply.prompt_tokens = std::ssize(dialogue_.dialogue.tokens);
  reply.dropped_turns = dialogue_.dropped_turns;
  reply.dropped_words = dialogue_.dropped_words;
  reply.words = counts_.words;
  reply.unknown_words = counts_.unknown;
  reply.crisis = crisis_;
  return reply;
}

}  // namespace mime_fast

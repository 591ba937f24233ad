#include "library/logprobs.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <utility>

#include "mime_fast/top_k.h"
#include "search/special.h"

namespace mime_fast {
namespace {

constexpr std::size_t kRows = 32;  // decoded together: their logits are 3 MB

// Replies that are decoded together, each one token further at a time.
class Scoring {
 public:
  Scoring(Engine& engine, const ReplyTokenizer& tokenizer, const EncoderMemory& memory,
          const TokenIds* replies, std::size_t rows, std::int64_t count)
      : engine_(engine),
        tokenizer_(tokenizer),
        replies_(replies),
        count_(std::min(count, engine.model->vocabulary().words())),
        state_(engine.model->new_state(static_cast<std::int64_t>(rows), longest(rows))),
        live_(rows),
        newest_(rows, kSos) {
    std::iota(live_.begin(), live_.end(), std::size_t{0});
    for (std::size_t row = 0; row < rows; ++row) state_.join(memory);
  }

  std::vector<std::vector<TokenLogprobs>> run() {
    std::vector<std::vector<TokenLogprobs>> found(live_.size());
    for (std::size_t position = 0; keep_longer_than(position); ++position) step(position, found);
    return found;
  }

 private:
  std::int64_t longest(std::size_t rows) const {
    std::size_t most = 1;
    for (std::size_t row = 0; row < rows; ++row) most = std::max(most, replies_[row].size());
    return static_cast<std::int64_t>(most);
  }

  // Goes on with the replies that have a token at this position. Returns false if none has.
  bool keep_longer_than(std::size_t position) {
    std::vector<std::int32_t> rows;
    for (std::size_t row = 0; row < live_.size(); ++row) {
      if (replies_[live_[row]].size() > position) rows.push_back(static_cast<std::int32_t>(row));
    }
    if (rows.empty() || rows.size() == live_.size()) return !rows.empty();
    state_.select(rows);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      live_[i] = live_[static_cast<std::size_t>(rows[i])];
      newest_[i] = newest_[static_cast<std::size_t>(rows[i])];
    }
    live_.resize(rows.size());
    newest_.resize(rows.size());
    return true;
  }

  void step(std::size_t position, std::vector<std::vector<TokenLogprobs>>& found) {
    const Vocabulary& vocabulary = engine_.model->vocabulary();
    const std::int64_t rows = state_.rows(), stride = vocabulary.padded_words();
    Team team(engine_.pool);
    engine_.model->step(team, newest_.data(), state_);
    Buffer<float> logits(rows * stride);
    vocabulary.project(engine_.kernels, team, state_.hidden(), {logits.data(), rows, stride});
    for (std::size_t row = 0; row < live_.size(); ++row) {
      const float* const own = logits.data() + static_cast<std::int64_t>(row) * stride;
      newest_[row] = replies_[live_[row]][position];
      found[live_[row]].push_back(score(own, newest_[row]));
    }
  }

  // logits: (words,)
  TokenLogprobs score(const float* logits, std::int32_t token) const {
    const std::int64_t words = engine_.model->vocabulary().words();
    const double best = *std::max_element(logits, logits + words);
    double sum = 0;
    for (std::int64_t i = 0; i < words; ++i) sum += std::exp(logits[i] - best);
    const double log_sum = best + std::log(sum);
    const auto named = [&](std::int32_t id) {
      return TokenLogprob{id, tokenizer_.text_of(id), logits[id] - log_sum};
    };
    TokenLogprobs scored{named(token), {}};
    if (count_ == 0) return scored;
    std::vector<float> values(static_cast<std::size_t>(count_));
    std::vector<std::int64_t> ids(values.size());
    top_k({logits, 1, words}, count_, values.data(), ids.data());
    for (const std::int64_t id : ids) scored.top.push_back(named(static_cast<std::int32_t>(id)));
    return scored;
  }

  Engine& engine_;
  const ReplyTokenizer& tokenizer_;
  const TokenIds* replies_;
  std::int64_t count_;
  DecodeState state_;
  std::vector<std::size_t> live_;  // (rows,) the reply of each row
  TokenIds newest_;                // (rows,) the token that each row reads next
};

}  // namespace

std::vector<std::vector<TokenLogprobs>> score_replies(Engine& engine,
                                                      const ReplyTokenizer& tokenizer,
                                                      const EncoderMemory& memory,
                                                      const std::vector<TokenIds>& replies,
                                                      std::int64_t count) {
  std::vector<std::vector<TokenLogprobs>> found;
  for (std::size_t first = 0; first < replies.size(); first += kRows) {
    const std::size_t rows = std::min(kRows, replies.size() - first);
    Scoring scoring(engine, tokenizer, memory, replies.data() + first, rows, count);
    for (auto& each : scoring.run()) found.push_back(std::move(each));
  }
  return found;
}

}  // namespace mime_fast

#include "search/beam.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace mime_fast {
namespace {

// A step adds at most 2 * num_beams nodes of 48 bytes. At most 65,536 nodes, 3 MB, are reserved;
// very wide and long searches allocate more when they need it.
std::size_t expected_nodes(const GenerationOptions& options) {
  const auto width = static_cast<std::size_t>(options.num_beams);
  return 1 + std::min(options.expected_tokens() * 2 * width, std::size_t{65536});
}

}  // namespace

BeamSearch::BeamSearch(const GenerationOptions& options, bool freeze, TokenIds blocked)
    : options_(options.checked()),
      constraints_(options, std::move(blocked)),
      freeze_(freeze),
      width_(static_cast<std::size_t>(options.num_beams)),
      tree_(expected_nodes(options)),
      live_{PrefixTree::kRoot} {
  live_.reserve(width_);
  next_.reserve(width_);
  finished_.reserve(width_ + 1);
  ranked_.reserve(4 * width_);
  prefix_.reserve(options.expected_tokens());
  agreed_.reserve(options.expected_tokens());
  leader_.tokens.reserve(options.expected_tokens());
  leader_.log_probs.reserve(options.expected_tokens());
}

void BeamSearch::constrain(RowScores* const* scores, Interrupt* interrupt) {
  for (std::size_t row = 0; row < live_.size(); ++row) {
    if (interrupt != nullptr) interrupt->check();
    scores[row]->constrain(constraint_after(live_[row]));
  }
}

void BeamSearch::advance(const RowScores* const* scores, std::vector<std::int32_t>& parents,
                         TokenIds& tokens, Interrupt* interrupt) {
  parents.clear();
  tokens.clear();
  rank(scores, interrupt);
  extend(parents, tokens);
  ++steps_;
  if (!is_over()) return;
  close();
  parents.clear();
  tokens.clear();
}

bool BeamSearch::ranks_before(const Continuation& a, const Continuation& b) {
  if (a.total != b.total) return a.total > b.total;
  return a.row != b.row ? a.row < b.row : a.rank < b.rank;
}

void BeamSearch::rank(const RowScores* const* scores, Interrupt* interrupt) {
  ranked_.clear();
  for (std::size_t row = 0; row < live_.size(); ++row) {
    if (interrupt != nullptr) interrupt->check();
    rank_row(*scores[row], static_cast<std::int32_t>(row));
    keep_best();
  }
  std::sort(ranked_.begin(), ranked_.end(), ranks_before);
}

void BeamSearch::rank_row(const RowScores& scores, std::int32_t row) {
  const std::int32_t node = live_[static_cast<std::size_t>(row)];
  const LogPartition& log_partition = scores.log_partition();
  std::size_t rank = 0;
  for (const TokenLogit& token : scores.best()) {
    const double log_prob = double{token.logit} - log_partition.value;
    ranked_.push_back({.total = tree_[node].log_prob + log_prob,
                       .log_prob = log_prob,
                       .row = row,
                       .token = token.id,
                       .rank = rank++});
  }
}

Constraint BeamSearch::constraint_after(std::int32_t node) {
  if (constraints_.read_tokens()) tree_.read_tokens(node, 0, prefix_);
  return constraints_.after(prefix_.data(), static_cast<std::size_t>(steps_));
}

void BeamSearch::keep_best() {
  const std::size_t count = 2 * width_;
  if (ranked_.size() <= count) return;
  const auto end = ranked_.begin() + static_cast<std::ptrdiff_t>(count);
  std::nth_element(ranked_.begin(), end, ranked_.end(), ranks_before);
  ranked_.erase(end, ranked_.end());
}

void BeamSearch::extend(std::vector<std::int32_t>& parents, TokenIds& tokens) {
  next_.clear();
  for (std::size_t rank = 0; rank < ranked_.size() && next_.size() < width_; ++rank) {
    const Continuation& best = ranked_[rank];
    const bool is_finished = freeze_ && ends(best);
    if (is_finished && rank >= width_) continue;
    const std::int32_t parent = live_[static_cast<std::size_t>(best.row)];
    const std::int32_t node = tree_.add(parent, best.token, best.log_prob);
    if (is_finished) {
      finish(node);
      continue;
    }
    next_.push_back(node);
    parents.push_back(best.row);
    tokens.push_back(best.token);
  }
  live_.swap(next_);
}

bool BeamSearch::ends(const Continuation& continuation) {
  if (continuation.token == kEos || !options_.stop) return continuation.token == kEos;
  tree_.read_tokens(live_[static_cast<std::size_t>(continuation.row)], 0, prefix_);
  prefix_.push_back(continuation.token);
  return options_.stops_after(prefix_);
}

void BeamSearch::finish(std::int32_t node) {
  const PrefixTree::Node& reply = tree_[node];
  const double score = length_score(reply.log_prob, reply.length, options_.length_penalty);
  const auto worse = [](double value, const Finished& other) { return value > other.score; };
  // The earlier of equal scores stays ahead.
  const auto position = std::upper_bound(finished_.begin(), finished_.end(), score, worse);
  finished_.insert(position, {node, score});
  if (finished_.size() > width_) finished_.pop_back();
}

bool BeamSearch::is_over() const {
  if (live_.empty() || steps_ >= options_.max_new_tokens) return true;
  if (!freeze_) return tree_[live_.front()].token == kEos;
  if (finished_.size() < width_) return false;
  const double worst = finished_.back().score;
  return options_.early_stopping == EarlyStopping::yes ||
         std::all_of(live_.begin(), live_.end(),
                     [&](std::int32_t node) { return expected(node) <= worst; });
}

// The live hypotheses that ran out of steps compete with the finished ones.
void BeamSearch::close() {
  if (steps_ >= options_.max_new_tokens || !freeze_) {
    for (const std::int32_t node : live_) finish(node);
  }
  live_.clear();
}

// Returns the best score that a hypothesis can still reach: words never add log-probability.
double BeamSearch::attainable(std::int32_t node) const {
  const PrefixTree::Node& reply = tree_[node];
  const double penalty = options_.length_penalty;
  const std::int64_t length = penalty > 0 ? options_.max_new_tokens : reply.length + 1;
  return length_score(reply.log_prob, length, penalty);
}

// Returns the score by which a live hypothesis is compared with finished ones.
double BeamSearch::expected(std::int32_t node) const {
  const double penalty = options_.length_penalty;
  const bool is_guess = options_.early_stopping == EarlyStopping::no && penalty > 0;
  return is_guess ? length_score(tree_[node].log_prob, tree_[node].length, penalty)
                  : attainable(node);
}

// Returns the score that a live hypothesis must be able to reach to become the best one.
double BeamSearch::best_finished_score() const {
  return finished_.empty() ? -std::numeric_limits<double>::infinity() : finished_.front().score;
}

// Returns the node up to which all hypotheses that can still become the best one agree.
std::int32_t BeamSearch::common_node() const {
  const double least = best_finished_score();
  std::int32_t common = finished_.empty() ? live_.front() : finished_.front().node;
  for (const std::int32_t node : live_) {
    if (attainable(node) >= least) common = tree_.common_ancestor(common, node);
  }
  return common;
}

// Only the tokens behind the formerly agreed ones are read; all hypotheses share those.
const TokenIds& BeamSearch::agreed() {
  tree_.read_tokens(common_node(), agreed_.size(), agreed_);
  return agreed_;
}

const Hypothesis& BeamSearch::leader() {
  tree_.read(finished_.empty() ? live_.front() : finished_.front().node, leader_);
  return leader_;
}

std::vector<Hypothesis> BeamSearch::results() const {
  const auto wanted = static_cast<std::size_t>(options_.num_return_sequences);
  std::vector<Hypothesis> best(std::min(finished_.size(), wanted));
  for (std::size_t i = 0; i < best.size(); ++i) tree_.read(finished_[i].node, best[i]);
  return best;
}

}  // namespace mime_fast

#pragma once

#include <cmath>
#include <cstdint>

#include "sampling/device.h"
#include "search/device_replies.h"
#include "search/early_stopping.h"
#include "search/hypothesis.h"

// A step of beam search on a device: the same as search/beam.h does with one request.
namespace mime_fast {

constexpr std::int64_t kMaxBeams = 16;  // 2 * 16 * 16 continuations are ranked in 4 KB

// Request r has the rows r * width to (r + 1) * width - 1; rows that are not live hold
// end-of-reply.
struct BeamRows {
  DeviceReplies replies;
  DeviceBest best;             // kept is 2 * width: each parent ends at most once
  std::int32_t* kv_positions;  // (rows, steps): see Caches in kernels/decode_step.py
  std::int32_t* counts;        // (requests, 3): live rows (0: over), nodes, finished
  std::int32_t* nodes;         // (rows,): of each live row's newest word
  double* totals;              // (rows,): log-probability of each live row
  std::int32_t* parents;       // (requests, tree): nodes of all words; node 0 is the root
  std::int32_t* words;         // (requests, tree)
  double* log_probs;           // (requests, tree)
  std::int32_t* finished;      // (requests, width): nodes, best first
  double* scores;              // (requests, width)
  const double* options;       // (requests, 2): length_penalty; the number of an EarlyStopping
  std::int64_t requests;
  std::int64_t width;  // at most kMaxBeams
  std::int64_t tree;   // at least 1 + 2 * width * steps
};

// Shared by the threads of a request.
struct BeamWorkspace {
  static constexpr std::int64_t kColumns = 64;
  double totals[2 * kMaxBeams * kMaxBeams];  // (rows, kept)
  std::int32_t ranked[2 * kMaxBeams];        // continuations, best first
  std::int32_t ranked_count;
  std::int32_t sources[kMaxBeams];  // the parent row of each next row
  std::int32_t next[kMaxBeams];     // its word
  std::int32_t live;
  std::int32_t table[kMaxBeams * kColumns];
};

template <typename Threads>
class BeamStep {
 public:
  MIME_FAST_DEVICE BeamStep(const Threads& threads, const BeamRows& rows, std::int64_t request,
                            BeamWorkspace& work)
      : threads_(threads),
        rows_(rows),
        width_(rows.width),
        first_(request * rows.width),
        counts_(rows.counts + request * 3),
        parents_(rows.parents + request * rows.tree),
        words_(rows.words + request * rows.tree),
        log_probs_(rows.log_probs + request * rows.tree),
        finished_(rows.finished + request * rows.width),
        scores_(rows.scores + request * rows.width),
        penalty_(rows.options[request * 2]),
        early_stopping_(
            static_cast<EarlyStopping>(static_cast<int>(rows.options[request * 2 + 1]))),
        max_words_(rows.replies.max_words(first_)),
        position_(rows.replies.positions[first_]),
        live_(counts_[0]),
        work_(work) {}

  MIME_FAST_DEVICE void run() {
    if (live_ == 0) return;
    rank();
    if (threads_.index() == 0) {
      if (is_finite()) {
        extend();
        if (is_over()) close();
      } else {
        give_up();
      }
    }
    threads_.wait();
    move(rows_.kv_positions, rows_.replies.steps);
    move(rows_.replies.generated, rows_.replies.steps + 1);
    append();
  }

 private:
  // Ranks by descending total, then ascending row, then the word's rank: the continuation's number.
  MIME_FAST_DEVICE void rank() {
    const std::int64_t kept = rows_.best.kept;
    const std::int64_t continuations = live_ * kept;
    for (std::int64_t i = threads_.index(); i < continuations; i += threads_.count()) {
      work_.totals[i] = rows_.totals[first_ + i / kept] + log_prob(i);
    }
    if (threads_.index() == 0) work_.ranked_count = 0;
    threads_.wait();
    for (std::int64_t i = threads_.index(); i < continuations; i += threads_.count()) {
      if (!exists(i)) continue;
      std::int64_t rank = 0;
      for (std::int64_t other = 0; other < continuations; ++other) {
        if (other != i && exists(other) && is_better(other, i)) ++rank;
      }
      if (rank < kept) work_.ranked[rank] = static_cast<std::int32_t>(i);
      if (rank < kept) Threads::add(work_.ranked_count, 1);
    }
    threads_.wait();
  }

  // False for blocked words, and for NaN, which cannot be ranked.
  MIME_FAST_DEVICE bool exists(std::int64_t continuation) const {
    return work_.totals[continuation] > -HUGE_VAL;
  }

  MIME_FAST_DEVICE bool is_better(std::int64_t a, std::int64_t b) const {
    if (work_.totals[a] != work_.totals[b]) return work_.totals[a] > work_.totals[b];
    return a < b;
  }

  MIME_FAST_DEVICE double log_prob(std::int64_t continuation) const {
    const std::int64_t kept = rows_.best.kept;
    const double logit = rows_.best.logits[first_ * kept + continuation];
    const double log_prob = logit - double{rows_.best.log_partitions[first_ + continuation / kept]};
    return log_prob > 0 ? 0 : log_prob;
  }

  MIME_FAST_DEVICE bool is_finite() const {
    for (std::int64_t row = 0; row < live_; ++row) {
      if (!std::isfinite(rows_.best.log_partitions[first_ + row])) return false;
    }
    return true;
  }

  // Ends the search without a reply, which the host reports as an error.
  MIME_FAST_DEVICE void give_up() {
    work_.live = 0;
    counts_[2] = 0;
  }

  MIME_FAST_DEVICE void extend() {
    std::int32_t nodes[kMaxBeams];
    double totals[kMaxBeams];
    std::int64_t live = 0;
    for (std::int64_t rank = 0; rank < work_.ranked_count && live < width_; ++rank) {
      const std::int64_t best = work_.ranked[rank];
      const std::int64_t row = best / rows_.best.kept;
      const std::int32_t word = rows_.best.words[first_ * rows_.best.kept + best];
      if (word == kEos && rank >= width_) continue;
      const std::int32_t node = add(rows_.nodes[first_ + row], word, log_prob(best));
      if (word == kEos) {
        finish(node, work_.totals[best]);
        continue;
      }
      nodes[live] = node;
      totals[live] = work_.totals[best];
      work_.sources[live] = static_cast<std::int32_t>(row);
      work_.next[live] = word;
      ++live;
    }
    for (std::int64_t row = 0; row < live; ++row) {
      rows_.nodes[first_ + row] = nodes[row];
      rows_.totals[first_ + row] = totals[row];
    }
    work_.live = static_cast<std::int32_t>(live);
  }

  MIME_FAST_DEVICE std::int32_t add(std::int32_t parent, std::int32_t word, double log_prob) {
    const std::int32_t node = counts_[1]++;
    parents_[node] = parent;
    words_[node] = word;
    log_probs_[node] = log_prob;
    return node;
  }

  // Keeps the best, best first; of equal scores the earlier one stays ahead.
  MIME_FAST_DEVICE void finish(std::int32_t node, double total) {
    const double score = length_score(total, position_ + 1, penalty_);
    std::int64_t rank = counts_[2];
    while (rank > 0 && score > scores_[rank - 1]) --rank;
    if (rank == width_) return;
    if (counts_[2] < width_) ++counts_[2];
    for (std::int64_t i = counts_[2] - 1; i > rank; --i) {
      finished_[i] = finished_[i - 1];
      scores_[i] = scores_[i - 1];
    }
    finished_[rank] = node;
    scores_[rank] = score;
  }

  MIME_FAST_DEVICE bool is_over() const {
    if (work_.live == 0 || position_ + 1 >= max_words_) return true;
    if (counts_[2] < width_) return false;
    if (early_stopping_ == EarlyStopping::yes) return true;
    for (std::int64_t row = 0; row < work_.live; ++row) {
      const double expected = length_score(rows_.totals[first_ + row], final_length(), penalty_);
      if (expected > scores_[width_ - 1]) return false;
    }
    return true;
  }

  // The length at which a live hypothesis is compared with finished ones.
  MIME_FAST_DEVICE std::int64_t final_length() const {
    if (penalty_ <= 0) return position_ + 2;
    return early_stopping_ == EarlyStopping::never ? max_words_ : position_ + 1;
  }

  // The live hypotheses that ran out of steps compete with the finished ones.
  MIME_FAST_DEVICE void close() {
    for (std::int64_t row = 0; row < work_.live && position_ + 1 >= max_words_; ++row) {
      finish(rows_.nodes[first_ + row], rows_.totals[first_ + row]);
    }
    work_.live = 0;
  }

  // Copies each parent's entries of a table (rows, stride) to the next rows, some columns at a
  // time.
  MIME_FAST_DEVICE void move(std::int32_t* table, std::int64_t stride) {
    constexpr std::int64_t kColumns = BeamWorkspace::kColumns;
    for (std::int64_t start = 0; start <= position_; start += kColumns) {
      for (std::int64_t i = threads_.index(); i < work_.live * kColumns; i += threads_.count()) {
        const std::int64_t column = start + i % kColumns;
        if (column > position_) continue;
        work_.table[i] = table[(first_ + work_.sources[i / kColumns]) * stride + column];
      }
      threads_.wait();
      for (std::int64_t i = threads_.index(); i < work_.live * kColumns; i += threads_.count()) {
        const std::int64_t column = start + i % kColumns;
        if (column <= position_) table[(first_ + i / kColumns) * stride + column] = work_.table[i];
      }
      threads_.wait();
    }
  }

  MIME_FAST_DEVICE void append() {
    for (std::int64_t row = threads_.index(); row < width_; row += threads_.count()) {
      const std::int32_t word = row < work_.live ? work_.next[row] : kEos;
      rows_.replies.words(first_ + row)[position_ + 1] = word;
      rows_.replies.positions[first_ + row] = position_ + 1;
    }
    if (threads_.index() == 0) counts_[0] = work_.live;
  }

  const Threads& threads_;
  const BeamRows& rows_;
  const std::int64_t width_;
  const std::int64_t first_;
  std::int32_t* const counts_;
  std::int32_t* const parents_;
  std::int32_t* const words_;
  double* const log_probs_;
  std::int32_t* const finished_;
  double* const scores_;
  const double penalty_;
  const EarlyStopping early_stopping_;
  const std::int32_t max_words_;
  const std::int32_t position_;
  const std::int32_t live_;
  BeamWorkspace& work_;
};

}  // namespace mime_fast

#pragma once

#include <cstdint>

#include "sampling/device.h"
#include "search/device_replies.h"
#include "search/draft_buckets.h"

// A step of greedy decoding with verified drafts on a device: the same as search/sampler.h does
// with a sequence and a draft table.
namespace mime_fast {

constexpr std::int64_t kMaxDrafts = 7;  // with eight rows, two replies fill the projection's block

// Group g has the rows g * width to (g + 1) * width - 1: the reply's own row, then one for each
// drafted word. The row of a draft holds the words as if all drafts before it were right. Rows
// without a draft have ended.
struct DraftRows {
  DeviceReplies replies;
  DeviceBest best;
  std::int32_t* kv_positions;  // (rows, steps): see Caches in kernels/decode_step.py
  float* log_probs;            // (rows, steps): of the words of each group's own row
  DraftBuckets table;
  float least;  // least probability that all drafts of a reply are right
  std::int64_t groups;
  std::int64_t width;  // at most 1 + kMaxDrafts
};

template <typename Threads>
class DraftStep {
 public:
  // drafts  // (kMaxDrafts,), and count: shared by the threads
  MIME_FAST_DEVICE DraftStep(const Threads& threads, const DraftRows& rows, std::int64_t group,
                             std::int32_t* drafts, std::int32_t& count)
      : threads_(threads),
        rows_(rows),
        replies_(rows.replies),
        first_(group * rows.width),
        drafts_(drafts),
        count_(count) {}

  MIME_FAST_DEVICE void run() {
    if (!replies_.is_active(first_)) return;
    threads_.wait();  // before the row changes
    if (threads_.index() == 0) {
      verify();
      count_ = propose();
    }
    threads_.wait();
    const std::int32_t position = replies_.positions[first_];
    for (std::int64_t draft = 0; draft + 1 < rows_.width; ++draft) set_row(draft, position);
  }

 private:
  // Reads rows as long as each one's input is the word that the row before it chose. The reply's
  // own row takes over the KV position of each verified word.
  MIME_FAST_DEVICE void verify() {
    std::int32_t* generated = replies_.words(first_);
    const std::int32_t start = replies_.positions[first_];
    std::int64_t row = first_;
    for (std::int32_t position = start;; ++position, ++row) {
      rows_.kv_positions[first_ * replies_.steps + position] = static_cast<std::int32_t>(row);
      const std::int32_t word = rows_.best.words[row * rows_.best.kept];
      const float log_prob =
          rows_.best.logits[row * rows_.best.kept] - rows_.best.log_partitions[row];
      generated[position + 1] = word;
      rows_.log_probs[first_ * replies_.steps + position] = log_prob > 0 ? 0 : log_prob;
      replies_.positions[first_] = position + 1;
      if (!replies_.is_active(first_) || row + 1 == first_ + rows_.width) return;
      if (!replies_.is_active(row + 1) || replies_.words(row + 1)[position + 1] != word) return;
    }
  }

  MIME_FAST_DEVICE std::int32_t propose() {
    if (!replies_.is_active(first_)) return 0;
    const std::int32_t position = replies_.positions[first_];
    std::int64_t most =
        replies_.max_words(first_) - position - 1;  // no row is decoded behind the last
    if (most > rows_.width - 1) most = rows_.width - 1;
    return static_cast<std::int32_t>(propose_drafts(
        rows_.table, rows_.least, replies_.words(first_), position + 1, most, drafts_));
  }

  // A draft row holds the reply's words and the drafts up to its own. It reads the reply's KV
  // positions, and those that the rows before it fill in the same step.
  MIME_FAST_DEVICE void set_row(std::int64_t draft, std::int32_t position) {
    const std::int64_t row = first_ + 1 + draft;
    const bool is_there = draft < count_;
    const auto newest = is_there ? position + 1 + static_cast<std::int32_t>(draft) : 0;
    const std::int32_t* own_words = replies_.words(first_);
    const std::int32_t* own_kv_positions = rows_.kv_positions + first_ * replies_.steps;
    std::int32_t* words = replies_.words(row);
    std::int32_t* kv_positions = rows_.kv_positions + row * replies_.steps;
    for (std::int64_t at = threads_.index(); at < newest; at += threads_.count()) {
      words[at] = at <= position ? own_words[at] : drafts_[at - position - 1];
      kv_positions[at] =
          at < position ? own_kv_positions[at] : static_cast<std::int32_t>(first_ + at - position);
    }
    if (threads_.index() != 0) return;
    words[newest] = is_there ? drafts_[draft] : kEos;
    replies_.positions[row] = newest;
  }

  const Threads& threads_;
  const DraftRows& rows_;
  const DeviceReplies& replies_;
  const std::int64_t first_;
  std::int32_t* const drafts_;
  std::int32_t& count_;
};

}  // namespace mime_fast

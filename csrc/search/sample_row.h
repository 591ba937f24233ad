#pragma once

#include <cmath>
#include <cstdint>

#include "mime_fast/select_tokens.h"
#include "sampling/device.h"
#include "sampling/rng.h"
#include "sampling/select_row.h"
#include "search/device_replies.h"

// A step of sampling on a device: the same as search/sampler.h does with one row.
namespace mime_fast {

struct SampleRows {
  DeviceReplies replies;
  DeviceBest best;
  const float* logits;          // (rows, vocab), constrained
  const double* options;        // (rows, 4): temperature, top_k, top_p, min_p
  const std::uint64_t* seeds;   // (rows,)
  const std::int32_t* streams;  // (rows,): stream of the seed
  float* log_probs;             // (rows, steps): of each generated word
  std::int64_t vocab;
};

MIME_FAST_DEVICE inline SamplingOptions read_options(const double* options) {
  SamplingOptions result;  // C++17 for CUDA 11: no designated initialisers
  result.temperature = options[0];
  result.top_k = static_cast<std::int64_t>(options[1]);
  result.top_p = options[2];
  result.min_p = options[3];
  return result;
}

// Draws the next word of a row that is active, and appends it.
template <typename Threads>
MIME_FAST_DEVICE void sample_row(const Threads& threads, const SampleRows& rows, std::int64_t row,
                                 SelectWorkspace& work) {
  const DeviceReplies& replies = rows.replies;
  if (!replies.is_active(row)) return;
  const std::int32_t position = replies.positions[row];
  const float* logits = rows.logits + row * rows.vocab;
  const std::int32_t best = rows.best.words[row * rows.best.kept];
  const float log_partition = rows.best.log_partitions[row];
  std::int64_t word = kEos;  // the reply ends where every word is blocked
  float log_prob = 0;
  threads.wait();  // before the position changes
  if (!std::isfinite(log_partition)) {
    log_prob = log_partition - log_partition;  // NaN, which the host checks for
  } else if (!std::isinf(logits[best])) {
    const RandomStream stream{rows.seeds[row], static_cast<std::uint32_t>(rows.streams[row])};
    const double uniform = stream.uniform(static_cast<std::uint64_t>(position));
    word = select_token(threads, logits, rows.vocab, logits[best], uniform,
                        read_options(rows.options + row * 4), work);
    log_prob = logits[word] - log_partition;
  }
  if (threads.index() != 0) return;
  rows.log_probs[row * replies.steps + position] = log_prob > 0 ? 0 : log_prob;  // NaN stays
  replies.words(row)[position + 1] = static_cast<std::int32_t>(word);
  replies.positions[row] = position + 1;
}

}  // namespace mime_fast

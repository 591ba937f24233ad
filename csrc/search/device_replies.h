#pragma once

#include <cstdint>

#include "sampling/device.h"
#include "search/special.h"

namespace mime_fast {

// The replies of kernels/replies.py: a row for each hypothesis, with its words and its limits.
struct DeviceReplies {
  std::int32_t* generated;     // (rows, steps + 1): start of reply, then its words
  std::int32_t* positions;     // (rows,): of the newest word
  const std::int32_t* limits;  // (rows, 3): max_new_tokens first
  std::int64_t rows;
  std::int64_t steps;

  MIME_FAST_DEVICE std::int32_t* words(std::int64_t row) const {
    return generated + row * (steps + 1);
  }

  MIME_FAST_DEVICE std::int32_t max_words(std::int64_t row) const { return limits[row * 3]; }

  MIME_FAST_DEVICE bool is_active(std::int64_t row) const {
    const std::int32_t position = positions[row];
    return words(row)[position] != kEos && position < max_words(row);
  }
};

// What the projection computed for each active row: see Best in kernels/project.py.
struct DeviceBest {
  const std::int32_t* words;    // (rows, kept), best first
  const float* logits;          // (rows, kept); -inf: there is no such word
  const float* log_partitions;  // (rows,)
  std::int64_t kept;
};

}  // namespace mime_fast

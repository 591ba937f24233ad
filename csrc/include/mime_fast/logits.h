#pragma once

#include <cstdint>

namespace mime_fast {

// A borrowed, read-only table of scores with a row for each sequence.
struct Logits {
  const float* data;  // (rows, vocab), row-major
  std::int64_t rows;
  std::int64_t vocab;

  const float* row(std::int64_t index) const { return data + index * vocab; }
};

}  // namespace mime_fast

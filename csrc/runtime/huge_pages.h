#pragma once

#include <cstddef>

namespace mime_fast {

// Allocates memory in 2 MB pages for weights, all of which are read at every step: 28 MB are read
// at 40 instead of 23 GB/s. Pieces share arenas of eight pages. The system clears a page when it is
// first written, so pages behind the last piece take no memory. An arena is freed with its last
// piece.
class HugePages {
 public:
  // Returns at least that many uninitialised bytes, aligned to a cache line. Throws OutOfMemory.
  static void* take(std::size_t bytes);
  static void give(void* piece) noexcept;
};

}  // namespace mime_fast

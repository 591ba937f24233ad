#pragma once

#include <cstddef>

namespace mime_fast {

// Memory in 2 MB pages, for weights, which are read whole at every step: 28 MB pass at 40 instead
// of 23 GB/s. Small pieces share a page: a decoder layer is nine matrices of 50 to 230 KB.
class HugePages {
 public:
  // At least that many bytes, on a cache line, of any content. Throws OutOfMemory.
  static void* take(std::size_t bytes);
  static void give(void* piece) noexcept;
};

}  // namespace mime_fast

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

#include "engine/block_cache.h"

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace mime_fast {

// Weights are read whole at every step: in 2 MB pages 28 MB pass at 40 instead of 23 GB/s. What a
// call works in comes and goes, and is faster in memory that the allocator has at hand.
enum class Pages { small, huge };

// Memory that starts on a cache line, with a vector of slack behind its end, so that a kernel may
// read and write whole vectors. Zeroed, slack included.
template <typename T>
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(std::int64_t count, Pages pages = Pages::small) : Buffer(count, pages, true) {}

  // For what is written before it is read.
  static Buffer uninitialised(std::int64_t count) { return Buffer(count, Pages::small, false); }

  T* data() { return data_.get(); }
  const T* data() const { return data_.get(); }
  std::int64_t size() const { return count_; }
  T& operator[](std::int64_t i) { return data_.get()[i]; }
  const T& operator[](std::int64_t i) const { return data_.get()[i]; }

 private:
  static constexpr std::size_t kSlack = 64;
  static constexpr std::size_t kHugePage = std::size_t{1} << 21;

  Buffer(std::int64_t count, Pages pages, bool zero) : count_(count) {
    const std::size_t bytes = static_cast<std::size_t>(count) * sizeof(T) + kSlack;
    const bool huge = pages == Pages::huge && bytes >= kHugePage;
    void* memory = huge ? allocate_huge(bytes) : BlockCache::take(bytes);
    data_ = Data(static_cast<T*>(memory), Release{huge ? 0 : bytes});
    if (zero) std::memset(memory, 0, bytes);
  }

  static void* allocate_huge(std::size_t bytes) {
    const std::size_t padded = (bytes + kHugePage - 1) / kHugePage * kHugePage;
    void* memory = std::aligned_alloc(kHugePage, padded);
    if (memory == nullptr) throw std::bad_alloc();
#if defined(__linux__)
    madvise(memory, padded, MADV_HUGEPAGE);  // a wish, not a need
#endif
    return memory;
  }

  struct Release {
    std::size_t bytes = 0;  // of the block cache; 0: huge pages

    void operator()(T* memory) const {
      if (bytes == 0) return std::free(memory);
      BlockCache::give(memory, bytes);
    }
  };
  using Data = std::unique_ptr<T, Release>;

  Data data_;
  std::int64_t count_ = 0;
};

}  // namespace mime_fast

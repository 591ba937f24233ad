#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>

#include "runtime/block_cache.h"
#include "runtime/huge_pages.h"

namespace mime_fast {

// Of weights: huge. What a call works in comes and goes, and is faster in memory that the allocator
// has at hand.
enum class Pages { small, huge };

// Memory that starts on a cache line, with a vector of slack behind its end, so that a kernel may
// read and write whole vectors. Zeroed, slack included.
template <typename T>
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(std::int64_t count, Pages pages = Pages::small) : Buffer(count, pages, true) {}

  // For what is written before it is read.
  static Buffer uninitialised(std::int64_t count, Pages pages = Pages::small) {
    return Buffer(count, pages, false);
  }

  T* data() { return data_.get(); }
  const T* data() const { return data_.get(); }
  std::int64_t size() const { return count_; }
  T& operator[](std::int64_t i) { return data_.get()[i]; }
  const T& operator[](std::int64_t i) const { return data_.get()[i]; }

 private:
  static constexpr std::size_t kSlack = 64;

  Buffer(std::int64_t count, Pages pages, bool zero) : count_(count) {
    const std::size_t bytes = static_cast<std::size_t>(count) * sizeof(T) + kSlack;
    const bool huge = pages == Pages::huge;
    void* memory = huge ? HugePages::take(bytes) : BlockCache::take(bytes);
    data_ = Data(static_cast<T*>(memory), Release{huge ? 0 : bytes});
    if (zero) std::memset(memory, 0, bytes);
  }

  struct Release {
    std::size_t bytes = 0;  // of the block cache's; 0: in huge pages

    void operator()(T* memory) const {
      if (bytes == 0) return HugePages::give(memory);
      BlockCache::give(memory, bytes);
    }
  };
  using Data = std::unique_ptr<T, Release>;

  Data data_;
  std::int64_t count_ = 0;
};

}  // namespace mime_fast

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>

#include "runtime/block_cache.h"
#include "runtime/huge_pages.h"

namespace mime_fast {

// Huge pages are for weights. The buffers of a call are short-lived and use small pages, which the
// block cache provides without a system call.
enum class Pages { small, huge };

// An array that is aligned to a cache line. Behind its end is slack for one vector, so that a
// kernel may read and write whole vectors. It is zeroed, slack included.
template <typename T>
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(std::int64_t count, Pages pages = Pages::small) : Buffer(count, pages, true) {}

  // Creates a buffer that is written before it is read.
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
    std::size_t bytes = 0;  // of a cached block; 0: huge pages

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

#include "runtime/block_cache.h"

#include <array>
#include <cstdlib>
#include <mutex>
#include <new>
#include <vector>

#include "runtime/out_of_memory.h"

namespace mime_fast {
namespace {

constexpr std::size_t kSmallest = 4096;  // smaller blocks gain nothing
constexpr std::size_t kClasses = 15;     // sizes up to 64 MB, each twice the one before
constexpr std::size_t kMaxIdle = std::size_t{64} << 20;

// The mutex is only tried, never waited for: it may stay locked in the child of a fork.
struct Idle {
  std::mutex mutex;
  std::array<std::vector<void*>, kClasses> blocks;
  std::size_t bytes = 0;
};

// Never destroyed: buffers of static objects may outlive it.
Idle& idle() {
  static Idle& blocks = *new Idle;
  return blocks;
}

// Returns the size class of a block; kClasses if blocks of that size are not kept.
std::size_t class_of(std::size_t bytes) {
  std::size_t index = 0;
  while (index < kClasses && (kSmallest << index) < bytes) ++index;
  return bytes < kSmallest / 2 ? kClasses : index;
}

void* allocate(std::size_t bytes) {
  constexpr std::size_t kCacheLine = 64;
  void* block = std::aligned_alloc(kCacheLine, (bytes + kCacheLine - 1) / kCacheLine * kCacheLine);
  if (block == nullptr) throw OutOfMemory(bytes);
  return block;
}

}  // namespace

void* BlockCache::take(std::size_t bytes) {
  const std::size_t index = class_of(bytes);
  if (index == kClasses) return allocate(bytes);
  {
    Idle& kept = idle();
    const std::unique_lock<std::mutex> lock(kept.mutex, std::try_to_lock);
    std::vector<void*>& blocks = kept.blocks[index];
    if (lock.owns_lock() && !blocks.empty()) {
      void* block = blocks.back();
      blocks.pop_back();
      kept.bytes -= kSmallest << index;
      return block;
    }
  }
  return allocate(kSmallest << index);
}

void BlockCache::give(void* block, std::size_t bytes) noexcept {
  const std::size_t index = class_of(bytes);
  if (index < kClasses) {
    Idle& kept = idle();
    const std::unique_lock<std::mutex> lock(kept.mutex, std::try_to_lock);
    if (lock.owns_lock() && kept.bytes + (kSmallest << index) <= kMaxIdle) {
      try {
        kept.blocks[index].push_back(block);
        kept.bytes += kSmallest << index;
        return;
      } catch (const std::bad_alloc&) {  // the block is freed below
      }
    }
  }
  std::free(block);
}

}  // namespace mime_fast

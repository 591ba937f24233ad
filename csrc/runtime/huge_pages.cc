#include "runtime/huge_pages.h"

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <new>

#include "runtime/out_of_memory.h"

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace mime_fast {
namespace {

constexpr std::size_t kPage = std::size_t{1} << 21;
constexpr std::size_t kCacheLine = 64;
#if defined(__SANITIZE_ADDRESS__)
constexpr std::size_t kLargestShared = 0;  // so that the sanitizer checks the end of each piece
#else
constexpr std::size_t kLargestShared = kPage / 4;
#endif

std::size_t round_up(std::size_t bytes, std::size_t multiple) {
  return (bytes + multiple - 1) / multiple * multiple;
}

// The header of a block of whole pages. All pieces begin in the first page, behind the header, so
// that rounding down a piece's address finds the header.
struct alignas(kCacheLine) Block {
  std::atomic<int> owners{1};  // pieces, and one while more may be taken
};

Block* new_block(std::size_t bytes) {
  const std::size_t padded = round_up(bytes + sizeof(Block), kPage);
  void* memory = std::aligned_alloc(kPage, padded);
  if (memory == nullptr) throw OutOfMemory(bytes);
#if defined(__linux__)
  madvise(memory, padded, MADV_HUGEPAGE);  // a failure is harmless
#endif
  return new (memory) Block;
}

void leave(Block* block) {
  if (block->owners.fetch_sub(1, std::memory_order_acq_rel) == 1) std::free(block);
}

// The mutex is only tried, never waited for: it may stay locked in the child of a fork.
struct Shared {
  std::mutex mutex;
  Block* block = nullptr;
  std::size_t used = 0;  // bytes of it
};

// Never destroyed: buffers of static objects may outlive it.
Shared& shared() {
  static Shared& pieces = *new Shared;
  return pieces;
}

}  // namespace

void* HugePages::take(std::size_t bytes) {
  Shared& pieces = shared();
  const std::unique_lock<std::mutex> lock(pieces.mutex, std::try_to_lock);
  if (bytes > kLargestShared || !lock.owns_lock()) return new_block(bytes) + 1;
  if (pieces.block == nullptr || pieces.used + bytes > kPage) {
    Block* block = new_block(kPage - sizeof(Block));
    if (pieces.block != nullptr) leave(pieces.block);
    pieces.block = block;
    pieces.used = sizeof(Block);
  }
  char* piece = reinterpret_cast<char*>(pieces.block) + pieces.used;
  pieces.used += round_up(bytes, kCacheLine);
  pieces.block->owners.fetch_add(1, std::memory_order_relaxed);
  return piece;
}

void HugePages::give(void* piece) noexcept {
  leave(reinterpret_cast<Block*>(reinterpret_cast<std::uintptr_t>(piece) & ~(kPage - 1)));
}

}  // namespace mime_fast

#include "runtime/huge_pages.h"

#include <atomic>
#include <cstdlib>
#include <mutex>
#include <new>

#include "runtime/out_of_memory.h"

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace mime_fast {
namespace {

constexpr std::size_t kCacheLine = 64;
#if defined(__SANITIZE_ADDRESS__)
// So that the sanitizer checks the end of each piece.
constexpr std::size_t kPage = kCacheLine, kArena = 0;
#else
constexpr std::size_t kPage = std::size_t{1} << 21, kArena = 8 * kPage;
#endif
constexpr std::size_t kLargestShared = kArena / 2;

std::size_t round_up(std::size_t bytes, std::size_t multiple) {
  return (bytes + multiple - 1) / multiple * multiple;
}

// Lies before some whole pages, which are freed with the last piece in them.
struct alignas(kCacheLine) Arena {
  std::atomic<int> owners{1};  // pieces, and one while more may be taken
};
// Lies before each piece.
struct alignas(kCacheLine) PieceHeader {
  Arena* arena;
};

Arena* new_arena(std::size_t bytes) {
  const std::size_t padded = round_up(bytes, kPage);
  void* memory = std::aligned_alloc(kPage, padded);
  if (memory == nullptr) throw OutOfMemory(bytes);
#if defined(__linux__)
  madvise(memory, padded, MADV_HUGEPAGE);  // a failure is harmless
#endif
  return new (memory) Arena;
}

void leave(Arena* arena) {
  if (arena->owners.fetch_sub(1, std::memory_order_acq_rel) == 1) std::free(arena);
}

void* piece_at(Arena* arena, std::size_t offset) {
  return new (reinterpret_cast<char*>(arena) + offset) PieceHeader{arena} + 1;
}

// The mutex is only tried, never waited for: it may stay locked in the child of a fork.
struct Shared {
  std::mutex mutex;
  Arena* arena = nullptr;
  std::size_t used = 0;  // bytes of it
};

// Never destroyed: buffers of static objects may outlive it.
Shared& shared() {
  static Shared& pieces = *new Shared;
  return pieces;
}

}  // namespace

void* HugePages::take(std::size_t bytes) {
  const std::size_t needed = sizeof(PieceHeader) + round_up(bytes, kCacheLine);
  Shared& pieces = shared();
  const std::unique_lock<std::mutex> lock(pieces.mutex, std::try_to_lock);
  if (needed > kLargestShared || !lock.owns_lock()) {
    return piece_at(new_arena(sizeof(Arena) + needed), sizeof(Arena));
  }
  if (pieces.arena == nullptr || pieces.used + needed > kArena) {
    Arena* arena = new_arena(kArena);
    if (pieces.arena != nullptr) leave(pieces.arena);
    pieces.arena = arena;
    pieces.used = sizeof(Arena);
  }
  void* piece = piece_at(pieces.arena, pieces.used);
  pieces.used += needed;
  pieces.arena->owners.fetch_add(1, std::memory_order_relaxed);
  return piece;
}

void HugePages::give(void* piece) noexcept { leave((static_cast<PieceHeader*>(piece) - 1)->arena); }

}  // namespace mime_fast

#pragma once

#include <cstdint>
#include <cstring>

// Macros and types of code that runs on a GPU and, for tests, on the CPU: one source for both.
#if defined(__CUDACC__)
#define MIME_FAST_DEVICE __host__ __device__
#else
#define MIME_FAST_DEVICE
#endif

namespace mime_fast {

// The threads that share a row. On a GPU they are a block; on the CPU there is one.
struct SoleThread {
  MIME_FAST_DEVICE std::int64_t index() const { return 0; }
  MIME_FAST_DEVICE std::int64_t count() const { return 1; }
  MIME_FAST_DEVICE void wait() const {}  // a barrier
  template <typename T>
  MIME_FAST_DEVICE static void add(T& to, T value) {
    to += value;
  }
};

// Adds to an integer of 64 bits by two atomic additions of 32. Threads may do so at once, as the
// carry of the lower half belongs to the thread that caused it. In shared memory an addition of 64
// bits is a loop over compare-and-swap.
//   halves  // the lower one, then the upper one
//   add     // (uint32&, uint32) -> what was there
template <typename Add>
MIME_FAST_DEVICE void add_halves(std::uint32_t* halves, std::uint64_t value, const Add& add) {
  const auto low = static_cast<std::uint32_t>(value);
  auto high = static_cast<std::uint32_t>(value >> 32);
  if (low != 0) {
    const std::uint32_t before = add(halves[0], low);
    high += before + low < before ? 1 : 0;
  }
  if (high != 0) add(halves[1], high);
}

#if defined(__CUDACC__)
struct BlockThreads {
  __device__ std::int64_t index() const { return threadIdx.x; }
  __device__ std::int64_t count() const { return blockDim.x; }
  __device__ void wait() const { __syncthreads(); }
  __device__ static void add(std::uint64_t& to, std::uint64_t value) {
    add_halves(reinterpret_cast<std::uint32_t*>(&to), value,
               [](std::uint32_t& half, std::uint32_t added) { return atomicAdd(&half, added); });
  }
  __device__ static void add(std::int32_t& to, std::int32_t value) { atomicAdd(&to, value); }
};
#endif

// The rank of a word in its row as an integer: the greater, the better. The keys of a row differ.
using SortKey = std::uint64_t;

MIME_FAST_DEVICE inline SortKey sort_key_of(float logit, std::int64_t id) {
  const float positive_zero = logit + 0.0F;  // -0 equals 0
  std::uint32_t bits;
  memcpy(&bits, &positive_zero, sizeof bits);
  const std::uint32_t ordered = (bits & 0x80000000U) != 0 ? ~bits : bits | 0x80000000U;
  return SortKey{ordered} << 32 | (0xFFFFFFFFU - static_cast<std::uint32_t>(id));
}

MIME_FAST_DEVICE inline std::int64_t id_of(SortKey key) {
  return 0xFFFFFFFFU - static_cast<std::uint32_t>(key);
}

}  // namespace mime_fast

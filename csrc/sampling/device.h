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

#if defined(__CUDACC__)
struct BlockThreads {
  __device__ std::int64_t index() const { return threadIdx.x; }
  __device__ std::int64_t count() const { return blockDim.x; }
  __device__ void wait() const { __syncthreads(); }
  __device__ static void add(std::uint64_t& to, std::uint64_t value) {
    atomicAdd(reinterpret_cast<unsigned long long*>(&to), static_cast<unsigned long long>(value));
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

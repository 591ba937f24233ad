// What this machine cannot beat: read bandwidth by working-set size, and dot-product peaks.
// Usage: floors THREADS SECONDS_A_MEASUREMENT; prints one JSON object.
#include <immintrin.h>
#include <sched.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

namespace {

#define AVX2 __attribute__((target("avx2,fma")))
#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl")))
#define VNNI __attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni")))
#define BF16 __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16")))

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Keeps a result alive without storing it.
template <typename T>
void keep(T& value) {
  asm volatile("" : "+m"(value));
}

AVX512 void read_avx512(const char* data, size_t bytes) {
  __m512i sums[8] = {};
  for (size_t i = 0; i < bytes; i += 512) {
    for (size_t j = 0; j < 8; ++j) {
      sums[j] = _mm512_xor_si512(sums[j], _mm512_load_si512(data + i + 64 * j));
    }
  }
  keep(sums);
}

AVX2 void read_avx2(const char* data, size_t bytes) {
  __m256i sums[8] = {};
  for (size_t i = 0; i < bytes; i += 256) {
    for (size_t j = 0; j < 8; ++j) {
      const auto* source = reinterpret_cast<const __m256i*>(data + i + 32 * j);
      sums[j] = _mm256_xor_si256(sums[j], _mm256_load_si256(source));
    }
  }
  keep(sums);
}

// Hides a register's value, so that the compiler neither folds nor merges what depends on it.
#define OPAQUE(x) asm volatile("" : "+x"(x))

// Multiply-adds with operands in registers: 12 independent sums hide the latency of 4 cycles.
constexpr int kSums = 12;
constexpr int kLoop = 20000;

AVX512 void float32_avx512() {
  __m512 sums[kSums] = {}, a = _mm512_set1_ps(1.0f), b = _mm512_set1_ps(0.5f);
  for (auto& sum : sums) OPAQUE(sum);
  for (int i = 0; i < kLoop; ++i) {
    OPAQUE(a);
    OPAQUE(b);
#pragma GCC unroll 12
    for (int j = 0; j < kSums; ++j) sums[j] = _mm512_fmadd_ps(a, b, sums[j]);
  }
  keep(sums);
}

AVX2 void float32_avx2() {
  __m256 sums[kSums] = {}, a = _mm256_set1_ps(1.0f), b = _mm256_set1_ps(0.5f);
  for (auto& sum : sums) OPAQUE(sum);
  for (int i = 0; i < kLoop; ++i) {
    OPAQUE(a);
    OPAQUE(b);
#pragma GCC unroll 12
    for (int j = 0; j < kSums; ++j) sums[j] = _mm256_fmadd_ps(a, b, sums[j]);
  }
  keep(sums);
}

BF16 void bfloat16_avx512() {
  __m512 sums[kSums] = {};
  __m512i a = _mm512_set1_epi16(0x3f80), b = _mm512_set1_epi16(0x3f00);
  for (auto& sum : sums) OPAQUE(sum);
  for (int i = 0; i < kLoop; ++i) {
    OPAQUE(a);
    OPAQUE(b);
#pragma GCC unroll 12
    for (int j = 0; j < kSums; ++j) {
      sums[j] = _mm512_dpbf16_ps(sums[j], (__m512bh)a, (__m512bh)b);
    }
  }
  keep(sums);
}

VNNI void int8_avx512() {
  __m512i sums[kSums] = {}, a = _mm512_set1_epi8(1), b = _mm512_set1_epi8(2);
  for (auto& sum : sums) OPAQUE(sum);
  for (int i = 0; i < kLoop; ++i) {
    OPAQUE(a);
    OPAQUE(b);
#pragma GCC unroll 12
    for (int j = 0; j < kSums; ++j) sums[j] = _mm512_dpbusd_epi32(sums[j], a, b);
  }
  keep(sums);
}

AVX2 void int8_avx2() {
  __m256i sums[kSums] = {}, a = _mm256_set1_epi8(1), b = _mm256_set1_epi8(2);
  const __m256i ones = _mm256_set1_epi16(1);
  for (auto& sum : sums) OPAQUE(sum);
  for (int i = 0; i < kLoop; ++i) {
    OPAQUE(a);
    OPAQUE(b);
#pragma GCC unroll 12
    for (int j = 0; j < kSums; ++j) {
      OPAQUE(a);  // or one product would serve all sums
      const __m256i pairs = _mm256_maddubs_epi16(a, b);
      sums[j] = _mm256_add_epi32(sums[j], _mm256_madd_epi16(pairs, ones));
    }
  }
  keep(sums);
}

// Best rate of `work` units a call within the given time: interference only ever slows.
template <typename Call>
double best_rate(double work, double seconds, Call call) {
  double best = 0;
  const auto start = Clock::now();
  do {
    const auto begin = Clock::now();
    call();
    best = std::max(best, work / seconds_since(begin));
  } while (seconds_since(start) < seconds);
  return best;
}

char* allocate(size_t bytes) {
  const size_t page = size_t{2} << 20;
  const size_t rounded = (bytes + page - 1) / page * page;
  void* memory = std::aligned_alloc(page, rounded);
  if (memory == nullptr) std::abort();
  madvise(memory, rounded, MADV_HUGEPAGE);
  std::memset(memory, 1, rounded);
  return static_cast<char*>(memory);
}

void pin(int core) {
  cpu_set_t allowed, chosen;
  CPU_ZERO(&chosen);
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  for (size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &allowed) && core-- == 0) CPU_SET(cpu, &chosen);
  }
  if (CPU_COUNT(&chosen) > 0) sched_setaffinity(0, sizeof chosen, &chosen);
}

// Bytes a second of `threads` threads that each read their own part of one buffer.
double bandwidth(size_t bytes, int threads, double seconds, bool avx512) {
  const size_t part = bytes / static_cast<size_t>(threads) / 512 * 512;
  char* data = allocate(bytes);
  std::vector<double> rates(static_cast<size_t>(threads));
  std::atomic<int> ready{0};
  auto run = [&](int index) {
    if (threads > 1) pin(index);
    const char* own = data + part * static_cast<size_t>(index);
    ++ready;
    while (ready < threads) {
    }
    rates[static_cast<size_t>(index)] = best_rate(static_cast<double>(part), seconds, [&] {
      avx512 ? read_avx512(own, part) : read_avx2(own, part);
    });
  };
  std::vector<std::thread> workers;
  for (int index = 0; index < threads; ++index) workers.emplace_back(run, index);
  for (auto& worker : workers) worker.join();
  std::free(data);
  double sum = 0;
  for (double rate : rates) sum += rate;
  return sum;
}

void print_peak(const char* name, bool supported, double lanes, double seconds, void (*call)()) {
  // A multiply and an add for each lane.
  const double work = 2.0 * lanes * kSums * kLoop;
  std::printf("\"%s\": %.4g, ", name, supported ? best_rate(work, seconds, call) : 0.0);
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 3) {
    std::fprintf(stderr, "usage: floors THREADS SECONDS\n");
    return 2;
  }
  const int threads = std::max(1, std::atoi(arguments[1]));
  const double seconds = std::atof(arguments[2]);
  __builtin_cpu_init();
  const bool avx512 = __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
  const bool vnni = avx512 && __builtin_cpu_supports("avx512vnni");
  if (!avx512 && !__builtin_cpu_supports("avx2")) {
    std::fprintf(stderr, "floors needs a CPU with AVX2\n");
    return 1;
  }
  std::printf("{\"threads\": %d, \"instructions\": \"%s\", \"peak_per_core\": {", threads,
              avx512 ? "AVX-512" : "AVX2");
  print_peak("bfloat16", avx512 && __builtin_cpu_supports("avx512bf16"), 32, seconds,
             bfloat16_avx512);
  print_peak("int8", true, vnni ? 64 : 32, seconds, vnni ? int8_avx512 : int8_avx2);
  std::printf("\"float32\": %.4g}, \"read\": [",
              best_rate(2.0 * (avx512 ? 16 : 8) * kSums * kLoop, seconds,
                        avx512 ? float32_avx512 : float32_avx2));
  // MB; 7.11, 14.2 and 28.4 are the vocabulary projection in int8, bfloat16 and float32.
  const double sizes[] = {0.5, 1, 2, 4, 7.11, 14.2, 28.4, 64, 128, 256, 512};
  const char* separator = "";
  for (double size : sizes) {
    const auto bytes = static_cast<size_t>(size * 1e6);
    std::printf("%s[%g, %.4g]", separator, size * 1e6, bandwidth(bytes, threads, seconds, avx512));
    separator = ", ";
  }
  std::printf("]}\n");
  return 0;
}

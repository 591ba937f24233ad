#include "cpu/processor.h"

#include <cstdint>

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace mime_fast::cpu {

#if defined(__x86_64__)
namespace {

// Registers of CPUID, all 0 for a leaf that the processor lacks. Bits: Intel SDM, volume 2, CPUID.
struct Leaf {
  std::uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
};

Leaf leaf(std::uint32_t number) {
  Leaf found;
  __get_cpuid_count(number, 0, &found.eax, &found.ebx, &found.ecx, &found.edx);
  return found;
}

bool bit(std::uint32_t word, int place) { return (word >> place) & 1; }

// Registers that the operating system saves when it switches threads (XCR0).
std::uint32_t saved_registers() {
  std::uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

}  // namespace

ProcessorFeatures processor_features() {
  constexpr int kFma = 12, kOsxsave = 27;                                // leaf 1, ecx
  constexpr int kAvx2 = 5, kAvx512f = 16, kDq = 17, kBw = 30, kVl = 31;  // leaf 7, ebx
  constexpr int kVnni = 11;                                              // leaf 7, ecx
  constexpr int kAmxTile = 24, kAmxInt8 = 25;                            // leaf 7, edx
  constexpr std::uint32_t kYmm = 0x6;                                    // XMM and YMM
  constexpr std::uint32_t kZmm = 0xe6;                                   // masks and ZMM too
  constexpr std::uint32_t kTiles = 0x60000;                              // their shape and data

  ProcessorFeatures found;
  const Leaf basic = leaf(1), extended = leaf(7);
  if (!bit(basic.ecx, kOsxsave)) return found;
  const std::uint32_t saved = saved_registers();
  if ((saved & kYmm) != kYmm) return found;
  found.avx2 = bit(extended.ebx, kAvx2);
  found.fma = bit(basic.ecx, kFma);
  if ((saved & kZmm) != kZmm) return found;
  found.avx512f = bit(extended.ebx, kAvx512f);
  found.avx512bw = bit(extended.ebx, kBw);
  found.avx512dq = bit(extended.ebx, kDq);
  found.avx512vl = bit(extended.ebx, kVl);
  found.avx512vnni = bit(extended.ecx, kVnni);
  if ((saved & kTiles) != kTiles) return found;
  found.amx_tile = bit(extended.edx, kAmxTile);
  found.amx_int8 = bit(extended.edx, kAmxInt8);
  return found;
}
#else
ProcessorFeatures processor_features() { return {}; }
#endif

#if defined(__x86_64__) && defined(__linux__)
bool may_use_tiles() {
  constexpr long kRequestPermission = 0x1023, kTileData = 18;  // asm/prctl.h; XCR0
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}
#else
bool may_use_tiles() { return false; }
#endif

}  // namespace mime_fast::cpu

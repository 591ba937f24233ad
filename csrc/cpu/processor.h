#pragma once

namespace mime_fast::cpu {

// What the processor and the operating system offer to programs. All false where the processor is
// no x86-64.
struct ProcessorFeatures {
  bool avx2 = false;
  bool fma = false;
  bool avx512f = false;
  bool avx512bw = false;
  bool avx512dq = false;
  bool avx512vl = false;
  bool avx512vnni = false;
  bool amx_tile = false;
  bool amx_int8 = false;
};

// Asks the processor itself: __builtin_cpu_supports returned 0 under some compilers.
ProcessorFeatures processor_features();

// Asks the operating system to save the matrix tiles of this process. False where it does not.
bool may_use_tiles();

}  // namespace mime_fast::cpu

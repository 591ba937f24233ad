#pragma once

namespace mime_fast::cpu {

// Instruction sets that the kernels are compiled for.
//   scalar   what the compiler targets by default
//   avx2     AVX2 and FMA
//   avx512   AVX-512 F, BW, DQ, VL and VNNI
//   amx      the same, with matrix tiles of int8
enum class Isa { scalar, avx2, avx512, amx };

inline constexpr Isa kFastestFirst[] = {Isa::amx, Isa::avx512, Isa::avx2, Isa::scalar};

const char* to_text(Isa isa);

// Whether this processor supports it, and the operating system allows it. For AMX that is asked for
// once for the whole process, whose alternate signal stacks must then hold the tiles (11 KB).
bool is_supported(Isa isa);

// Returns the best one that the processor supports, or the one that the environment variable
// MIME_FAST_ISA names. Throws std::invalid_argument if that name is unknown or the processor lacks
// it.
Isa chosen_isa();

}  // namespace mime_fast::cpu

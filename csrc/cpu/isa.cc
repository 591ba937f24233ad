#include "cpu/isa.h"

#include <cstdlib>
#include <stdexcept>
#include <string>

namespace mime_fast::cpu {
namespace {

constexpr Isa kFastestFirst[] = {Isa::avx512, Isa::avx2, Isa::scalar};
constexpr const char* kVariable = "MIME_FAST_ISA";

Isa named_isa(const std::string& name) {
  for (const Isa isa : kFastestFirst) {
    if (name != to_text(isa)) continue;
    if (is_supported(isa)) return isa;
    throw std::invalid_argument(std::string(kVariable) + "=" + name +
                                ": this processor does not have it; unset the variable");
  }
  throw std::invalid_argument(std::string(kVariable) + " must be scalar, avx2 or avx512, got " +
                              name);
}

Isa fastest_isa() {
  for (const Isa isa : kFastestFirst) {
    if (is_supported(isa)) return isa;
  }
  return Isa::scalar;
}

}  // namespace

const char* to_text(Isa isa) {
  switch (isa) {
    case Isa::avx2:
      return "avx2";
    case Isa::avx512:
      return "avx512";
    case Isa::scalar:
      break;
  }
  return "scalar";
}

bool is_supported(Isa isa) {
#if defined(__x86_64__)
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (isa == Isa::avx2) return avx2;
  if (isa == Isa::avx512) {
    return avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512vnni");
  }
#endif
  return isa == Isa::scalar;
}

Isa chosen_isa() {
  const char* name = std::getenv(kVariable);
  return name == nullptr || *name == '\0' ? fastest_isa() : named_isa(name);
}

}  // namespace mime_fast::cpu

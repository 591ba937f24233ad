#include "cpu/isa.h"

#include <cstdlib>
#include <stdexcept>
#include <string>

#include "cpu/processor.h"

namespace mime_fast::cpu {
namespace {

constexpr const char* kVariable = "MIME_FAST_ISA";

Isa named_isa(const std::string& name) {
  std::string known;
  for (const Isa isa : kFastestFirst) {
    known += (known.empty() ? "" : ", ") + std::string(to_text(isa));
    if (name != to_text(isa)) continue;
    if (is_supported(isa)) return isa;
    throw std::invalid_argument(std::string(kVariable) + "=" + name +
                                ": this processor does not have it; unset the variable");
  }
  throw std::invalid_argument(std::string(kVariable) + " must be one of " + known + ", got " +
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
    case Isa::amx:
      return "amx";
    case Isa::scalar:
      break;
  }
  return "scalar";
}

bool is_supported(Isa isa) {
  const ProcessorFeatures has = processor_features();
  const bool avx2 = has.avx2 && has.fma;
  const bool avx512 =
      avx2 && has.avx512f && has.avx512bw && has.avx512dq && has.avx512vl && has.avx512vnni;
  switch (isa) {
    case Isa::avx2:
      return avx2;
    case Isa::avx512:
      return avx512;
    case Isa::amx:
#if defined(MIME_FAST_AMX)
      return avx512 && has.amx_tile && has.amx_int8 && may_use_tiles();
#else
      return false;
#endif
    case Isa::scalar:
      break;
  }
  return true;
}

Isa chosen_isa() {
  const char* name = std::getenv(kVariable);
  return name == nullptr || *name == '\0' ? fastest_isa() : named_isa(name);
}

}  // namespace mime_fast::cpu

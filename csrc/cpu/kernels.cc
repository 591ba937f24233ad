#include "cpu/kernels.h"

namespace mime_fast::cpu {

namespace scalar {
extern const Kernels kTable;
}
#if defined(__x86_64__)
namespace avx2 {
extern const Kernels kTable;
}
namespace avx512 {
extern const Kernels kTable;
}
#if defined(MIME_FAST_AMX)
namespace amx {
const Kernels& table();
}
#endif
#endif

const Kernels& kernels(Isa isa) {
  switch (isa) {
#if defined(__x86_64__)
#if defined(MIME_FAST_AMX)
    case Isa::amx:
      return amx::table();
#endif
    case Isa::avx512:
      return avx512::kTable;
    case Isa::avx2:
      return avx2::kTable;
#endif
    default:
      return scalar::kTable;
  }
}

}  // namespace mime_fast::cpu

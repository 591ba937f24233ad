#define MIME_FAST_ISA scalar

#include "cpu/vec_scalar.h"

namespace mime_fast::cpu::scalar {

constexpr unsigned kProductRows = 2;
constexpr unsigned kProductPanels = 2;
constexpr unsigned kFewRowsPanels = 2;  // if there are one or two rows
constexpr unsigned kDotSums = 4;

}  // namespace mime_fast::cpu::scalar

#include "cpu/float_kernels.h"
#include "cpu/int8_scalar.h"
#include "cpu/screen_scalar.h"
#include "cpu/vocabulary_kernels.h"
//
#include "cpu/kernel_table.h"

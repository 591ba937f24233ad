#pragma once

#include "cpu/kernels.h"

namespace mime_fast::cpu::MIME_FAST_ISA {

extern const Kernels kTable;
const Kernels kTable = {
    Isa::MIME_FAST_ISA,
    matmul,
    layer_norm,
    softmax,
    gate,
    attend_slots,
    row_dots<float>,
    row_dots<std::uint16_t>,
    gathered_dots,
    kMaxDigit,
    screen,
    group_maxima,
    gather_possible,
    exponentials,
    sum_exponentials,
    split_tail,
};

}  // namespace mime_fast::cpu::MIME_FAST_ISA

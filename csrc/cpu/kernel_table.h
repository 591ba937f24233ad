#pragma once

#include "cpu/kernels.h"

namespace mime_fast::cpu::MIME_FAST_ISA {

extern const Kernels kTable;
const Kernels kTable = {
    .isa = Isa::MIME_FAST_ISA,
    .matmul = matmul,
    .layer_norm = layer_norm,
    .softmax = softmax,
    .gate = gate,
    .attend_cache = attend_cache,
    .row_dots = row_dots<float>,
    .half_row_dots = row_dots<std::uint16_t>,
    .gathered_dots = gathered_dots,
    .max_plane_value = kMaxPlaneValue,
    .screen = screen,
    .group_maxima = group_maxima,
    .gather_possible = gather_possible,
    .exponentials = exponentials,
    .sum_exponentials = sum_exponentials,
    .split_tail = split_tail,
};

}  // namespace mime_fast::cpu::MIME_FAST_ISA

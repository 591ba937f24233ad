#pragma once

#include "cpu/kernels.h"

namespace mime_fast::cpu::MIME_FAST_ISA {

extern const Kernels kTable;
const Kernels kTable = {
    .isa = Isa::MIME_FAST_ISA,
    .matmul = matmul,
    .to_fixed = to_fixed,
    .int8_matmul = int8_matmul,
    .layer_norm = layer_norm,
    .standard_layer_norm = standard_layer_norm,
    .rms_norm = rms_norm,
    .gelu = gelu,
    .silu_gate = silu_gate,
    .softmax = softmax,
    .gate = gate,
    .attend_cache = attend_cache,
    .row_dots = row_dots<float>,
    .half_row_dots = row_dots<std::uint16_t>,
    .int8_row_dots = row_dots<std::int8_t>,
    .gathered_dots = gathered_dots<float>,
    .int8_gathered_dots = gathered_dots<std::int8_t>,
    .max_plane_value = kMaxPlaneValue,
    .max_plane_vectors = kMaxPlaneVectors,
    .screen = screen,
    .group_maxima = group_maxima,
    .gather_possible = gather_possible,
    .exponentials = exponentials,
    .sum_exponentials = sum_exponentials,
    .split_tail = split_tail,
};

}  // namespace mime_fast::cpu::MIME_FAST_ISA

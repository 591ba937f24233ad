#pragma once

#include <cstdint>

#include "io/tensor_view.h"

namespace mime_fast {

// Copies an F32 or F16 tensor as float32, which holds each of their values exactly.
//   out  // (view.size(),)
// Throws CheckpointError, without the tensor's name, if it is stored as anything else.
void copy_float32(const TensorView& view, float* out);

// Returns false if a value is NaN or infinite.
//   values  // (count,)
bool all_finite(const float* values, std::int64_t count);

}  // namespace mime_fast

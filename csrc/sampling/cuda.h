#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <stdexcept>
#include <string>

#include "mime_fast/select_tokens.h"

// The GPU side of the sampling ops: all pointers are of the device, and nothing waits. Rows must
// hold neither NaN nor +inf, and a finite logit.
namespace mime_fast::cuda {

// See mime_fast/select_tokens.h; a token differs from the CPU's only where select_token in
// sampling/select_row.h says.
void select_tokens(const Logits& logits, const double* uniforms, const SamplingOptions& options,
                   std::int32_t* ids, cudaStream_t stream);

// Throws std::runtime_error.
void check(cudaError_t status, const char* what);

}  // namespace mime_fast::cuda

#pragma once

#include "mime_fast/select_tokens.h"
#include "mime_fast/top_k.h"

// The CPU side of the sampling ops. The dispatching function of the same name checks the arguments;
// only what needs a pass over the row (NaN, infinities) is checked here.
namespace mime_fast::cpu {

void top_k(const Logits& logits, std::int64_t k, float* values, std::int64_t* ids);
void select_tokens(const Logits& logits, const double* uniforms, const SamplingOptions& options,
                   std::int64_t* ids);

}  // namespace mime_fast::cpu

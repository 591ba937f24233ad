#pragma once

#include "search/beam_step.h"
#include "search/draft_step.h"
#include "search/sample_row.h"

// Steps of searches whose state lies in a device's memory. Both namespaces run one source: cpu on
// memory of the host, row by row; cuda on memory of a GPU, without waiting for it.
namespace mime_fast {

namespace cpu {
void sample_step(const SampleRows& rows);
void draft_step(const DraftRows& rows);
void beam_step(const BeamRows& rows);
}  // namespace cpu

// stream: a cudaStream_t. Throws std::runtime_error if the launch fails, or without CUDA.
namespace cuda {
// Whether this build can reach a GPU: device_search.cu is in it, and not device_search_absent.cc.
bool is_built();
void sample_step(const SampleRows& rows, void* stream);
void draft_step(const DraftRows& rows, void* stream);
void beam_step(const BeamRows& rows, void* stream);
}  // namespace cuda

}  // namespace mime_fast

#include <cuda_runtime_api.h>

#include <new>
#include <stdexcept>
#include <string>

#include "search/device_search.h"

namespace mime_fast::cuda {
namespace {

constexpr int kSampleThreads = 512;  // 47 of 23,700 words each; up to 128 registers would do
constexpr int kDraftThreads = 64;    // a thread for each position of most replies
constexpr int kBeamThreads = 128;    // five beams are 50 continuations

__global__ void sample_rows(SampleRows rows) {
  __shared__ SelectWorkspace work;
  sample_row(BlockThreads{}, rows, blockIdx.x, work);
}

__global__ void step_drafts(DraftRows rows) {
  __shared__ std::int32_t drafts[kMaxDrafts];
  __shared__ std::int32_t count;
  const BlockThreads threads;
  DraftStep<BlockThreads>(threads, rows, blockIdx.x, drafts, count).run();
}

__global__ void step_beams(BeamRows rows) {
  __shared__ BeamWorkspace work;
  const BlockThreads threads;
  BeamStep<BlockThreads>(threads, rows, blockIdx.x, work).run();
}

void check(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return;
  if (status == cudaErrorMemoryAllocation) throw std::bad_alloc();
  throw std::runtime_error(std::string(what) + " failed on the GPU: " + cudaGetErrorString(status));
}

}  // namespace

bool is_built() { return true; }

void sample_step(const SampleRows& rows, void* stream) {
  if (rows.replies.rows == 0) return;
  const auto blocks = static_cast<unsigned>(rows.replies.rows);
  sample_rows<<<blocks, kSampleThreads, 0, static_cast<cudaStream_t>(stream)>>>(rows);
  check(cudaGetLastError(), "sample_step");
}

void draft_step(const DraftRows& rows, void* stream) {
  if (rows.groups == 0) return;
  const auto blocks = static_cast<unsigned>(rows.groups);
  step_drafts<<<blocks, kDraftThreads, 0, static_cast<cudaStream_t>(stream)>>>(rows);
  check(cudaGetLastError(), "draft_step");
}

void beam_step(const BeamRows& rows, void* stream) {
  if (rows.requests == 0) return;
  const auto blocks = static_cast<unsigned>(rows.requests);
  step_beams<<<blocks, kBeamThreads, 0, static_cast<cudaStream_t>(stream)>>>(rows);
  check(cudaGetLastError(), "beam_step");
}

}  // namespace mime_fast::cuda

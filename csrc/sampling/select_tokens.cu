#include "sampling/cuda.h"
#include "sampling/select_row.h"

namespace mime_fast::cuda {
namespace {

constexpr int kThreads = 1024;  // 23,700 words are 23 for each

__global__ void select_rows(const float* logits, std::int64_t vocab, const double* uniforms,
                            SamplingOptions options, std::int32_t* ids) {
  __shared__ SelectWorkspace work;
  const std::int64_t row = blockIdx.x;
  const std::int64_t id =
      select_token(BlockThreads{}, logits + row * vocab, vocab, uniforms[row], options, work);
  if (threadIdx.x == 0) ids[row] = static_cast<std::int32_t>(id);
}

}  // namespace

void select_tokens(const Logits& logits, const double* uniforms, const SamplingOptions& options,
                   std::int32_t* ids, cudaStream_t stream) {
  options.validate();
  if (logits.rows == 0) return;
  const auto rows = static_cast<unsigned>(logits.rows);
  select_rows<<<rows, kThreads, 0, stream>>>(logits.data, logits.vocab, uniforms, options, ids);
  check(cudaGetLastError(), "select_tokens");
}

void check(cudaError_t status, const char* what) {
  if (status != cudaSuccess) {
    throw std::runtime_error(std::string(what) +
                             " failed on the GPU: " + cudaGetErrorString(status));
  }
}

}  // namespace mime_fast::cuda

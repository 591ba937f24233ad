#include <stdexcept>

#include "search/device_search.h"

namespace mime_fast {
namespace cpu {

void sample_step(const SampleRows& rows) {
  SelectWorkspace work;
  for (std::int64_t row = 0; row < rows.replies.rows; ++row) {
    sample_row(SoleThread{}, rows, row, work);
  }
}

void beam_step(const BeamRows& rows) {
  BeamWorkspace work;
  for (std::int64_t request = 0; request < rows.requests; ++request) {
    BeamStep<SoleThread>(SoleThread{}, rows, request, work).run();
  }
}

}  // namespace cpu

#if !defined(MIME_FAST_CUDA)
namespace cuda {

void sample_step(const SampleRows&, void*) {
  throw std::runtime_error("mime_fast was built without CUDA");
}

void beam_step(const BeamRows&, void*) {
  throw std::runtime_error("mime_fast was built without CUDA");
}

}  // namespace cuda
#endif

}  // namespace mime_fast

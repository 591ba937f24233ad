#include <stdexcept>

#include "search/device_search.h"

// What stands in the place of device_search.cu in a build without CUDA.
namespace mime_fast::cuda {
namespace {

[[noreturn]] void refuse() { throw std::runtime_error("mime_fast was built without CUDA"); }

}  // namespace

bool is_built() { return false; }

void sample_step(const SampleRows&, void*) { refuse(); }
void draft_step(const DraftRows&, void*) { refuse(); }
void beam_step(const BeamRows&, void*) { refuse(); }

}  // namespace mime_fast::cuda

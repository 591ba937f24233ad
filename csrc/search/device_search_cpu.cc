#include "search/device_search.h"

namespace mime_fast::cpu {

void sample_step(const SampleRows& rows) {
  SelectWorkspace work;
  for (std::int64_t row = 0; row < rows.replies.rows; ++row) {
    sample_row(SoleThread{}, rows, row, work);
  }
}

void draft_step(const DraftRows& rows) {
  std::int32_t drafts[kMaxDrafts];
  std::int32_t count = 0;
  for (std::int64_t group = 0; group < rows.groups; ++group) {
    DraftStep<SoleThread>(SoleThread{}, rows, group, drafts, count).run();
  }
}

void beam_step(const BeamRows& rows) {
  BeamWorkspace work;
  for (std::int64_t request = 0; request < rows.requests; ++request) {
    BeamStep<SoleThread>(SoleThread{}, rows, request, work).run();
  }
}

}  // namespace mime_fast::cpu

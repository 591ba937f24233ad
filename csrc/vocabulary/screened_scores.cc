#include "vocabulary/screened_scores.h"

#include "vocabulary/bounded_top_k.h"
#include "vocabulary/log_partition.h"
#include "vocabulary/screened_draw.h"

namespace mime_fast {

void ScreenedScores::prepare(const Needs& needs) {
  if (needs.draw) drawn_ = draw_screened(row_, uniform_, *needs.draw, best_);
  if (needs.log_partition) {
    log_partition_ = compute_log_partition(row_, best_);
    // The log-partition often proves the best words on the way.
    if (needs.best == 0 || keep_best(needs.best, best_)) return;
  }
  if (needs.best > 0) find_best(row_, needs.best, best_);
}

}  // namespace mime_fast

#pragma once

#include <vector>

#include "vocabulary/screened_row.h"

namespace mime_fast {

// The sum of exp((logit - top) / temperature) over all words. The total is 0 if all are blocked.
struct Partition {
  float top;  // about the largest logit
  double total;
  double error;  // six standard deviations of the total; 0: as exact as float32
  float max;     // largest of the logits that were computed in float32
};

struct PartitionOptions {
  double temperature;
  double tolerance;  // largest error, as a share of the total
  double cut;        // words of at least this share of the total are computed in float32 at first
};

// Sums up the words above the cut in float32, and the screened scores of the others: see
// docs/screening.md. Where the scores are too coarse for the tolerance, all words that matter are
// computed in float32. best: the computed words that are better than all others for certain.
Partition sum_partition(ScreenedRow& row, const PartitionOptions& options,
                        std::vector<TokenLogit>& best);

// The logarithm of the partition sum at temperature 1.
LogPartition compute_log_partition(ScreenedRow& row, std::vector<TokenLogit>& best);

}  // namespace mime_fast

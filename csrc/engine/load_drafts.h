#pragma once

#include <cstdint>
#include <string>

#include "search/draft_table.h"

namespace mime_fast {

// Reads a draft table:
//   contexts     // I32 (entries, 4), oldest word first; padded in front with kNoWord
//   words        // I32 (entries,)
//   confidences  // F32 (entries,), in (0, 1]
// Throws CheckpointError if it is anything else, or holds words that are not in the vocabulary.
DraftTable load_drafts(const std::string& path, std::int64_t vocab);

}  // namespace mime_fast

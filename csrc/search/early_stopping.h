#pragma once

namespace mime_fast {

// When a beam that has found num_beams replies is over, as in transformers:
//   yes    at once
//   no     when no live hypothesis would be among them if it ended at its present length
//   never  when no live hypothesis can be among them any more
enum class EarlyStopping { no, yes, never };

}  // namespace mime_fast

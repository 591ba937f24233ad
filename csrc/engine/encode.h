#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/engine.h"

namespace mime_fast {

// The ids of a dialogue's words.
struct Dialogue {
  std::vector<std::int64_t> tokens;    // (length,) CLS first
  std::vector<std::int64_t> speakers;  // (length,)
};

// What ReplyModel::encode reads; borrowed.
struct EncoderInput {
  const Dialogue* dialogue;
  const float* noise;    // (noise count, noise dim)
  std::int64_t emotion;  // negative: the recognised one
};

// Encodes dialogues. Several of them are distributed over the threads; all threads share a single
// one.
std::vector<std::shared_ptr<EncoderOutput>> encode_all(Engine& engine,
                                                       const std::vector<EncoderInput>& inputs,
                                                       Interrupt* interrupt);

}  // namespace mime_fast

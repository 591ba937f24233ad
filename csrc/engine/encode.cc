#include "engine/encode.h"

namespace mime_fast {

std::vector<std::shared_ptr<EncoderOutput>> encode_all(Engine& engine,
                                                       const std::vector<EncoderInput>& inputs,
                                                       Interrupt* interrupt) {
  std::vector<std::shared_ptr<EncoderOutput>> encoded(inputs.size());
  const auto encode_one = [&](Team& team, std::size_t index) {
    const auto& [dialogue, noise, emotion] = inputs[index];
    encoded[index] = std::make_shared<EncoderOutput>(
        engine.model->encode(team, dialogue->tokens.data(), dialogue->speakers.data(),
                             static_cast<std::int64_t>(dialogue->tokens.size()), noise, emotion));
  };
  Team team(engine.pool, interrupt);
  if (inputs.size() == 1) {
    encode_one(team, 0);
    return encoded;
  }
  team.split(static_cast<std::int64_t>(inputs.size()), 1,
             [&](std::int64_t begin, std::int64_t end) {
               Team alone(interrupt);
               for (std::int64_t i = begin; i < end; ++i) {
                 encode_one(alone, static_cast<std::size_t>(i));
               }
             });
  return encoded;
}

}  // namespace mime_fast

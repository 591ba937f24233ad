#pragma once

#include <pybind11/pybind11.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "bindings/arguments.h"
#include "bindings/one_thread.h"
#include "engine/decoding_session.h"
#include "engine/encode.h"
#include "engine/engine.h"

namespace mime_fast {

using EngineRef = std::shared_ptr<Engine>;
using EncoderOutputRef = std::shared_ptr<const EncoderOutput>;

// Checks and copies ids of the vocabulary; the caller's array may change during the call.
std::vector<std::int64_t> to_ids(pybind11::handle value, const char* name, std::int64_t vocab);
Dialogue to_dialogue(pybind11::handle tokens, pybind11::handle speakers, const ReplyModel& model);

// A DecodingSession that Python drives.
class DecodingDriver {
 public:
  DecodingDriver(EngineRef engine, const GenerationOptions& options, std::size_t expected,
                 Interrupt* interrupt)
      : decoding_(std::move(engine), options, expected, interrupt) {}

  std::size_t join(EncoderOutputRef encoded, std::uint64_t seed,
                   const std::optional<GenerationOptions>& options = std::nullopt);
  bool advance();
  void run();
  std::int64_t steps();
  pybind11::tuple agreed(std::size_t request);
  pybind11::object leader(std::size_t request);
  pybind11::list results(std::size_t request);

 private:
  // Runs without the GIL; handles signals.
  bool run_steps(std::int64_t steps);
  Search& search(std::size_t request);

  DecodingSession decoding_;
  OneThread one_thread_;
};

// A decode state that Python steps, for log-probabilities, tests and benchmarks.
class StateDriver {
 public:
  StateDriver(EngineRef engine, std::vector<EncoderOutputRef> rows);

  Array<float> step(pybind11::handle tokens);
  void select(const TokenIds& rows);

 private:
  EngineRef engine_;
  std::vector<EncoderOutputRef> encoded_;
  DecodeState state_;
  OneThread one_thread_;
};

}  // namespace mime_fast

#pragma once

#include <pybind11/pybind11.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "bindings/arguments.h"
#include "bindings/one_thread.h"
#include "engine/decoding.h"
#include "engine/engine.h"

namespace mime_fast {

using EngineRef = std::shared_ptr<Engine>;
using EncodedRef = std::shared_ptr<const Encoded>;

// Ids of the vocabulary, copied: the caller's array may change meanwhile.
std::vector<std::int64_t> to_ids(pybind11::handle value, const char* name, std::int64_t vocab);

// A Decoding that Python drives.
class DecodingDriver {
 public:
  DecodingDriver(EngineRef engine, const GenerationOptions& options, std::size_t expected,
                 Interrupt* interrupt)
      : decoding_(std::move(engine), options, expected, interrupt) {}

  std::size_t join(EncodedRef encoded, std::uint64_t seed);
  bool advance();
  void run();
  std::int64_t steps();
  pybind11::tuple agreed(std::size_t request);
  pybind11::object leader(std::size_t request);
  pybind11::list results(std::size_t request);

 private:
  // Without the GIL; handles signals.
  bool run_steps(std::int64_t steps);
  Search& search(std::size_t request);

  Decoding decoding_;
  OneThread one_thread_;
};

// A decode state that Python steps, for log-probabilities, tests and measurements.
class StateDriver {
 public:
  StateDriver(EngineRef engine, std::vector<EncodedRef> rows);

  Array<float> step(pybind11::handle tokens);
  void select(const TokenIds& rows);

 private:
  EngineRef engine_;
  std::vector<EncodedRef> encoded_;
  DecodeState state_;
  OneThread one_thread_;
};

}  // namespace mime_fast

#pragma once

#include <pybind11/pybind11.h>

#include <utility>

#include "search/stop_condition.h"

namespace mime_fast {

// A Python callable of a reply's ids. It takes Python's lock for each call, so that only requests
// with stop strings pay for it.
class PythonStop final : public StopCondition {
 public:
  explicit PythonStop(pybind11::object function) : function_(std::move(function)) {}

  bool ends(const TokenIds& tokens) const override;

 private:
  pybind11::object function_;
};

}  // namespace mime_fast

#pragma once

#include <pybind11/pybind11.h>

#include <utility>

#include "search/stop_condition.h"

namespace mime_fast {

// A stop condition that calls Python with a reply's ids. Each call acquires the GIL, a cost of
// requests with stop strings only.
class PythonStop final : public StopCondition {
 public:
  explicit PythonStop(pybind11::object function) : function_(std::move(function)) {}
  // Acquires the GIL: the last owner may be a thread without it.
  ~PythonStop() override;
  PythonStop(const PythonStop&) = delete;
  PythonStop& operator=(const PythonStop&) = delete;

  bool ends(const TokenIds& tokens) const override;

 private:
  pybind11::object function_;
};

}  // namespace mime_fast

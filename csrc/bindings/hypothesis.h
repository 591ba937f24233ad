#pragma once

#include <pybind11/pybind11.h>

#include <vector>

#include "search/hypothesis.h"

namespace mime_fast {

// Converts hypotheses to mime_fast.search.hypothesis.Hypothesis, and ids to a tuple.
pybind11::object to_python(const Hypothesis& hypothesis);
pybind11::list to_python(const std::vector<Hypothesis>& hypotheses);
pybind11::tuple to_python(const TokenIds& tokens);

}  // namespace mime_fast

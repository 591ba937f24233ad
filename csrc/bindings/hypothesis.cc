#include "bindings/hypothesis.h"

#include <pybind11/stl.h>

#include "bindings/gil.h"

namespace py = pybind11;

namespace mime_fast {

py::object to_python(const Hypothesis& hypothesis) {
  const py::object type = py::module_::import("mime_fast.search.hypothesis").attr("Hypothesis");
  const py::tuple fields = py::make_tuple(to_python(hypothesis.tokens), hypothesis.log_prob,
                                          py::tuple(py::cast(hypothesis.log_probs)));
  return checked(sleep_at_exit([&] { return PyObject_Call(type.ptr(), fields.ptr(), nullptr); }));
}

py::list to_python(const std::vector<Hypothesis>& hypotheses) {
  py::list result;
  for (const Hypothesis& hypothesis : hypotheses) result.append(to_python(hypothesis));
  return result;
}

py::tuple to_python(const TokenIds& tokens) { return py::tuple(py::cast(tokens)); }

}  // namespace mime_fast

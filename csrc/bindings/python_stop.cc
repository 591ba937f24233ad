#include "bindings/python_stop.h"

#include "bindings/hypothesis.h"

namespace py = pybind11;

namespace mime_fast {

bool PythonStop::ends(const TokenIds& tokens) const {
  const py::gil_scoped_acquire acquire;
  return function_(to_python(tokens)).cast<bool>();
}

}  // namespace mime_fast

#include "bindings/python_stop.h"

#include "bindings/gil.h"
#include "bindings/hypothesis.h"

namespace py = pybind11;

namespace mime_fast {

PythonStop::~PythonStop() {
  PyObject* const function = function_.release().ptr();
  const PyGILState_STATE gil = sleep_at_exit([] { return PyGILState_Ensure(); });
  sleep_at_exit([&] { Py_DECREF(function); });
  PyGILState_Release(gil);
}

// Uses plain pointers, because the callable of sleep_at_exit must hold no object with a destructor.
bool PythonStop::ends(const TokenIds& tokens) const {
  const PyGILState_STATE gil = sleep_at_exit([] { return PyGILState_Ensure(); });
  PyObject* const argument = to_python(tokens).release().ptr();
  PyObject* const result =
      sleep_at_exit([&] { return PyObject_CallOneArg(function_.ptr(), argument); });
  Py_DECREF(argument);
  if (result == nullptr) {
    const py::error_already_set error;
    PyGILState_Release(gil);
    throw error;
  }
  const bool ends = result == Py_True;
  Py_DECREF(result);
  PyGILState_Release(gil);
  return ends;
}

}  // namespace mime_fast

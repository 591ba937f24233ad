#include "bindings/gil.h"

#include <unistd.h>

#include <atomic>

namespace py = pybind11;

namespace mime_fast {
namespace {

unsigned long find_main_thread() {
  const py::object threading = checked(PyImport_ImportModule("threading"));
  const py::object thread = checked(
      sleep_at_exit([&] { return PyObject_CallMethod(threading.ptr(), "main_thread", nullptr); }));
  const py::object ident =
      checked(sleep_at_exit([&] { return PyObject_GetAttrString(thread.ptr(), "ident"); }));
  return ident.cast<unsigned long>();
}

}  // namespace

void sleep_until_exit() noexcept {
  while (true) pause();
}

py::object checked(PyObject* result) {
  if (result == nullptr) throw py::error_already_set();
  return py::reinterpret_steal<py::object>(result);
}

// Python is called once in each process: a child of fork has another main thread.
bool handles_signals() {
  static std::atomic<pid_t> process{0};
  static std::atomic<unsigned long> main_thread{0};
  if (process.load() != getpid()) {
    main_thread.store(find_main_thread());
    process.store(getpid());
  }
  return PyThread_get_thread_ident() == main_thread.load();
}

bool SignalCheck::is_interrupted() {
  const auto raised = [] { return PyErr_CheckSignals() != 0; };
  return gil_ == nullptr ? raised() : gil_->with_gil(raised);
}

}  // namespace mime_fast

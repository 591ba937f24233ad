#pragma once

#include <pybind11/pybind11.h>

#include <utility>

#if defined(__GLIBCXX__)
#include <cxxabi.h>
#endif

#include "runtime/interrupt.h"

namespace mime_fast {

[[noreturn]] void sleep_until_exit() noexcept;

// Calls what may have to wait for the GIL: Python code, or PyEval_RestoreThread. When the
// interpreter ends, a daemon thread never gets the GIL again: up to Python 3.13 it is ended by
// pthread_exit instead, which unwinds C++ frames. That ends the process where one of them must not
// throw, and elsewhere releases Python objects without the GIL. Here such a thread sleeps until the
// process exits, as every daemon thread does from Python 3.14 on. `call` must hold no object that
// has a destructor: that would run before the thread falls asleep.
template <typename Call>
auto sleep_at_exit(Call&& call) -> decltype(call()) {
#if defined(__GLIBCXX__)
  try {
    return call();
  } catch (abi::__forced_unwind&) {
    sleep_until_exit();
  }
#else
  return call();
#endif
}

// Returns the result of a call into Python; throws the error that is set if it is null.
pybind11::object checked(PyObject* result);

// Releases the GIL until the end of the scope, as pybind11::gil_scoped_release does, but safely
// when the interpreter ends. Bindings always use this class.
class WithoutGil {
 public:
  WithoutGil() : thread_(PyEval_SaveThread()) {}
  ~WithoutGil() { acquire(); }
  WithoutGil(const WithoutGil&) = delete;
  WithoutGil& operator=(const WithoutGil&) = delete;

  // Calls Python code, which must not throw, with the GIL.
  template <typename Call>
  auto with_gil(Call&& call) {
    acquire();
    const auto result = sleep_at_exit(call);
    thread_ = PyEval_SaveThread();
    return result;
  }

 private:
  void acquire() noexcept {
    sleep_at_exit([&] { PyEval_RestoreThread(thread_); });
  }

  PyThreadState* thread_;
};

// Whether this is Python's main thread, the only one that handles signals. Needs the GIL.
bool handles_signals();

// Handles signals during a call, and interrupts it if a handler raised. gil: what released the GIL,
// or null if the call holds it.
class SignalCheck final : public Interrupt {
 public:
  explicit SignalCheck(bool handles, WithoutGil* gil = nullptr) : Interrupt(handles), gil_(gil) {}

 private:
  bool is_interrupted() override;

  WithoutGil* gil_;
};

// Calls work(); an interrupt is raised as the error of the handler.
template <typename Work>
auto raise_if_interrupted(Work&& work) {
  try {
    return work();
  } catch (const Interrupted&) {
    throw pybind11::error_already_set();
  }
}

// Calls work(interrupt) without the GIL.
template <typename Work>
auto run_without_gil(Work&& work) {
  return raise_if_interrupted([&] {
    const bool handles = handles_signals();
    WithoutGil gil;
    SignalCheck signals(handles, &gil);
    return work(static_cast<Interrupt&>(signals));
  });
}

}  // namespace mime_fast

#include "bindings/memory_error.h"

#include <pybind11/pybind11.h>
#include <sys/resource.h>

#include "runtime/out_of_memory.h"

namespace py = pybind11;

namespace mime_fast {
namespace {

// Describes the limit on the address space, the most frequent reason, if there is one.
std::string limit() {
  rlimit limits{};
  if (getrlimit(RLIMIT_AS, &limits) != 0 || limits.rlim_cur == RLIM_INFINITY) return "";
  return " or raise the limit of " + std::to_string(limits.rlim_cur / 1024) +
         " kB on this process (ulimit -v),";
}

}  // namespace

void throw_memory_error(const std::bad_alloc& error, const std::string& purpose,
                        const char* remedy) {
  const bool is_ours = dynamic_cast<const OutOfMemory*>(&error) != nullptr;
  const std::string reason = is_ours ? std::string(" (") + error.what() + ")" : "";
  const std::string text = "there is too little memory to " + purpose + reason +
                           ": free some that other programs hold," + limit() + " or " + remedy;
  // The text may contain a path that is not UTF-8.
  const auto message = py::reinterpret_steal<py::object>(PyUnicode_DecodeFSDefault(text.c_str()));
  PyErr_SetObject(PyExc_MemoryError, message.ptr());
  throw py::error_already_set();
}

}  // namespace mime_fast

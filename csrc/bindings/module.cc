#include "bindings/register.h"

// State that functions share between calls has its own locks, so that free-threaded Python needs
// none. Stateful objects (searches, decoding sessions, decode states) refuse a second thread.
PYBIND11_MODULE(_C, module, pybind11::mod_gil_not_used()) {
  module.doc() = "Compiled operations of mime_fast; importing them needs neither torch nor a GPU.";
  mime_fast::register_rng(module);
  mime_fast::register_sampling(module);
  mime_fast::register_stop(module);
  mime_fast::register_search(module);
  mime_fast::register_decoding(module);
  mime_fast::register_engine(module);
  mime_fast::register_service(module);
  mime_fast::register_device(module);
}

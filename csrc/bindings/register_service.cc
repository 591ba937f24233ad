#include <pybind11/stl.h>

#include <system_error>
#include <utility>

#include "bindings/hypothesis.h"
#include "bindings/options.h"
#include "bindings/pickling.h"
#include "bindings/register.h"
#include "bindings/service_driver.h"

namespace py = pybind11;

namespace mime_fast {
namespace {

constexpr const char* kServiceDoc = R"(Answers requests on a thread of its own.

Requests have their own options and share each pass over the weights; each gets the reply that it
gets alone. Any number of threads may use it. It must be closed before the interpreter ends.

Args:
    engine: the Engine, which may be used directly meanwhile.
    running: requests that are decoded at the same time, at least 1.
    waiting: requests that may wait.

Raises:
    OSError: the system starts no thread, or opens no event file descriptor.
)";

constexpr const char* kSubmitDoc = R"(Add a request; what happens to it are events.

Args:
    tokens: int64, (length,), ids of the vocabulary, CLS first.
    speakers: int64, (length,), likewise.
    noise: float32, (config.latents, latent), positive group first.
    emotion: the id of the speaker's emotion, or -1 for the recognised one.
    config: its GenerationConfig.
    seed: in [0, 2**64).
    rules: the TextRules of the config, or None.
    generates: False: only the encoder runs.
    streams: whether tokens are events as soon as they are certain.
    max_wait: seconds after which it is dropped unless it has begun; None: any time.

Returns:
    Its ticket, which its events have.

Raises:
    QueueFull: as many requests run and wait as may.
    ServiceClosed: the thread has ended, or belongs to the parent of this process.
    ValueError: an argument is out of range.
)";

constexpr const char* kEventDoc = R"(What happened to a request.

kind: "tokens": `tokens` became certain; "done": `replies` are complete, and `drafts` says how many
words were drafted, and how many of them were right; "expired": it waited for
too long; "failed": `error` says why. After the last three there is no other event of it.
)";

const char* kind_of(const ServiceEvent& event) {
  switch (event.kind) {
    case ServiceEvent::Kind::tokens:
      return "tokens";
    case ServiceEvent::Kind::done:
      return "done";
    case ServiceEvent::Kind::expired:
      return "expired";
    default:
      return "failed";
  }
}

std::unique_ptr<ServiceDriver> create(const EngineRef& engine, py::handle running,
                                      py::handle waiting) {
  const auto most_running = static_cast<std::size_t>(to_size(running, "running"));
  if (most_running == 0) throw py::value_error("running must be at least 1, got 0");
  const ServiceLimits limits{.running = most_running,
                             .waiting = static_cast<std::size_t>(to_size(waiting, "waiting"))};
  try {
    return std::make_unique<ServiceDriver>(engine, limits);
  } catch (const std::system_error& error) {
    PyErr_SetString(PyExc_OSError, error.what());
    throw py::error_already_set();
  }
}

Ticket submit(ServiceDriver& service, py::handle tokens, py::handle speakers, py::handle noise,
              std::int64_t emotion, py::handle config, py::handle seed, py::handle rules,
              bool generates, bool streams, const std::optional<double>& max_wait) {
  return service.submit(to_dialogue(tokens, speakers, service.model()), noise, emotion,
                        to_options(config, rules), to_unsigned(seed, "seed", 64),
                        {.generates = generates, .streams = streams, .max_wait = max_wait});
}

void register_event(py::module_& module) {
  py::class_<ServiceEvent> event(module, "ServiceEvent", kEventDoc);
  refuse_pickling(event, "pickle its replies");
  event.def_readonly("ticket", &ServiceEvent::ticket)
      .def_property_readonly("kind", &kind_of)
      .def_property_readonly(
          "encoded",
          [](const ServiceEvent& e) { return std::const_pointer_cast<EncoderOutput>(e.encoded); })
      .def_readonly("tokens", &ServiceEvent::tokens)
      .def_readonly("log_probs", &ServiceEvent::log_probs)
      .def_property_readonly("replies", [](const ServiceEvent& e) { return to_python(e.replies); })
      .def_property_readonly(
          "drafts",
          [](const ServiceEvent& e) { return std::pair(e.drafts.drafted, e.drafts.accepted); })
      .def_readonly("encode_ms", &ServiceEvent::encode_ms)
      .def_readonly("decode_ms", &ServiceEvent::decode_ms)
      .def_property_readonly("error", [](const ServiceEvent& e) { return to_python(e.error); });
}

}  // namespace

void register_service(py::module_& module) {
  py::register_exception<QueueFull>(module, "QueueFull", PyExc_RuntimeError);
  py::register_exception<ServiceClosed>(module, "ServiceClosed", PyExc_RuntimeError);
  register_event(module);
  py::class_<ServiceDriver> type(module, "Service", kServiceDoc);
  refuse_pickling(type, "make one in each process");
  type.def(py::init(&create), py::arg("engine"), py::arg("running"), py::arg("waiting"))
      .def("submit", &submit, py::arg("tokens"), py::arg("speakers"), py::arg("noise"),
           py::arg("emotion"), py::arg("config"), py::arg("seed"), py::arg("rules") = py::none(),
           py::kw_only(), py::arg("generates") = true, py::arg("streams") = false,
           py::arg("max_wait") = py::none(), kSubmitDoc)
      .def(
          "cancel", [](ServiceDriver& service, Ticket ticket) { service.service().cancel(ticket); },
          py::arg("ticket"), "Drop a request at the next step.")
      .def(
          "take_events", [](ServiceDriver& service) { return service.service().take_events(); },
          "The events that came since the last call.")
      .def(
          "fileno", [](ServiceDriver& service) { return service.service().file_descriptor(); },
          "A file descriptor that is readable while there are events.")
      .def_property_readonly("running",
                             [](ServiceDriver& service) { return service.service().running(); })
      .def_property_readonly("waiting",
                             [](ServiceDriver& service) { return service.service().waiting(); })
      .def_property_readonly(
          "alive", [](ServiceDriver& service) { return service.service().alive(); },
          "Whether its thread runs.")
      .def("close", &ServiceDriver::close,
           "Drop all requests and end the thread. No event follows.");
}

}  // namespace mime_fast

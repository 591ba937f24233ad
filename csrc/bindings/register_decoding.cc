#include <pybind11/stl.h>

#include <utility>

#include "bindings/arguments.h"
#include "bindings/decoding_driver.h"
#include "bindings/options.h"
#include "bindings/pickling.h"
#include "bindings/register.h"

namespace py = pybind11;

namespace mime_fast {
namespace {

constexpr const char* kDecodingDoc = R"(Replies that are being decoded.

One thread at a time may use it. After an error the requests that had not ended are not answered.
)";

constexpr const char* kJoinDoc = R"(Add a request, at any time between two steps.

It is answered from the next step on that has room for its rows.

Args:
    encoded: what encode returned for it.
    seed: in [0, 2**64).
    config: its GenerationConfig; None: the one that decode got.
    rules: the TextRules of this config, or None.

Returns:
    Its number: requests count from 0.
)";

constexpr const char* kStepDoc = R"(Feed one token a row and return the logits of the next.

Args:
    tokens: int64, (rows,); the first: SOS.

Returns:
    float32, (rows, vocab): all of them, in float32 if the compute type is int8.

Raises:
    ValueError: an id is none, or a row has taken as many steps as there are positions.
)";

std::size_t join(DecodingDriver& decoding, EncoderOutputRef encoded, std::uint64_t seed,
                 py::handle config, py::handle rules) {
  if (config.is_none()) {
    if (rules.is_none()) return decoding.join(std::move(encoded), seed);
    throw py::value_error("rules belong to a config: give both, or neither");
  }
  return decoding.join(std::move(encoded), seed, to_options(config, rules));
}

// Reads no other option, which may be out of range.
std::int64_t rows_of(py::handle config) {
  GenerationOptions options;
  options.num_beams = to_size(config.attr("num_beams"), "num_beams");
  options.num_return_sequences = to_size(config.attr("num_sequences"), "num_sequences");
  return DecodingSession::rows_of(options);
}

}  // namespace

void register_decoding(py::module_& module) {
  py::class_<DecodingDriver> decoding(module, "DecodingSession", kDecodingDoc);
  refuse_pickling(decoding, "pickle its results, or the Generator and the message");
  decoding.attr("shared_rows") = DecodingSession::kSharedRows;
  decoding
      .def_static("rows_of", &rows_of, py::arg("config"),
                  "Most rows that a request of this GenerationConfig has, without drafts.")
      .def("join", &join, py::arg("encoded"), py::arg("seed"), py::arg("config") = py::none(),
           py::arg("rules") = py::none(), kJoinDoc)
      .def("advance", &DecodingDriver::advance,
           "Make one step of every search that is not over; False if there was none left.")
      .def_property_readonly("steps", &DecodingDriver::steps, "How many steps were made.")
      .def("run", &DecodingDriver::run, "Make all steps that are left.")
      .def("agreed", &DecodingDriver::agreed, py::arg("request"),
           "The tokens that the best hypothesis is sure to start with.")
      .def("leader", &DecodingDriver::leader, py::arg("request"),
           "A Hypothesis that starts with the agreed tokens.")
      .def("results", &DecodingDriver::results, py::arg("request"),
           "The hypotheses, best first, once the search is over.");
  py::class_<StateDriver> state(module, "DecodeState",
                                "The rows that are being decoded; of one thread at a time.");
  refuse_pickling(state, "start a new one from what is encoded");
  state.def("step", &StateDriver::step, py::arg("tokens"), kStepDoc)
      .def("select", &StateDriver::select, py::arg("rows"),
           "Keep these rows, in this order: rows fork, move and leave.");
}

}  // namespace mime_fast

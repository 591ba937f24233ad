#include <pybind11/stl.h>

#include <memory>

#include "bindings/arguments.h"
#include "bindings/options.h"
#include "bindings/register.h"
#include "bindings/search_driver.h"
#include "search/beam.h"
#include "search/sampler.h"

namespace py = pybind11;

namespace mime_fast {
namespace {

constexpr const char* kSamplerDoc = R"(Greedy decoding and sampling: one row for each sequence.

One thread at a time may use it; after an error it is of no more use. Its slow twin with the same
signatures is tests/oracle/sampler.py.

Args:
    config: a GenerationConfig.
    seed: in [0, 2**64); sequence i draws from stream 1 + i.
    blocked: ids that are never generated.
    rules: the TextRules of the config, or None.

Raises:
    ValueError: an option is out of range.

Example:
    >>> search = Sampler(GenerationConfig(max_new_tokens=5), seed=0)
    >>> search.advance(np.zeros((1, 9), np.float32))
    ([0], [7])
    >>> search.advance(np.zeros((1, 9), np.float32))
    ([], [])
    >>> search.results()[0].tokens
    (7, 2)
)";

constexpr const char* kBeamDoc = R"(Beam search with length penalty, early stopping and n-best.

One thread at a time may use it; after an error it is of no more use. Its slow twin with the same
signatures is tests/oracle/beam.py.

Args:
    config: a GenerationConfig.
    freeze: whether a hypothesis that ended is set aside; False is the released code's search.
    blocked: ids that are never generated.
    rules: the TextRules of the config, or None.

Raises:
    ValueError: an option is out of range.

Example:
    >>> search = BeamSearch(GenerationConfig(num_beams=2, max_new_tokens=2))
    >>> search.advance(np.arange(9, dtype=np.float32)[None])
    ([0, 0], [8, 7])
    >>> search.advance(np.eye(2, 9, dtype=np.float32))
    ([], [])
    >>> search.results()[0].tokens
    (8, 2)
)";

constexpr const char* kAdvanceDoc = R"(Choose the next tokens.

Args:
    logits: float32, (rows, vocab), of every row's next token; they are not changed.

Returns:
    parents: the row that each next row continues.
    tokens: the token of each next row.

Raises:
    ValueError: the shape is another one, or a logit that is not blocked is NaN or +inf.
)";

class PySampler : public SearchDriver {
 public:
  PySampler(const GenerationOptions& options, py::handle seed, const TokenIds& blocked)
      : SearchDriver(std::make_unique<Sampler>(options, to_unsigned(seed, "seed", 64), blocked),
                     options, blocked) {}
};

class PyBeamSearch : public SearchDriver {
 public:
  PyBeamSearch(const GenerationOptions& options, bool freeze, const TokenIds& blocked)
      : SearchDriver(std::make_unique<BeamSearch>(options, freeze, blocked), options, blocked) {}
};

// Defines the members of the protocol mime_fast.search.Search.
template <typename Driver>
void define_protocol(py::class_<Driver>& type) {
  type.def_property_readonly("rows", &Driver::rows,
                             "How many rows the next step decodes; 0: the search is over.");
  type.def("advance", &Driver::advance, py::arg("logits"), kAdvanceDoc);
  type.def("agreed", &Driver::agreed,
           "The tokens that the final best hypothesis is sure to start with.");
  type.def_property_readonly("leader", &Driver::leader,
                             "A Hypothesis that starts with the agreed tokens.");
  type.def("results", &Driver::results,
           "The replies, a list of Hypothesis, once the search is over.");
}

}  // namespace

void register_search(py::module_& module) {
  py::class_<PySampler> sampler(module, "Sampler", kSamplerDoc);
  sampler.def(
      py::init([](py::handle config, py::handle seed, const TokenIds& blocked, py::handle rules) {
        return std::make_unique<PySampler>(to_options(config, rules), seed, blocked);
      }),
      py::arg("config"), py::arg("seed"), py::kw_only(), py::arg("blocked") = never_generated(),
      py::arg("rules") = py::none());
  define_protocol(sampler);
  py::class_<PyBeamSearch> beam(module, "BeamSearch", kBeamDoc);
  beam.def(py::init([](py::handle config, bool freeze, const TokenIds& blocked, py::handle rules) {
             return std::make_unique<PyBeamSearch>(to_options(config, rules), freeze, blocked);
           }),
           py::arg("config"), py::kw_only(), py::arg("freeze") = true,
           py::arg("blocked") = never_generated(), py::arg("rules") = py::none());
  define_protocol(beam);
}

}  // namespace mime_fast

#include "bindings/arguments.h"
#include "bindings/gil.h"
#include "bindings/register.h"
#include "mime_fast/select_tokens.h"
#include "mime_fast/top_k.h"

namespace py = pybind11;

namespace mime_fast {
namespace {

constexpr const char* kTopKDoc = R"(Find the k largest logits of every row.

Args:
    logits: float32, (rows, vocab); -inf is allowed.
    k: in [1, vocab].

Returns:
    values: float32, (rows, k), in descending order.
    ids: int64, (rows, k); equal logits come lowest id first.

Raises:
    ValueError: k is out of range, or a row holds NaN.

Example:
    >>> top_k(np.array([[0.5, 2.0, 2.0]], np.float32), 2)
    (array([[2., 2.]], dtype=float32), array([[1, 2]]))
)";

constexpr const char* kSelectTokensDoc = R"(Draw one token a row; the random number is an argument.

Tokens are ranked by descending logit, lowest id first on ties. The first top_k stay. Of their
softmax(logits / temperature), computed in float64, the shortest prefix with a cumulative
probability of at least top_p stays. Of these, tokens with at least min_p times the best probability
stay. The inverse of their cumulative distribution at the row's uniform is the token.

Args:
    logits: float32, (rows, vocab); -inf forbids a token.
    uniforms: float64, (rows,), in [0, 1).
    temperature: in [0.01, 100].
    top_k: at least 0; 0, or more than vocab, keeps all.
    top_p: in (0, 1].
    min_p: in [0, 1].

Returns:
    int64, (rows,): ids of positive probability.

Raises:
    ValueError: an argument is out of range, or a row holds NaN, +inf or nothing but -inf.

Example:
    >>> logits = np.log(np.array([[0.1, 0.6, 0.3]], np.float32))
    >>> select_tokens(logits, np.array([0.7]), temperature=1.0, top_k=2, top_p=1.0, min_p=0.0)
    array([2])
)";

Logits view(const Array<float>& logits) {
  return {logits.data(), logits.shape(0), logits.shape(1)};
}

py::tuple py_top_k(py::handle logits_arg, py::handle k_arg) {
  const auto array = to_array<float>(logits_arg, "logits", 2, "(rows, vocab)");
  const std::int64_t k = to_size(k_arg, "k");
  const Logits logits = view(array);
  // The op reports a k that is too large, before a buffer of that size is allocated.
  const std::int64_t width = k <= logits.vocab ? k : 0;
  Array<float> values({logits.rows, width});
  Array<std::int64_t> ids({logits.rows, width});
  float* values_out = values.mutable_data();
  std::int64_t* ids_out = ids.mutable_data();
  {
    const WithoutGil release;
    top_k(logits, k, values_out, ids_out);
  }
  return py::make_tuple(values, ids);
}

Array<std::int64_t> py_select_tokens(py::handle logits_arg, py::handle uniforms_arg,
                                     double temperature, py::handle top_k, double top_p,
                                     double min_p) {
  const auto array = to_array<float>(logits_arg, "logits", 2, "(rows, vocab)");
  const auto uniforms = to_array<double>(uniforms_arg, "uniforms", 1, "(rows,)");
  const Logits logits = view(array);
  const SamplingOptions options{
      .temperature = temperature, .top_k = to_size(top_k, "top_k"), .top_p = top_p, .min_p = min_p};
  if (uniforms.shape(0) != logits.rows) {
    throw py::value_error("uniforms must be (rows,) with rows = " + std::to_string(logits.rows) +
                          ", got " + std::to_string(uniforms.shape(0)));
  }
  Array<std::int64_t> ids(logits.rows);
  const double* uniforms_in = uniforms.data();
  std::int64_t* out = ids.mutable_data();
  const WithoutGil release;
  select_tokens(logits, uniforms_in, options, out);
  return ids;
}

}  // namespace

void register_sampling(py::module_& module) {
  module.def("top_k", &py_top_k, py::arg("logits"), py::arg("k"), kTopKDoc);
  module.def("select_tokens", &py_select_tokens, py::arg("logits"), py::arg("uniforms"),
             py::arg("temperature"), py::arg("top_k"), py::arg("top_p"), py::arg("min_p"),
             kSelectTokensDoc);
}

}  // namespace mime_fast

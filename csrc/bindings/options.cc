#include "bindings/options.h"

#include <pybind11/stl.h>

#include <string>
#include <utility>

#include "bindings/arguments.h"
#include "bindings/python_stop.h"

namespace py = pybind11;

namespace mime_fast {
namespace {

// Reads attributes of a Python object.
struct Fields {
  py::handle object;

  std::int64_t size(const char* name) const { return to_size(object.attr(name), name); }
  double number(const char* name) const { return object.attr(name).cast<double>(); }
  bool flag(const char* name) const { return object.attr(name).cast<bool>(); }
};

EarlyStopping to_early_stopping(py::handle value) {
  if (py::isinstance<py::str>(value)) {
    const auto name = value.cast<std::string>();
    if (name == "never") return EarlyStopping::never;
    throw py::value_error("early_stopping must be true, false or 'never', got '" + name + "'");
  }
  return value.cast<bool>() ? EarlyStopping::yes : EarlyStopping::no;
}

void read_rules(py::handle rules, GenerationOptions& options) {
  if (rules.is_none()) return;
  options.bad_words = rules.attr("bad_words").cast<std::vector<TokenIds>>();
  const py::object stop = rules.attr("stop");
  if (!stop.is_none()) {
    options.stop = std::make_shared<PythonStop>(stop);
  }
}

}  // namespace

GenerationOptions to_options(py::handle config, py::handle rules) {
  const Fields fields{config};
  GenerationOptions options;
  options.max_new_tokens = fields.size("max_new_tokens");
  options.min_new_tokens = fields.size("min_new_tokens");
  options.num_beams = fields.size("num_beams");
  options.length_penalty = fields.number("length_penalty");
  options.early_stopping = to_early_stopping(config.attr("early_stopping"));
  options.do_sample = fields.flag("do_sample");
  options.temperature = fields.number("temperature");
  options.top_k = fields.size("top_k");
  options.top_p = fields.number("top_p");
  options.min_p = fields.number("min_p");
  options.repetition_penalty = fields.number("repetition_penalty");
  options.no_repeat_ngram_size = fields.size("no_repeat_ngram_size");
  options.num_return_sequences = fields.size("num_return_sequences");
  options.mbr_samples = fields.size("mbr_samples");
  options.return_scores = fields.flag("return_scores");
  options.speculation = fields.flag("speculation");
  read_rules(rules, options);
  return options;
}

ModelConfig to_model_config(py::handle config) {
  const Fields fields{config};
  ModelConfig result;
  result.architecture = py::str(fields.object.attr("architecture")).cast<std::string>();
  for (const auto& [field, name] : {std::pair{&ModelConfig::vocab_size, "vocab_size"},
                                    {&ModelConfig::hidden_dim, "hidden_dim"},
                                    {&ModelConfig::num_heads, "num_heads"},
                                    {&ModelConfig::key_dim, "key_dim"},
                                    {&ModelConfig::filter_dim, "filter_dim"},
                                    {&ModelConfig::num_layers, "num_layers"},
                                    {&ModelConfig::max_positions, "max_positions"},
                                    {&ModelConfig::latent_dim, "latent_dim"},
                                    {&ModelConfig::top_listeners, "top_listeners"}}) {
    result.*field = fields.size(name);
  }
  for (const auto& [field, name] :
       {std::pair{&ModelConfig::tie_embeddings, "tie_embeddings"},
        {&ModelConfig::mean_query, "mean_query"},
        {&ModelConfig::shared_log_variance, "shared_log_variance"},
        {&ModelConfig::shared_response_encoder, "shared_response_encoder"},
        {&ModelConfig::mimicry, "mimicry"},
        {&ModelConfig::grouping, "grouping"},
        {&ModelConfig::stochastic, "stochastic"},
        {&ModelConfig::share_emotion_embedding, "share_emotion_embedding"}}) {
    result.*field = fields.flag(name);
  }
  return result;
}

}  // namespace mime_fast

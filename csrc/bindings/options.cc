#include "bindings/options.h"

#include <pybind11/stl.h>

#include <algorithm>
#include <string>

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

MimeOptions to_mime_options(const Fields& fields) {
  MimeOptions result;
  result.latent_dim = fields.size("latent_dim");
  result.shared_log_variance = fields.flag("shared_log_variance");
  result.shared_response_encoder = fields.flag("shared_response_encoder");
  result.mimicry = fields.flag("mimicry");
  result.grouping = fields.flag("grouping");
  result.stochastic = fields.flag("stochastic");
  result.share_emotion_embedding = fields.flag("share_emotion_embedding");
  return result;
}

MimeBaseOptions to_mime_base_options(const Fields& fields) {
  MimeBaseOptions result;
  result.context_vocab_size = fields.size("context_vocab_size");
  result.latent_dim = fields.size("latent_dim");
  result.refinement_filter_dim = fields.size("refinement_filter_dim");
  result.decoder_dim = fields.size("decoder_dim");
  result.decoder_heads = fields.size("decoder_heads");
  result.decoder_kv_heads = fields.size("decoder_kv_heads");
  result.decoder_filter_dim = fields.size("decoder_filter_dim");
  result.decoder_layers = fields.size("decoder_layers");
  result.intents = fields.size("intents");
  return result;
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
  options.ranked_samples = std::max(fields.size("mbr_samples"), fields.size("best_of"));
  options.return_scores = fields.flag("return_scores");
  options.speculation = fields.flag("speculation");
  read_rules(rules, options);
  return options;
}

ModelConfig to_model_config(py::handle config) {
  const Fields fields{config};
  ModelConfig result;
  result.architecture = py::str(config.attr("architecture")).cast<std::string>();
  result.vocab_size = fields.size("vocab_size");
  result.hidden_dim = fields.size("hidden_dim");
  result.num_heads = fields.size("num_heads");
  result.key_dim = fields.size("key_dim");
  result.filter_dim = fields.size("filter_dim");
  result.num_layers = fields.size("num_layers");
  result.max_positions = fields.size("max_positions");
  result.tie_embeddings = fields.flag("tie_embeddings");
  result.mean_query = fields.flag("mean_query");
  result.mime = to_mime_options(fields);
  result.moel.top_listeners = fields.size("top_listeners");
  result.mime_base = to_mime_base_options(fields);
  return result;
}

}  // namespace mime_fast

#include <pybind11/stl.h>

#include <memory>

#include "bindings/arguments.h"
#include "bindings/register.h"
#include "engine/checkpoint_error.h"
#include "engine/mime.h"
#include "engine/screened_scores.h"

namespace py = pybind11;

namespace mime_fast {
namespace {

constexpr const char* kMimeDoc = R"(The weights of MIME, packed for this processor.

Read-only: any number of threads may call it. Arguments are the fields of ModelConfig.

Args:
    path: model.safetensors.
    compute_type: "float32", or "int8" for the same words at a quarter of the memory traffic.
    threads: of one call, at least 1.

Raises:
    ValueError: the file is no checkpoint of that config, or an option is out of range.
)";

ComputeType to_compute_type(const std::string& name) {
  if (name == "float32") return ComputeType::float32;
  if (name == "int8") return ComputeType::int8;
  throw py::value_error("compute_type must be float32 or int8, got " + name);
}

// A loaded model and its threads.
struct Engine {
  Engine(const std::string& path, const ModelConfig& config, ComputeType type, int threads)
      : kernels(cpu::kernels(cpu::chosen_isa())),
        model(path, config, type, kernels),
        pool(threads) {}

  const cpu::Kernels& kernels;
  Mime model;
  ThreadPool pool;
};

ModelConfig to_config(const py::kwargs& fields) {
  ModelConfig config;
  const auto size = [&](const char* name, std::int64_t& out) { out = to_size(fields[name], name); };
  size("vocab_size", config.vocab_size);
  size("hidden_dim", config.hidden_dim);
  size("num_heads", config.num_heads);
  size("key_dim", config.key_dim);
  size("filter_dim", config.filter_dim);
  size("num_layers", config.num_layers);
  size("latent_dim", config.latent_dim);
  size("max_positions", config.max_positions);
  config.tie_embeddings = fields["tie_embeddings"].cast<bool>();
  config.mean_query = fields["mean_query"].cast<bool>();
  config.shared_log_variance = fields["shared_log_variance"].cast<bool>();
  config.shared_response_encoder = fields["shared_response_encoder"].cast<bool>();
  return config;
}

// The ids of one dialogue or of one step, each inside the vocabulary.
Array<std::int64_t> to_ids(py::handle value, const char* name, std::int64_t vocab) {
  auto ids = to_array<std::int64_t>(value, name, 1, "(length,)");
  for (py::ssize_t i = 0; i < ids.size(); ++i) {
    const std::int64_t id = ids.at(i);
    if (id < 0 || id >= vocab) {
      throw py::value_error(std::string(name) + "[" + std::to_string(i) + "] must be in [0, " +
                            std::to_string(vocab) + "), got " + std::to_string(id));
    }
  }
  return ids;
}

Array<float> copy(const float* data, std::int64_t count) {
  Array<float> result(count);
  std::copy_n(data, count, result.mutable_data());
  return result;
}

std::shared_ptr<Encoded> encode(Engine& engine, py::handle tokens_arg, py::handle speakers_arg,
                                py::handle noise_arg, std::int64_t emotion) {
  const ModelConfig& config = engine.model.config();
  const auto tokens = to_ids(tokens_arg, "tokens", config.vocab_size);
  const auto speakers = to_ids(speakers_arg, "speakers", config.vocab_size);
  const auto noise = to_array<float>(noise_arg, "noise", 2, "(2, latent)");
  if (tokens.size() != speakers.size() || tokens.size() < 1 ||
      tokens.size() > config.max_positions) {
    throw py::value_error(
        "tokens and speakers must be of one length in [1, " + std::to_string(config.max_positions) +
        "], got " + std::to_string(tokens.size()) + " and " + std::to_string(speakers.size()));
  }
  if (noise.shape(0) != 2 || noise.shape(1) != config.latent_dim) {
    throw py::value_error("noise must be (2, latent) with latent = " +
                          std::to_string(config.latent_dim));
  }
  if (emotion >= kEmotions) {
    throw py::value_error("emotion must be below 32, got " + std::to_string(emotion));
  }
  const py::gil_scoped_release release;
  Team team(engine.pool);
  return std::make_shared<Encoded>(engine.model.encode(team, tokens.data(), speakers.data(),
                                                       tokens.size(), noise.data(), emotion));
}

struct Stepper {
  std::vector<std::shared_ptr<Encoded>> encoded;
  DecodeState state;
};

std::unique_ptr<Stepper> start(Engine& engine, const std::vector<std::shared_ptr<Encoded>>& rows) {
  std::vector<const Memory*> memories;
  for (const auto& row : rows) memories.push_back(&row->memory);
  const ModelConfig& config = engine.model.config();
  return std::unique_ptr<Stepper>(new Stepper{
      rows,
      DecodeState(config, memories, static_cast<std::int64_t>(rows.size()), config.max_positions)});
}

Array<float> step(Engine& engine, Stepper& stepper, py::handle tokens_arg) {
  const Vocabulary& vocabulary = engine.model.vocabulary();
  const auto tokens = to_ids(tokens_arg, "tokens", vocabulary.words());
  const std::int64_t rows = stepper.state.rows();
  if (tokens.size() != rows) {
    throw py::value_error("tokens must be (rows,) with rows = " + std::to_string(rows) + ", got " +
                          std::to_string(tokens.size()));
  }
  Array<float> logits({rows, vocabulary.words()});
  float* out = logits.mutable_data();
  {
    const py::gil_scoped_release release;
    Team team(engine.pool);
    engine.model.step(team, tokens.data(), stepper.state);
    Buffer<float> padded(rows * vocabulary.padded_words());
    vocabulary.project(engine.kernels, team, stepper.state.hidden(),
                       {padded.data(), rows, vocabulary.padded_words()});
    for (std::int64_t row = 0; row < rows; ++row) {
      std::copy_n(padded.data() + row * vocabulary.padded_words(), vocabulary.words(),
                  out + row * vocabulary.words());
    }
  }
  return logits;
}

}  // namespace

void register_engine(py::module_& module) {
  py::class_<Encoded, std::shared_ptr<Encoded>>(module, "Encoded",
                                                "What the encoder side found out about a dialogue.")
      .def_property_readonly(
          "emotion_logits",
          [](const Encoded& e) { return copy(e.emotion_logits.data(), kEmotions); })
      .def_property_readonly("positive_mixture",
                             [](const Encoded& e) { return copy(e.positive.data(), kPositives); })
      .def_property_readonly("negative_mixture",
                             [](const Encoded& e) { return copy(e.negative.data(), kNegatives); })
      .def_readonly("mimics_positive", &Encoded::mimics_positive);
  py::class_<Stepper>(module, "DecodeState", "The rows that are being decoded.");
  py::class_<Engine>(module, "Mime", kMimeDoc)
      .def(py::init([](const std::string& path, const std::string& compute_type, int threads,
                       const py::kwargs& config) {
             const ModelConfig parsed = to_config(config);
             const ComputeType type = to_compute_type(compute_type);
             const py::gil_scoped_release release;
             return std::make_unique<Engine>(path, parsed, type, threads);
           }),
           py::arg("path"), py::arg("compute_type"), py::arg("threads"))
      .def("encode", &encode, py::arg("tokens"), py::arg("speakers"), py::arg("noise"),
           py::arg("emotion"))
      .def("start", &start, py::arg("rows"))
      .def("step", &step, py::arg("state"), py::arg("tokens"))
      .def(
          "select",
          [](Engine&, Stepper& stepper, const std::vector<std::int32_t>& rows) {
            stepper.state.select(rows);
          },
          py::arg("state"), py::arg("rows"));
}

}  // namespace mime_fast

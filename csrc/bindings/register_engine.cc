#include <pybind11/stl.h>

#include <algorithm>
#include <memory>

#include "bindings/arguments.h"
#include "bindings/hypothesis.h"
#include "bindings/options.h"
#include "bindings/register.h"
#include "engine/decoding.h"
#include "engine/engine.h"

namespace py = pybind11;

namespace mime_fast {
namespace {

constexpr const char* kEngineDoc = R"(A loaded MIME model and the threads that run it.

Any number of threads may call it. The instruction set is the best that the processor has, or the
one that the environment variable MIME_FAST_ISA names: scalar, avx2, avx512.

Args:
    path: model.safetensors.
    config: the ModelConfig that belongs to it.
    compute_type: "float32"; "int8": words are screened in int8 and the ones that matter are
        computed in float32, for the same replies at a quarter of the memory traffic; "bfloat16":
        the projection's weights are rounded, at half the memory, and replies may differ.
    threads: of one call, in [1, 256].
    drafts: drafts.safetensors; empty: greedy decoding makes one step for each token.

Raises:
    ValueError: the file is no checkpoint of that config, or an option is out of range.
)";

constexpr const char* kEncodeDoc = R"(Run everything before the decoder: once a request.

Args:
    tokens: for each dialogue int64, (length,), ids of the vocabulary, CLS first.
    speakers: for each dialogue int64, (length,), likewise.
    noise: float32, (dialogues, 2, latent), of the positive and the negative group.
    emotion: the id of the speakers' emotion, or -1 for the recognised ones.

Returns:
    A list of Encoded.
)";

constexpr const char* kDecodeDoc = R"(Decode replies to encoded dialogues.

Args:
    encoded: what encode returned, one for each request.
    config: the GenerationConfig of all of them.
    seeds: in [0, 2**64), one for each request.

Returns:
    A Decoding that has not made a step yet.
)";

constexpr const char* kJoinDoc =
    R"(Add a request, answered from the next step on that has room for its rows.

Args:
    encoded: what encode returned for it; it may come at any time, also when others are answered.
    seed: in [0, 2**64).

Returns:
    Its number: requests count from 0.
)";

constexpr const char* kStepDoc = R"(Feed one token a row and return the logits of the next.

Args:
    state: what start returned.
    tokens: int64, (rows,); the first: SOS.

Returns:
    float32, (rows, vocab); those of float32 if the compute type is int8.
)";

using EngineRef = std::shared_ptr<Engine>;
using EncodedRef = std::shared_ptr<const Encoded>;

ComputeType to_compute_type(const std::string& name) {
  if (name == "float32") return ComputeType::float32;
  if (name == "bfloat16") return ComputeType::bfloat16;
  if (name == "int8") return ComputeType::int8;
  throw py::value_error("compute_type must be float32, bfloat16 or int8, got " + name);
}

EngineRef load(const std::string& path, py::handle config, const std::string& compute_type,
               int threads, const std::string& drafts) {
  const ModelConfig model_config = to_model_config(config);
  const ComputeType type = to_compute_type(compute_type);
  if (threads < 1 || threads > 256) {
    throw py::value_error("threads must be in [1, 256], got " + std::to_string(threads));
  }
  const py::gil_scoped_release release;
  return std::make_shared<Engine>(path, model_config, type, threads, drafts);
}

Array<std::int64_t> to_ids(py::handle value, const char* name, std::int64_t vocab) {
  auto ids = to_array<std::int64_t>(value, name, 1, "(length,)");
  for (py::ssize_t i = 0; i < ids.size(); ++i) {
    const std::int64_t id = ids.at(i);
    if (id >= 0 && id < vocab) continue;
    throw py::value_error(std::string(name) + "[" + std::to_string(i) +
                          "] must be in [0, vocab = " + std::to_string(vocab) + "), got " +
                          std::to_string(id));
  }
  return ids;
}

struct Dialogue {
  Array<std::int64_t> tokens;    // (length,)
  Array<std::int64_t> speakers;  // (length,)
};

Dialogue to_dialogue(py::handle tokens, py::handle speakers, const ModelConfig& config) {
  Dialogue dialogue{to_ids(tokens, "tokens", config.vocab_size),
                    to_ids(speakers, "speakers", config.vocab_size)};
  const py::ssize_t length = dialogue.tokens.size();
  if (length == dialogue.speakers.size() && length >= 1 && length <= config.max_positions) {
    return dialogue;
  }
  throw py::value_error("tokens and speakers must be of one length in [1, " +
                        std::to_string(config.max_positions) + "], got " + std::to_string(length) +
                        " and " + std::to_string(dialogue.speakers.size()));
}

void check_noise(const Array<float>& noise, std::size_t dialogues, std::int64_t latent) {
  if (noise.shape(0) == static_cast<py::ssize_t>(dialogues) && noise.shape(1) == 2 &&
      noise.shape(2) == latent) {
    return;
  }
  throw py::value_error("noise must be (dialogues, 2, latent) = (" + std::to_string(dialogues) +
                        ", 2, " + std::to_string(latent) + "), got shape " +
                        py::str(noise.attr("shape")).cast<std::string>());
}

// Several dialogues go to the threads one by one; a single one is shared by all threads.
std::vector<std::shared_ptr<Encoded>> encode_all(Engine& engine,
                                                 const std::vector<Dialogue>& dialogues,
                                                 const float* noise, std::int64_t emotion) {
  const std::int64_t noise_stride = 2 * engine.model.config().latent_dim;
  std::vector<std::shared_ptr<Encoded>> encoded(dialogues.size());
  const auto encode_one = [&](Team& team, std::int64_t i) {
    const auto index = static_cast<std::size_t>(i);
    const Dialogue& d = dialogues[index];
    encoded[index] = std::make_shared<Encoded>(
        engine.model.encode(team, d.tokens.data(), d.speakers.data(), d.tokens.size(),
                            noise + i * noise_stride, emotion));
  };
  Team team(engine.pool);
  if (dialogues.size() == 1) {
    encode_one(team, 0);
    return encoded;
  }
  team.split(static_cast<std::int64_t>(dialogues.size()), 1,
             [&](std::int64_t begin, std::int64_t end) {
               Team alone;
               for (std::int64_t i = begin; i < end; ++i) encode_one(alone, i);
             });
  return encoded;
}

std::vector<std::shared_ptr<Encoded>> encode(Engine& engine, const py::list& tokens,
                                             const py::list& speakers, py::handle noise_arg,
                                             std::int64_t emotion) {
  const ModelConfig& config = engine.model.config();
  if (tokens.size() != speakers.size()) {
    throw py::value_error("speakers must be as many as tokens, " + std::to_string(tokens.size()) +
                          ", got " + std::to_string(speakers.size()));
  }
  std::vector<Dialogue> dialogues;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    dialogues.push_back(to_dialogue(tokens[i], speakers[i], config));
  }
  const auto noise = to_array<float>(noise_arg, "noise", 3, "(dialogues, 2, latent)");
  check_noise(noise, dialogues.size(), config.latent_dim);
  if (emotion < -1 || emotion >= kEmotions) {
    throw py::value_error("emotion must be in [-1, 32), got " + std::to_string(emotion));
  }
  const float* drawn = noise.data();
  const py::gil_scoped_release release;
  return encode_all(engine, dialogues, drawn, emotion);
}

Array<float> copy(const Buffer<float>& values, std::int64_t count) {
  Array<float> result(count);
  std::copy_n(values.data(), count, result.mutable_data());
  return result;
}

// None is a null pointer, and another engine's shapes are read past their end.
void check_encoded(const Engine& engine, const EncodedRef& encoded) {
  if (!encoded) throw py::type_error("encoded must hold what encode returned, got None");
  const ModelConfig& config = engine.model.config();
  const Memory& memory = encoded->memory;
  const bool same_keys = memory.keys.size() == config.num_layers * config.key_dim * memory.columns;
  if (same_keys && memory.value_stride == cpu::padded(config.key_dim)) return;
  throw py::value_error("encoded comes from an engine of another shape; encode it with this one");
}

// A decode state that Python steps, for tests and measurements.
struct Stepper {
  std::vector<EncodedRef> encoded;
  DecodeState state;
};

std::unique_ptr<Stepper> start(Engine& engine, std::vector<EncodedRef> rows) {
  const ModelConfig& config = engine.model.config();
  DecodeState state(config, std::max(static_cast<std::int64_t>(rows.size()), std::int64_t{1}),
                    config.max_positions);
  for (const EncodedRef& row : rows) {
    check_encoded(engine, row);
    state.join(row->memory);
  }
  return std::unique_ptr<Stepper>(new Stepper{std::move(rows), std::move(state)});
}

Array<float> step(Engine& engine, Stepper& stepper, py::handle tokens_arg) {
  const Vocabulary& vocabulary = engine.model.vocabulary();
  const auto ids = to_ids(tokens_arg, "tokens", vocabulary.words());
  const std::int64_t rows = stepper.state.rows();
  if (ids.size() != rows) {
    throw py::value_error("tokens must be (rows,) with rows = " + std::to_string(rows) + ", got " +
                          std::to_string(ids.size()));
  }
  const std::int64_t positions = engine.model.config().max_positions;
  for (std::int64_t row = 0; row < rows; ++row) {
    if (stepper.state.position(row) < positions) continue;
    throw py::value_error("a row can take max_positions = " + std::to_string(positions) +
                          " steps, and row " + std::to_string(row) + " took them");
  }
  const TokenIds tokens(ids.data(), ids.data() + rows);
  Array<float> logits({rows, vocabulary.words()});
  float* out = logits.mutable_data();
  const py::gil_scoped_release release;
  Team team(engine.pool);
  engine.model.step(team, tokens.data(), stepper.state);
  const std::int64_t stride = vocabulary.padded_words();
  Buffer<float> padded(rows * stride);
  vocabulary.project(engine.kernels, team, stepper.state.hidden(), {padded.data(), rows, stride});
  for (std::int64_t row = 0; row < rows; ++row) {
    std::copy_n(padded.data() + row * stride, vocabulary.words(), out + row * vocabulary.words());
  }
  return logits;
}

void select(Engine&, Stepper& stepper, const TokenIds& rows) {
  for (const std::int32_t row : rows) {
    if (row < 0 || row >= stepper.state.rows()) {
      throw py::value_error("rows must be in [0, " + std::to_string(stepper.state.rows()) +
                            "), got " + std::to_string(row));
    }
  }
  stepper.state.select(rows);
}

std::size_t join(Decoding& decoding, EncodedRef encoded, std::uint64_t seed) {
  check_encoded(decoding.engine(), encoded);
  return decoding.join(std::move(encoded), seed);
}

std::unique_ptr<Decoding> decode(const EngineRef& engine, const std::vector<EncodedRef>& encoded,
                                 py::handle config, const std::vector<std::uint64_t>& seeds) {
  if (encoded.size() != seeds.size()) {
    throw py::value_error("seeds must be as many as encoded, " + std::to_string(encoded.size()) +
                          ", got " + std::to_string(seeds.size()));
  }
  auto decoding = std::make_unique<Decoding>(engine, to_options(config), encoded.size());
  for (std::size_t i = 0; i < encoded.size(); ++i) join(*decoding, encoded[i], seeds[i]);
  return decoding;
}

// The search of a request that there is.
Search& search_of(Decoding& decoding, std::size_t request) {
  if (request < decoding.size()) return decoding.search(request);
  throw py::index_error("request must be below " + std::to_string(decoding.size()) + ", got " +
                        std::to_string(request));
}

void register_encoded(py::module_& module) {
  py::class_<Encoded, std::shared_ptr<Encoded>>(module, "Encoded",
                                                "What the encoder side found out of a dialogue.")
      .def_property_readonly("emotion_logits",
                             [](const Encoded& e) { return copy(e.emotion_logits, kEmotions); })
      .def_property_readonly("positive_mixture",
                             [](const Encoded& e) { return copy(e.positive, kPositives); })
      .def_property_readonly("negative_mixture",
                             [](const Encoded& e) { return copy(e.negative, kNegatives); })
      .def_readonly("mimics_positive", &Encoded::mimics_positive);
}

void register_decoding(py::module_& module) {
  const auto release = py::call_guard<py::gil_scoped_release>();
  py::class_<Decoding>(module, "Decoding", "Replies that are being decoded; of one thread.")
      .def("advance", &Decoding::advance, release,
           "Make one step of every search that is not over; False if there was none left.")
      .def("join", &join, py::arg("encoded"), py::arg("seed"), kJoinDoc)
      .def_property_readonly("steps", &Decoding::steps, "How many steps were made.")
      .def("run", &Decoding::run, release, "Make all steps that are left.")
      .def(
          "agreed",
          [](Decoding& d, std::size_t request) {
            return to_python(search_of(d, request).agreed());
          },
          py::arg("request"), "The tokens that the best hypothesis is sure to start with.")
      .def(
          "leader",
          [](Decoding& d, std::size_t request) {
            return to_python(search_of(d, request).leader());
          },
          py::arg("request"), "A Hypothesis that starts with the agreed tokens.")
      .def(
          "results",
          [](Decoding& d, std::size_t request) {
            return to_python(search_of(d, request).results());
          },
          py::arg("request"), "The hypotheses, best first, once the search is over.");
}

}  // namespace

void register_engine(py::module_& module) {
  register_encoded(module);
  register_decoding(module);
  py::class_<Stepper>(module, "DecodeState", "The rows that are being decoded.");
  py::class_<Engine, EngineRef>(module, "Engine", kEngineDoc)
      .def(py::init(&load), py::arg("path"), py::arg("config"), py::arg("compute_type"),
           py::arg("threads"), py::arg("drafts") = "")
      .def_property_readonly(
          "instruction_set", [](const Engine& e) { return cpu::to_text(e.kernels.isa); },
          "What the kernels were chosen for.")
      .def("encode", &encode, py::arg("tokens"), py::arg("speakers"), py::arg("noise"),
           py::arg("emotion"), kEncodeDoc)
      .def("decode", &decode, py::arg("encoded"), py::arg("config"), py::arg("seeds"), kDecodeDoc)
      .def("start", &start, py::arg("rows"), "A DecodeState with a row for each Encoded.")
      .def("step", &step, py::arg("state"), py::arg("tokens"), kStepDoc)
      .def("select", &select, py::arg("state"), py::arg("rows"),
           "Keep these rows, in this order: rows fork, move and leave.");
}

}  // namespace mime_fast

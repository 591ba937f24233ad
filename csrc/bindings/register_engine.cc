#include <pybind11/gil_safe_call_once.h>
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <algorithm>
#include <exception>
#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>
#include <system_error>

#include "bindings/arguments.h"
#include "bindings/decoding_driver.h"
#include "bindings/gil.h"
#include "bindings/memory_error.h"
#include "bindings/options.h"
#include "bindings/pickling.h"
#include "bindings/register.h"
#include "io/checkpoint_error.h"
#include "models/emotions.h"

namespace py = pybind11;

namespace mime_fast {
namespace {

constexpr const char* kEngineDoc = R"(A loaded system and the threads that run it.

Any number of threads may call it. The instruction set is the best that the processor has, or the
one that the environment variable MIME_FAST_ISA names: scalar, avx2, avx512, amx.

Args:
    path: model.safetensors.
    config: the ModelConfig that belongs to it.
    compute_type: "float32"; "int8": words are screened in int8 and the ones that matter are
        computed in float32, at a quarter of the memory traffic: greedy and top-k replies are
        proven to be the same; beams, scores and other sampling are within the tolerance that
        docs/architecture.md states; "bfloat16": the projection's weights are rounded, at half the
        memory, and replies may differ.
    threads: of one call, in [1, 256].
    fewer_threads: whether fewer will do where the system starts no more; see `threads`.
    drafts: drafts.safetensors; None: greedy decoding makes one step for each token.

Raises:
    CheckpointError: the file is no checkpoint of that config.
    ValueError: an option is out of range; CheckpointError is one.
    ThreadError: the system starts fewer threads; an OSError.
    MemoryError: there is too little for the weights.
)";

constexpr const char* kEncodeDoc = R"(Run everything before the decoder: once a request.

Args:
    tokens: for each dialogue int64, (length,), ids of the vocabulary, CLS first.
    speakers: for each dialogue int64, (length,), likewise.
    noise: float32, (dialogues, config.latents, latent), positive group first.
    emotion: the id of the speakers' emotion, or -1 for the recognised ones.

Returns:
    A list of EncoderOutput.
)";

constexpr const char* kDecodeDoc = R"(Decode replies to encoded dialogues.

Args:
    encoded: what encode returned, one for each request.
    config: the GenerationConfig of all of them.
    seeds: in [0, 2**64), one for each request.
    rules: the TextRules of the config, or None.

Returns:
    A DecodingSession that has not made a step yet.
)";

// Thrown if the system starts fewer threads than requested.
class ThreadError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

ComputeType to_compute_type(const std::string& name) {
  if (name == "float32") return ComputeType::float32;
  if (name == "bfloat16") return ComputeType::bfloat16;
  if (name == "int8") return ComputeType::int8;
  throw py::value_error("compute_type must be float32, bfloat16 or int8, got " + name);
}

EngineRef load(const std::filesystem::path& path, py::handle config,
               const std::string& compute_type, int threads,
               const std::optional<std::filesystem::path>& drafts, bool fewer_threads) {
  const ModelConfig model_config = to_model_config(config);
  const ComputeType type = to_compute_type(compute_type);
  if (threads < 1 || threads > 256) {
    throw py::value_error("threads must be in [1, 256], got " + std::to_string(threads));
  }
  const auto shortage =
      fewer_threads ? ThreadPool::Shortage::take_fewer : ThreadPool::Shortage::fail;
  try {
    return with_memory_for("load " + path.string(), "use compute_type='bfloat16'", [&] {
      return run_without_gil([&](Interrupt& interrupt) {
        return std::make_shared<Engine>(path.string(), model_config, type, threads,
                                        drafts ? drafts->string() : "", shortage, &interrupt);
      });
    });
  } catch (const std::system_error& error) {
    throw ThreadError("the system does not start " + std::to_string(threads) + " threads (" +
                      error.what() +
                      "); use fewer, or raise the limit on processes (ulimit -u, or the "
                      "container's)");
  }
}

std::vector<Dialogue> to_dialogues(const py::list& tokens, const py::list& speakers,
                                   const ReplyModel& model) {
  return raise_if_interrupted([&] {
    SignalCheck signals(handles_signals());
    std::vector<Dialogue> dialogues;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      signals.check();
      dialogues.push_back(to_dialogue(tokens[i], speakers[i], model));
    }
    return dialogues;
  });
}

void check_noise(const Array<float>& noise, std::size_t dialogues, const NoiseShape& shape) {
  const bool has_dim = shape.count == 0 || noise.shape(2) == shape.dim;
  if (noise.shape(0) == static_cast<py::ssize_t>(dialogues) && noise.shape(1) == shape.count &&
      has_dim) {
    return;
  }
  throw py::value_error("noise must be (dialogues, latents, latent) = (" +
                        std::to_string(dialogues) + ", " + std::to_string(shape.count) + ", " +
                        std::to_string(shape.dim) + "), got shape " +
                        py::str(noise.attr("shape")).cast<std::string>());
}

std::vector<std::shared_ptr<EncoderOutput>> encode(Engine& engine, const py::list& tokens,
                                                   const py::list& speakers, py::handle noise_arg,
                                                   std::int64_t emotion) {
  if (tokens.size() != speakers.size()) {
    throw py::value_error("speakers must be as many as tokens, " + std::to_string(tokens.size()) +
                          ", got " + std::to_string(speakers.size()));
  }
  const std::vector<Dialogue> dialogues = to_dialogues(tokens, speakers, *engine.model);
  const auto noise = to_array<float>(noise_arg, "noise", 3, "(dialogues, latents, latent)");
  check_noise(noise, dialogues.size(), engine.model->noise());
  if (emotion < -1 || emotion >= kEmotions) {
    throw py::value_error("emotion must be in [-1, 32), got " + std::to_string(emotion));
  }
  std::vector<EncoderInput> inputs;
  for (const Dialogue& dialogue : dialogues) {
    const auto drawn = static_cast<std::int64_t>(inputs.size()) * engine.model->noise().size();
    inputs.push_back({&dialogue, noise.data() + drawn, emotion});
  }
  return with_memory_for("encode messages", kFewerMessages, [&] {
    return run_without_gil(
        [&](Interrupt& interrupt) { return encode_all(engine, inputs, &interrupt); });
  });
}

Array<float> copy(const Buffer<float>& values, std::int64_t count) {
  Array<float> result(count);
  std::copy_n(values.data(), count, result.mutable_data());
  return result;
}

std::unique_ptr<DecodingDriver> decode(const EngineRef& engine,
                                       const std::vector<EncoderOutputRef>& encoded,
                                       py::handle config, const std::vector<std::uint64_t>& seeds,
                                       py::handle rules) {
  if (encoded.size() != seeds.size()) {
    throw py::value_error("seeds must be as many as encoded, " + std::to_string(encoded.size()) +
                          ", got " + std::to_string(seeds.size()));
  }
  return with_memory_for("decode replies", kFewerRows, [&] {
    return raise_if_interrupted([&] {
      SignalCheck signals(handles_signals());
      auto decoding = std::make_unique<DecodingDriver>(engine, to_options(config, rules),
                                                       encoded.size(), &signals);
      for (std::size_t i = 0; i < encoded.size(); ++i) {
        signals.check();
        decoding->join(encoded[i], seeds[i]);
      }
      return decoding;
    });
  });
}

// The message may contain a file name that is not UTF-8, so it is decoded as file names are.
void register_checkpoint_error(py::module_& module) {
  PYBIND11_CONSTINIT static py::gil_safe_call_once_and_store<py::object> type;
  type.call_once_and_store_result(
      [&] { return py::exception<CheckpointError>(module, "CheckpointError", PyExc_ValueError); });
  py::register_exception_translator([](std::exception_ptr thrown) {
    try {
      if (thrown) std::rethrow_exception(thrown);
    } catch (const CheckpointError& error) {
      const auto text = py::reinterpret_steal<py::object>(PyUnicode_DecodeFSDefault(error.what()));
      PyErr_SetObject(type.get_stored().ptr(), text.ptr());
    }
  });
}

void register_encoded(py::module_& module) {
  py::class_<EncoderOutput, std::shared_ptr<EncoderOutput>> encoded(
      module, "EncoderOutput", "What the encoder side found out of a dialogue.");
  refuse_pickling(encoded, "pickle the Generator and the message");
  encoded
      .def_property_readonly(
          "emotion_logits",
          [](const EncoderOutput& e) { return copy(e.emotion_logits, kEmotions); })
      .def_property_readonly("positive_mixture",
                             [](const EncoderOutput& e) { return copy(e.positive, kPositives); })
      .def_property_readonly("negative_mixture",
                             [](const EncoderOutput& e) { return copy(e.negative, kNegatives); })
      .def_readonly("mimics_positive", &EncoderOutput::mimics_positive);
}

}  // namespace

void register_engine(py::module_& module) {
  register_checkpoint_error(module);
  register_encoded(module);
  py::register_exception<ThreadError>(module, "ThreadError", PyExc_OSError);
  py::class_<Engine, EngineRef> type(module, "Engine", kEngineDoc);
  refuse_pickling(type, "pickle the Generator, which loads its checkpoint again");
  type.def(py::init(&load), py::arg("path"), py::arg("config"), py::arg("compute_type"),
           py::arg("threads"), py::arg("drafts") = py::none(), py::arg("fewer_threads") = false)
      .def_property_readonly(
          "threads", [](const Engine& e) { return e.pool.threads(); },
          "The number of threads of one call: those that were started, and the caller.")
      .def_property_readonly(
          "instruction_set", [](const Engine& e) { return cpu::to_text(e.kernels.isa); },
          "The instruction set of the kernels, by the name that MIME_FAST_ISA may have.")
      .def("encode", &encode, py::arg("tokens"), py::arg("speakers"), py::arg("noise"),
           py::arg("emotion"), kEncodeDoc)
      .def("decode", &decode, py::arg("encoded"), py::arg("config"), py::arg("seeds"),
           py::arg("rules") = py::none(), kDecodeDoc)
      .def(
          "start",
          [](const EngineRef& engine, std::vector<EncoderOutputRef> rows) {
            return std::make_unique<StateDriver>(engine, std::move(rows));
          },
          py::arg("rows"), "A DecodeState with a row for each EncoderOutput.");
}

}  // namespace mime_fast

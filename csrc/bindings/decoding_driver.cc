#include "bindings/decoding_driver.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "bindings/gil.h"
#include "bindings/hypothesis.h"
#include "bindings/memory_error.h"

namespace py = pybind11;

namespace mime_fast {
namespace {

constexpr const char* kDecoding = "DecodingSession";
constexpr const char* kState = "DecodeState";

// None is a null pointer. Buffers of another shape would be read past their end.
void check_encoded(const Engine& engine, const EncoderOutputRef& encoded) {
  if (!encoded) throw py::type_error("encoded must hold what encode returned, got None");
  if (engine.model->fits(encoded->memory)) return;
  throw py::value_error("encoded comes from an engine of another shape; encode it with this one");
}

}  // namespace

std::vector<std::int64_t> to_ids(py::handle value, const char* name, std::int64_t vocab) {
  const auto array = to_array<std::int64_t>(value, name, 1, "(length,)");
  std::vector<std::int64_t> ids(static_cast<std::size_t>(array.size()));
  for (std::size_t i = 0; i < ids.size(); ++i) {
    ids[i] = array.at(static_cast<py::ssize_t>(i));
    if (ids[i] >= 0 && ids[i] < vocab) continue;
    throw py::value_error(std::string(name) + "[" + std::to_string(i) +
                          "] must be in [0, vocab = " + std::to_string(vocab) + "), got " +
                          std::to_string(ids[i]));
  }
  return ids;
}

Dialogue to_dialogue(py::handle tokens, py::handle speakers, const ReplyModel& model) {
  const ModelConfig& config = model.config();
  Dialogue dialogue{to_ids(tokens, "tokens", model.context_vocab_size()),
                    to_ids(speakers, "speakers", model.context_vocab_size())};
  const std::size_t length = dialogue.tokens.size();
  const auto most = static_cast<std::size_t>(config.max_positions);
  if (length == dialogue.speakers.size() && length >= 1 && length <= most) return dialogue;
  throw py::value_error("tokens and speakers must be of one length in [1, " +
                        std::to_string(config.max_positions) + "], got " + std::to_string(length) +
                        " and " + std::to_string(dialogue.speakers.size()));
}

std::size_t DecodingDriver::join(EncoderOutputRef encoded, std::uint64_t seed,
                                 const std::optional<GenerationOptions>& options) {
  const OneThread::Use use(one_thread_, kDecoding);
  check_encoded(decoding_.engine(), encoded);
  if (options) return decoding_.join(std::move(encoded), *options, seed);
  return decoding_.join(std::move(encoded), seed);
}

bool DecodingDriver::advance() {
  const OneThread::Use use(one_thread_, kDecoding);
  return run_steps(1);
}

void DecodingDriver::run() {
  const OneThread::Use use(one_thread_, kDecoding);
  run_steps(std::numeric_limits<std::int64_t>::max());
}

bool DecodingDriver::run_steps(std::int64_t steps) {
  return with_memory_for("decode replies", kFewerRows, [&] {
    return run_without_gil([&](Interrupt& interrupt) { return decoding_.run(steps, &interrupt); });
  });
}

std::int64_t DecodingDriver::steps() {
  const OneThread::Use use(one_thread_, kDecoding);
  return decoding_.steps();
}

py::tuple DecodingDriver::agreed(std::size_t request) {
  const OneThread::Use use(one_thread_, kDecoding);
  return to_python(search(request).agreed());
}

py::object DecodingDriver::leader(std::size_t request) {
  const OneThread::Use use(one_thread_, kDecoding);
  return to_python(search(request).leader());
}

py::list DecodingDriver::results(std::size_t request) {
  const OneThread::Use use(one_thread_, kDecoding);
  return to_python(search(request).results());
}

// Returns the search of a request. Throws IndexError if there is no such request.
Search& DecodingDriver::search(std::size_t request) {
  if (request < decoding_.size()) return decoding_.search(request);
  throw py::index_error("request must be below " + std::to_string(decoding_.size()) + ", got " +
                        std::to_string(request));
}

StateDriver::StateDriver(EngineRef engine, std::vector<EncoderOutputRef> rows)
    : engine_(std::move(engine)),
      encoded_(std::move(rows)),
      state_(engine_->model->new_state(std::max<std::int64_t>(1, std::int64_t(encoded_.size())),
                                       engine_->model->config().max_positions)) {
  for (const EncoderOutputRef& row : encoded_) {
    check_encoded(*engine_, row);
    state_.join(row->memory);
  }
}

Array<float> StateDriver::step(py::handle tokens_arg) {
  const OneThread::Use use(one_thread_, kState);
  const Vocabulary& vocabulary = engine_->model->vocabulary();
  const auto ids = to_ids(tokens_arg, "tokens", vocabulary.words());
  const TokenIds tokens(ids.begin(), ids.end());
  const std::int64_t rows = state_.rows();
  if (static_cast<std::int64_t>(tokens.size()) != rows) {
    throw py::value_error("tokens must be (rows,) with rows = " + std::to_string(rows) + ", got " +
                          std::to_string(tokens.size()));
  }
  const std::int64_t positions = engine_->model->config().max_positions;
  for (std::int64_t row = 0; row < rows; ++row) {
    if (state_.position(row) < positions) continue;
    throw py::value_error("a row can take max_positions = " + std::to_string(positions) +
                          " steps, and row " + std::to_string(row) + " took them");
  }
  Array<float> logits({rows, vocabulary.words()});
  float* out = logits.mutable_data();
  run_without_gil([&](Interrupt& interrupt) {
    Team team(engine_->pool, &interrupt);
    engine_->model->step(team, tokens.data(), state_);
    const std::int64_t stride = vocabulary.padded_words();
    Buffer<float> padded(rows * stride);
    vocabulary.project(engine_->kernels, team, state_.hidden(), {padded.data(), rows, stride});
    for (std::int64_t row = 0; row < rows; ++row) {
      std::copy_n(padded.data() + row * stride, vocabulary.words(), out + row * vocabulary.words());
    }
  });
  return logits;
}

void StateDriver::select(const TokenIds& rows) {
  const OneThread::Use use(one_thread_, kState);
  for (const std::int32_t row : rows) {
    if (row >= 0 && row < state_.rows()) continue;
    throw py::value_error("rows must be in [0, " + std::to_string(state_.rows()) + "), got " +
                          std::to_string(row));
  }
  state_.select(rows);
}

}  // namespace mime_fast

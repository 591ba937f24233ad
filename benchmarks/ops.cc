// The network's operations behind a C interface, so that they can be timed alone. Built against
// libmime_fast_core.a by benchmarks/peers/native_ops.py. Usage: set, one of the operations, get.
#include <algorithm>
#include <cstdint>
#include <memory>

#include "cpu/kernels.h"
#include "layers/encoder.h"
#include "layers/tensor_reader.h"
#include "models/model_config.h"
#include "vocabulary/quantized_vocabulary.h"
#include "vocabulary/vocabulary.h"

using namespace mime_fast;

namespace {

// Rows of their own memory.
struct Table {
  Table() = default;
  Table(std::int64_t rows, std::int64_t columns)
      : buffer(rows * cpu::padded(columns)), count(rows), stride(cpu::padded(columns)) {}
  RowView rows() { return {buffer.data(), count, stride}; }

  Buffer<float> buffer;
  std::int64_t count = 0;
  std::int64_t stride = 0;
};

struct Ops {
  Ops(const char* path, const ModelConfig& shape, int threads)
      : config(shape), kernels(cpu::kernels(cpu::chosen_isa())), pool(threads) {
    Team team(pool);
    TensorReader tensors(path);
    const std::int64_t dim = config.hidden_dim, words = config.vocab_size;
    vocabulary = Vocabulary(tensors.take("output.weight", {words, dim}),
                            tensors.take("output.bias", {words}), dim, false, team);
    screened = QuantizedVocabulary(team, vocabulary);
    encoder = Encoder(tensors, "context_encoder", config);
    gate = tensors.linear("fusion.gate", 2 * dim, 2 * dim, Bias::own);
    fusion = tensors.linear("fusion.output", 2 * dim, dim, Bias::own);
  }

  ModelConfig config;
  const cpu::Kernels& kernels;
  ThreadPool pool;
  Vocabulary vocabulary;
  QuantizedVocabulary screened;
  Encoder encoder;
  Matrix gate;
  Matrix fusion;
  Table input;
  Table work;
  Table output;
  std::unique_ptr<EncoderScratch> encoder_scratch;
  std::unique_ptr<QuantizedVocabulary::Scratch> screen_scratch;
};

}  // namespace

extern "C" {

Ops* ops_new(const char* path, std::int64_t words, std::int64_t dim, std::int64_t heads,
             std::int64_t key_dim, std::int64_t filter_dim, std::int64_t layers, int threads) {
  ModelConfig config;
  config.vocab_size = words;
  config.hidden_dim = dim;
  config.num_heads = heads;
  config.key_dim = key_dim;
  config.filter_dim = filter_dim;
  config.num_layers = layers;
  return new Ops(path, config, threads);
}

void ops_delete(Ops* ops) { delete ops; }

// x (count, columns), and the buffers for an output of out_columns.
void ops_set(Ops* ops, const float* x, std::int64_t count, std::int64_t columns,
             std::int64_t out_columns) {
  ops->input = Table(count, columns);
  for (std::int64_t i = 0; i < count; ++i) {
    std::copy_n(x + i * columns, columns, ops->input.rows().row(i));
  }
  ops->work = Table(count, columns);
  ops->output = Table(count, out_columns);
  ops->encoder_scratch = std::make_unique<EncoderScratch>(ops->config, count);
  ops->screen_scratch = std::make_unique<QuantizedVocabulary::Scratch>(&ops->screened, count);
}

// What the last operation wrote, out (count, columns).
void ops_get(Ops* ops, float* out, std::int64_t count, std::int64_t columns) {
  for (std::int64_t i = 0; i < count; ++i) {
    std::copy_n(ops->output.rows().row(i), columns, out + i * columns);
  }
}

// ops_get of scores.
void ops_get_scores(Ops* ops, float* out, std::int64_t count, std::int64_t columns) {
  const float* scores = ops->screen_scratch->scores.data();
  for (std::int64_t i = 0; i < count; ++i) {
    std::copy_n(scores + i * ops->vocabulary.padded_words(), columns, out + i * columns);
  }
}

void ops_project(Ops* ops) {
  Team team(ops->pool);
  ops->vocabulary.project(ops->kernels, team, ops->input.rows(), ops->output.rows());
}

// planes: of the hidden vectors, 1 or 2.
void ops_screen(Ops* ops, int planes) {
  Team team(ops->pool);
  ops->screened.screen(ops->kernels, team, ops->input.rows(),
                       static_cast<QuantizedVocabulary::Planes>(planes), *ops->screen_scratch);
}

void ops_encode(Ops* ops) {
  Team team(ops->pool);
  const Table& x = ops->input;
  std::copy_n(x.buffer.data(), x.count * x.stride, ops->work.buffer.data());
  ops->encoder.apply(ops->kernels, team, ops->work.rows(), *ops->encoder_scratch,
                     ops->output.rows());
}

void ops_fuse(Ops* ops) {
  Team team(ops->pool);
  const RowView x = ops->input.rows(), gates = ops->work.rows();
  ops->gate.apply(ops->kernels, team, x, gates);
  team.split(x.count, 1, [&](std::int64_t begin, std::int64_t end) {
    ops->kernels.gate(gates.row(begin), x.row(begin), (end - begin) * x.stride, gates.row(begin));
  });
  ops->fusion.apply(ops->kernels, team, gates, ops->output.rows());
}

}  // extern "C"

#pragma once

#include <cstdint>

#include "layers/decode_state.h"
#include "layers/encoder_output.h"
#include "models/model_config.h"
#include "vocabulary/quantized_vocabulary.h"
#include "vocabulary/vocabulary.h"

namespace mime_fast {

// How the projection onto the vocabulary is computed; everything else is computed in float32.
enum class ComputeType { float32, bfloat16, int8 };

// The random numbers that the emotions of a request are drawn with.
struct NoiseShape {
  std::int64_t count;  // vectors; 0: the system draws nothing
  std::int64_t dim;

  std::int64_t size() const { return count * dim; }
};

// A system computes hidden vectors of the reply's tokens from token ids. The weights are folded and
// packed for one processor, and read-only: any number of threads may share a model.
class ReplyModel {
 public:
  // They do what System says. A system without options of its own inherits them.
  static void visit_options(ModelConfig&, OptionVisitor&) {}
  static void resolve(ModelConfig&) {}

  virtual ~ReplyModel() = default;
  ReplyModel(const ReplyModel&) = delete;
  ReplyModel& operator=(const ReplyModel&) = delete;

  const ModelConfig& config() const { return config_; }
  const cpu::Kernels& kernels() const { return kernels_; }
  const Vocabulary& vocabulary() const { return vocabulary_; }
  const QuantizedVocabulary* quantized() const {
    return quantized_.empty() ? nullptr : &quantized_;
  }

  // Computes everything before the decoder, once for each request.
  //   tokens, speakers  // (length,) ids of a context
  //   noise             // (noise().count, noise().dim) standard normal numbers
  //   emotion           // the speaker's; negative: the recognised one
  virtual EncoderOutput encode(Team& team, const std::int64_t* tokens, const std::int64_t* speakers,
                               std::int64_t length, const float* noise,
                               std::int64_t emotion) const = 0;
  // Decodes one token of each row: fills state.hidden().
  virtual void step(Team& team, const std::int32_t* tokens, DecodeState& state) const = 0;

  // Creates an empty decode state.
  DecodeState new_state(std::int64_t max_rows, std::int64_t max_steps,
                        Interrupt* interrupt = nullptr) const {
    return {shape_, max_listeners(), max_rows, max_steps, interrupt};
  }
  // The noise that encode reads.
  virtual NoiseShape noise() const { return {0, 0}; }
  // Whether the reply depends on the speaker's emotion, so that forcing one has an effect.
  virtual bool reads_emotion() const { return false; }
  // Whether the reply depends on the polarity of the speaker's emotion.
  virtual bool mimics() const { return false; }
  // The number of ids that a context may hold.
  virtual std::int64_t context_vocab_size() const { return config_.vocab_size; }
  // Whether this memory has the shape that this model's layers read.
  bool fits(const EncoderMemory& memory) const;

 protected:
  ReplyModel(const ModelConfig& config, const DecoderShape& shape, const cpu::Kernels& kernels)
      : config_(config), shape_(shape), kernels_(kernels) {}

  // Number of listeners that a row may use.
  virtual std::int64_t max_listeners() const { return 0; }

  // Gives the memory room for the keys and values of `length` positions in all its caches.
  void reserve_cross_kv(std::int64_t length, EncoderMemory& memory) const;
  // Stores the keys and values of a source as those of a cache.
  //   pairs  // (length, 2 * kv_dim)
  void store_cross_kv(const RowView& pairs, std::int64_t cache, EncoderMemory& memory) const;

  const ModelConfig config_;
  const DecoderShape shape_;
  const cpu::Kernels& kernels_;
  Vocabulary vocabulary_;
  QuantizedVocabulary quantized_;
};

}  // namespace mime_fast

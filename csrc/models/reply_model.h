#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "layers/decoder.h"
#include "layers/encoder.h"
#include "layers/encoder_output.h"
#include "models/emotions.h"
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

// A system computes hidden vectors of the reply's words from token ids. This class holds what all
// systems share: words, context encoder, decoder, vocabulary. The weights are folded and packed for
// one processor, and read-only: any number of threads may share a model.
class ReplyModel {
 public:
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
  //   tokens, speakers  // (length,) ids of the vocabulary
  //   noise             // (noise().count, noise().dim) standard normal numbers
  //   emotion           // the speaker's; negative: the recognised one
  EncoderOutput encode(Team& team, const std::int64_t* tokens, const std::int64_t* speakers,
                       std::int64_t length, const float* noise, std::int64_t emotion) const;

  // Creates an empty decode state.
  DecodeState new_state(std::int64_t max_rows, std::int64_t max_steps,
                        Interrupt* interrupt = nullptr) const {
    return {config_, max_listeners(), max_rows, max_steps, interrupt};
  }
  // The noise that encode reads.
  virtual NoiseShape noise() const { return {0, 0}; }
  // Whether this memory has the shape that this model's layers read.
  bool fits(const EncoderMemory& memory) const;
  // Decodes one token of each row: fills state.hidden().
  void step(Team& team, const std::int32_t* tokens, DecodeState& state) const;

 protected:
  ReplyModel(TensorReader& tensors, const ModelConfig& config, ComputeType compute_type,
             const cpu::Kernels& kernels, Team& team);

  // The encoded context, and the other inputs of compute_output.
  struct Context {
    const RowView& states;       // (length, dim)
    EncoderScratch& scratch;     // for as many positions
    const Buffer<float>& query;  // (dim,) the state that the emotion is read from
    const float* noise;
    std::int64_t emotion;
  };
  // Computes the output from the encoded context: emotions and encoder memory. The emotion weights
  // of the output are zero at first.
  virtual void compute_output(Team& team, const Context& context, EncoderOutput& output) const = 0;
  // Computes the state's hidden vectors from its x.
  virtual void decode(Team& team, DecodeState& state) const {
    decoder_.step(kernels_, team, state);
  }
  // Number of listeners that a row may use.
  virtual std::int64_t max_listeners() const { return 0; }

  std::vector<std::string> decoder_layer_names() const;
  // Computes the emotion logits of the query with a matrix (dim -> 32). Returns the likeliest id.
  std::int64_t classify_emotion(const Matrix& emotions, const Context& context,
                                EncoderOutput& output) const;
  // Computes the keys and values of a source (length, any width) for each cache of the memory,
  // whose listeners are set.
  //   cross  // (layers + listeners,) source -> keys and values
  void project_cross_kv(Team& team, const std::vector<Matrix>& cross, const RowView& source,
                        EncoderMemory& memory) const;

  const ModelConfig config_;
  const cpu::Kernels& kernels_;
  const std::int64_t stride_;  // floats of a padded hidden vector
  Buffer<float> positions_;    // (max_positions, dim)
  Decoder decoder_;

 private:
  void load_words(Team& team, TensorReader& tensors, bool bfloat16);
  Buffer<float> project_words(Team& team, const std::vector<float>& embedding,
                              TensorReader& tensors, const std::string& name) const;
  RowView embed(const std::int64_t* tokens, const std::int64_t* speakers, Buffer<float>& x,
                std::int64_t length) const;
  Buffer<float> compute_query(const RowView& context) const;

  // The input projections of both stacks are folded into word tables.
  Buffer<float> context_words_;  // (vocab, dim) embedded and projected for the context encoder
  Buffer<float> reply_words_;    // (vocab, dim) and for the decoder
  Encoder context_encoder_;
  Vocabulary vocabulary_;
  QuantizedVocabulary quantized_;
};

}  // namespace mime_fast

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "layers/decoder.h"
#include "layers/encoder.h"
#include "layers/memory.h"
#include "models/emotions.h"
#include "models/model_config.h"
#include "vocabulary/screened_vocabulary.h"
#include "vocabulary/vocabulary.h"

namespace mime_fast {

// Of the projection onto the vocabulary; everything else is computed in float32.
enum class ComputeType { float32, bfloat16, int8 };

// The random numbers that a request's emotions are drawn with.
struct NoiseShape {
  std::int64_t count;  // vectors; 0: the system draws nothing
  std::int64_t dim;

  std::int64_t size() const { return count * dim; }
};

// A system: token ids in, hidden vectors of the reply's words out. Here is what the systems have in
// common: words, context encoder, decoder, output. Weights are folded and packed for one processor
// and read-only: any number of threads may share a model.
class ReplyModel {
 public:
  virtual ~ReplyModel() = default;
  ReplyModel(const ReplyModel&) = delete;
  ReplyModel& operator=(const ReplyModel&) = delete;

  const ModelConfig& config() const { return config_; }
  const cpu::Kernels& kernels() const { return kernels_; }
  const Vocabulary& vocabulary() const { return vocabulary_; }
  const ScreenedVocabulary* screened() const { return screened_.empty() ? nullptr : &screened_; }

  // Everything before the decoder: once a request.
  //   tokens, speakers  // (length,) ids of the vocabulary
  //   noise             // (noise().count, noise().dim) standard normal numbers
  //   emotion           // the speaker's; negative: the recognised one
  Encoded encode(Team& team, const std::int64_t* tokens, const std::int64_t* speakers,
                 std::int64_t length, const float* noise, std::int64_t emotion) const;

  // Of no row yet.
  DecodeState new_state(std::int64_t max_rows, std::int64_t max_steps,
                        Interrupt* interrupt = nullptr) const {
    return {config_, most_listeners(), max_rows, max_steps, interrupt};
  }
  virtual NoiseShape noise() const { return {0, 0}; }
  // Whether this memory has the shape that this model's layers read.
  bool fits(const Memory& memory) const;
  // One token a row: fills state.hidden().
  void step(Team& team, const std::int32_t* tokens, DecodeState& state) const;

 protected:
  ReplyModel(Weights& weights, const ModelConfig& config, ComputeType compute_type,
             const cpu::Kernels& kernels, Team& team);

  // A context that was read, and what else a system may make use of.
  struct Context {
    const Rows& states;          // (length, dim)
    EncoderScratch& scratch;     // of that length
    const Buffer<float>& query;  // (dim,) the state that the emotion is read from
    const float* noise;
    std::int64_t emotion;
  };
  // What encode does behind the context encoder: fills `encoded`, whose shares are zeros.
  virtual void understand(Team& team, const Context& context, Encoded& encoded) const = 0;
  // From the state's x to its hidden vectors.
  virtual void decode(Team& team, DecodeState& state) const {
    decoder_.step(kernels_, team, state);
  }
  // Of a row.
  virtual std::int64_t most_listeners() const { return 0; }

  std::vector<std::string> decoder_layer_names() const;
  // The emotion's logits of the query, by a matrix (dim -> 32). Returns the likeliest.
  std::int64_t recognise(const Matrix& emotions, const Context& context, Encoded& encoded) const;
  // Keys and values of a source (length, any width) for each cache of the memory, whose listeners
  // are known.
  //   cross  // (layers + listeners,) source -> keys and values
  void remember(Team& team, const std::vector<Matrix>& cross, const Rows& source,
                Memory& memory) const;

  const ModelConfig config_;
  const cpu::Kernels& kernels_;
  const std::int64_t stride_;  // of a hidden vector
  Buffer<float> positions_;    // (max_positions, dim)
  Decoder decoder_;

 private:
  void load_words(Team& team, Weights& weights, bool bfloat16);
  Buffer<float> project_words(Team& team, const std::vector<float>& embedding, Weights& weights,
                              const std::string& name) const;
  Rows embed(const std::int64_t* tokens, const std::int64_t* speakers, Buffer<float>& x,
             std::int64_t length) const;
  Buffer<float> find_query(const Rows& context) const;

  // Both stacks' input projections are folded into word tables.
  Buffer<float> context_words_;  // (vocab, dim) embedded and projected for the context encoder
  Buffer<float> reply_words_;    // (vocab, dim) and for the decoder
  Encoder context_encoder_;
  Vocabulary vocabulary_;
  ScreenedVocabulary screened_;
};

}  // namespace mime_fast

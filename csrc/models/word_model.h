#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "layers/decoder.h"
#include "layers/encoder.h"
#include "models/emotions.h"
#include "models/projected_words.h"
#include "models/reply_model.h"

namespace mime_fast {

// What the systems over words share: words, context encoder, decoder, vocabulary.
class WordModel : public ReplyModel {
 public:
  EncoderOutput encode(Team& team, const std::int64_t* tokens, const std::int64_t* speakers,
                       std::int64_t length, const float* noise,
                       std::int64_t emotion) const override;
  void step(Team& team, const std::int32_t* tokens, DecodeState& state) const override;

 protected:
  WordModel(TensorReader& tensors, const ModelConfig& config, ComputeType compute_type,
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
  std::vector<std::string> decoder_layer_names() const;
  // Computes the emotion logits of the query with a matrix (dim -> 32). Returns the likeliest id.
  std::int64_t classify_emotion(const Matrix& emotions, const Context& context,
                                EncoderOutput& output) const;
  // Computes the keys and values of a source (length, any width) for each cache of the memory,
  // whose listeners are set.
  //   cross  // (layers + listeners,) source -> keys and values
  void project_cross_kv(Team& team, const std::vector<Matrix>& cross, const RowView& source,
                        EncoderMemory& memory) const;

  const std::int64_t stride_;  // floats of a padded hidden vector
  Buffer<float> positions_;    // (max_positions, dim)
  Decoder decoder_;

 private:
  void load_words(Team& team, TensorReader& tensors, bool bfloat16);
  RowView embed(const std::int64_t* tokens, const std::int64_t* speakers, Buffer<float>& x,
                std::int64_t length) const;
  Buffer<float> compute_query(const RowView& context) const;

  ProjectedWords context_words_;  // for the context encoder
  ProjectedWords reply_words_;    // for the decoder
  Encoder context_encoder_;
};

}  // namespace mime_fast

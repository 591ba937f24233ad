#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/decoder.h"
#include "engine/encoder.h"
#include "engine/memory.h"
#include "engine/response_emotions.h"
#include "engine/screened_vocabulary.h"
#include "engine/vocabulary.h"

namespace mime_fast {

// Of the projection onto the vocabulary; everything else is computed in float32.
enum class ComputeType { float32, bfloat16, int8 };

// The weights of MIME (arXiv 2010.01454), folded and packed for one processor. Read-only: any
// number of threads may share it.
//
// Folded when it is loaded: both stacks' input projections into word tables; the query scale into
// the queries; the classifier into the emotion table; the fusion's output into the decoder's
// cross-attention keys and values, where that is cheaper.
class Mime {
 public:
  // Throws CheckpointError if the file is not a checkpoint of that config.
  Mime(const std::string& path, const ModelConfig& config, ComputeType compute_type,
       const cpu::Kernels& kernels, ThreadPool& pool);

  const ModelConfig& config() const { return config_; }
  const cpu::Kernels& kernels() const { return kernels_; }
  const Vocabulary& vocabulary() const { return vocabulary_; }
  const ScreenedVocabulary* screened() const { return screened_.empty() ? nullptr : &screened_; }

  // Context encoder, emotion, mixture, mimicry, fusion: once a request.
  //   tokens, speakers  // (length,) ids of the vocabulary
  //   noise             // (2, latent)
  //   emotion           // whose polarity is mimicked; negative: the recognised one's
  Encoded encode(Team& team, const std::int64_t* tokens, const std::int64_t* speakers,
                 std::int64_t length, const float* noise, std::int64_t emotion) const;

  // One token a row: fills state.hidden().
  void step(Team& team, const std::int32_t* tokens, DecodeState& state) const;

 private:
  struct ResponseProjection {
    Matrix context;  // (dim, dim): the half of the projection that reads the context
    Matrix emotion;  // (dim, dim): the half that reads the emotion, the same at every position
  };

  void load_words(Team& team, const Weights& weights, bool bfloat16);
  Buffer<float> project_words(Team& team, const std::vector<float>& embedding,
                              const Weights& weights, const std::string& name);
  void load_response_encoder(const Weights& weights, const std::string& name);
  void load_fusion(const Weights& weights);
  void load_cross(const Weights& weights, const std::string& name, const float* fusion,
                  const float* fusion_bias);
  void set_both(Matrix& matrix, const float* weight, std::int64_t outputs,
                std::int64_t first_output) const;

  Rows embed(const std::int64_t* tokens, const std::int64_t* speakers, Buffer<float>& x,
             std::int64_t length) const;
  void recognise(Team& team, const Rows& context, const float* noise, std::int64_t emotion,
                 Encoded& encoded) const;
  void mimic(Team& team, const Rows& context, const Encoded& encoded, EncoderScratch& scratch,
             const Rows& both) const;
  void remember(Team& team, const Rows& both, Memory& memory) const;

  ModelConfig config_;
  const cpu::Kernels& kernels_;
  std::int64_t stride_;  // of a hidden vector

  Buffer<float> context_words_;  // (vocab, dim) embedded and projected for the context encoder
  Buffer<float> reply_words_;    // (vocab, dim) and for the decoder
  Buffer<float> positions_;      // (max_positions, dim)
  Encoder context_encoder_;
  Matrix emotions_;  // dim -> 32
  ResponseEmotions response_emotions_;
  std::vector<float> emotion_table_;                      // (32, dim)
  std::vector<ResponseProjection> response_projections_;  // mimicking, and non-mimicking if its own
  std::vector<Encoder> response_encoders_;                // likewise
  Matrix gate_;
  Matrix fusion_;              // empty if it is folded into cross_
  std::vector<Matrix> cross_;  // (layers,) fused context -> keys and values
  Decoder decoder_;
  Vocabulary vocabulary_;
  ScreenedVocabulary screened_;
};

}  // namespace mime_fast

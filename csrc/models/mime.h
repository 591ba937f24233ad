#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/response_emotions.h"
#include "models/word_model.h"

namespace mime_fast {

// MIME (arXiv 2010.01454) and its ablations.
//
// Loading folds the classifier into the emotion table, and the fusion's output into the decoder's
// cross-attention keys and values where that is cheaper.
class Mime final : public WordModel {
 public:
  static constexpr const char* kArchitecture = "mime";
  static void visit_options(ModelConfig& config, OptionVisitor& visitor) {
    config.mime.visit(visitor);
  }
  static void resolve(ModelConfig& config);

  Mime(TensorReader& tensors, const ModelConfig& config, ComputeType compute_type,
       const cpu::Kernels& kernels, Team& team);

  // One vector for each group, the positive one first.
  NoiseShape noise() const override {
    return {config_.mime.stochastic ? config_.mime.groups() : 0, config_.mime.latent_dim};
  }
  // Only the polarity of the emotion is read, and only by mimicry.
  bool reads_emotion() const override { return config_.mime.mimicry; }
  bool mimics() const override { return config_.mime.mimicry; }

 private:
  struct ResponseProjection {
    Matrix context;  // (dim, dim): the half of the projection that reads the context
    Matrix emotion;  // (dim, dim): the half that reads the emotion, equal at every position
  };

  void load_emotions(TensorReader& tensors);
  void load_response_encoder(TensorReader& tensors, const std::string& name);
  void load_fusion(TensorReader& tensors);
  void load_cross(TensorReader& tensors, const std::string& name, const float* fusion,
                  const float* fusion_bias);
  void set_refined(Matrix& matrix, const float* weight, std::int64_t outputs,
                   std::int64_t first_output) const;

  void compute_output(Team& team, const Context& context, EncoderOutput& output) const override;
  std::vector<Buffer<float>> mix_emotion_vectors(const EncoderOutput& output) const;
  void refine(Team& team, const Context& context, const std::vector<Buffer<float>>& emotions,
              const RowView& refined) const;
  void fuse(Team& team, const RowView& refined, EncoderMemory& memory) const;

  std::int64_t refinements_;  // of the context: one for each group of emotions
  Matrix emotions_;           // dim -> 32
  ResponseEmotions response_emotions_;
  std::vector<float> emotion_table_;  // (32, dim)
  std::vector<ResponseProjection>
      response_projections_;                // mimicking, then non-mimicking if not shared
  std::vector<Encoder> response_encoders_;  // likewise
  Matrix gate_;
  Matrix fusion_;              // empty if it is folded into cross_
  std::vector<Matrix> cross_;  // (layers,) fused context -> keys and values
};

}  // namespace mime_fast

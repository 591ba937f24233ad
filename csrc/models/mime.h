#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/reply_model.h"
#include "models/response_emotions.h"

namespace mime_fast {

// MIME (arXiv 2010.01454) and its ablations.
//
// Folded when it is loaded: the classifier into the emotion table; the fusion's output into the
// decoder's cross-attention keys and values, where that is cheaper.
class Mime final : public ReplyModel {
 public:
  static constexpr const char* kArchitecture = "mime";

  Mime(Weights& weights, const ModelConfig& config, ComputeType compute_type,
       const cpu::Kernels& kernels, Team& team);

  // One vector for each group, the positive one first.
  NoiseShape noise() const override {
    return {config_.mime.stochastic ? config_.mime.groups() : 0, config_.mime.latent_dim};
  }

 private:
  struct ResponseProjection {
    Matrix context;  // (dim, dim): the half of the projection that reads the context
    Matrix emotion;  // (dim, dim): the half that reads the emotion, the same at every position
  };

  void load_emotions(Weights& weights);
  void load_response_encoder(Weights& weights, const std::string& name);
  void load_fusion(Weights& weights);
  void load_cross(Weights& weights, const std::string& name, const float* fusion,
                  const float* fusion_bias);
  void set_refined(Matrix& matrix, const float* weight, std::int64_t outputs,
                   std::int64_t first_output) const;

  void understand(Team& team, const Context& context, Encoded& encoded) const override;
  std::vector<Buffer<float>> feel(const Encoded& encoded) const;
  void refine(Team& team, const Context& context, const std::vector<Buffer<float>>& emotions,
              const Rows& refined) const;
  void fuse(Team& team, const Rows& refined, Memory& memory) const;

  std::int64_t refinements_;  // of the context: by each group of emotions, or by all
  Matrix emotions_;           // dim -> 32
  ResponseEmotions response_emotions_;
  std::vector<float> emotion_table_;                      // (32, dim)
  std::vector<ResponseProjection> response_projections_;  // mimicking, and non-mimicking if its own
  std::vector<Encoder> response_encoders_;                // likewise
  Matrix gate_;
  Matrix fusion_;              // empty if it is folded into cross_
  std::vector<Matrix> cross_;  // (layers,) fused context -> keys and values
};

}  // namespace mime_fast

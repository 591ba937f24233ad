#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "layers/bert_layer.h"
#include "layers/llama_layer.h"
#include "models/emotions.h"
#include "models/reply_model.h"

namespace mime_fast {

// mime-base, MIME on a pretrained encoder and decoder; mime_fast/models/mime_base.py has its
// equations. Matrices are int8 as they are stored, everything else is float32.
class MimeBase final : public ReplyModel {
 public:
  static constexpr const char* kArchitecture = "mime_base";
  static void visit_options(ModelConfig& config, OptionVisitor& visitor) {
    config.mime_base.visit(visitor);
  }
  static void resolve(ModelConfig& config);

  MimeBase(TensorReader& tensors, const ModelConfig& config, ComputeType compute_type,
           const cpu::Kernels& kernels, Team& team);

  EncoderOutput encode(Team& team, const std::int64_t* tokens, const std::int64_t* speakers,
                       std::int64_t length, const float* noise,
                       std::int64_t emotion) const override;
  void step(Team& team, const std::int32_t* tokens, DecodeState& state) const override;
  // The vectors of the positive and the negative group, and that of the intent.
  NoiseShape noise() const override;
  std::int64_t context_vocab_size() const override { return options().context_vocab_size; }
  bool reads_emotion() const override { return true; }
  bool mimics() const override { return true; }

 private:
  // The emotion vectors of a request, (hidden_dim,) each.
  struct Emotions {
    Buffer<float> mimicked;
    Buffer<float> opposed;
  };

  const MimeBaseOptions& options() const { return config_.mime_base; }
  void load_context_encoder(TensorReader& tensors);
  void load_emotions(TensorReader& tensors);
  void load_fusion(TensorReader& tensors);
  void load_decoder(TensorReader& tensors, ComputeType compute_type, Team& team);

  RowView embed(Team& team, const std::int64_t* tokens, const std::int64_t* speakers,
                Buffer<float>& x, std::int64_t length) const;
  Buffer<float> mean_of(const RowView& states) const;
  void draw_mixture(Team& team, const Buffer<float>& query, const float* noise,
                    EncoderOutput& output) const;
  Emotions mix_emotion_vectors(const EncoderOutput& output) const;
  void refine(Team& team, const RowView& states, const Emotions& emotions,
              const RowView& refined) const;
  void fuse(Team& team, const RowView& states, const RowView& refined, EncoderMemory& memory) const;
  void compute_conditioning(Team& team, const Buffer<float>& query, const Emotions& emotions,
                            const float* noise, EncoderMemory& memory) const;
  std::int64_t draw_intent(Team& team, const Buffer<float>& query, const float* noise) const;

  const std::int64_t stride_;             // floats of a padded state of the encoder
  Int8Weights context_words_;             // (context vocabulary, dim)
  std::vector<float> positions_, types_;  // (max_positions, dim), (2, dim)
  StandardLayerNorm embedding_norm_;
  std::vector<BertLayer> context_layers_;

  Matrix emotions_;                   // dim -> 32
  std::vector<float> emotion_table_;  // (32, dim)
  Int8Matrix prior_hidden_, prior_;
  Int8Matrix positive_, negative_;  // latent -> shares of a group
  Int8Matrix intents_;              // dim -> intents

  Int8Matrix refinement_context_, refinement_emotion_;  // the halves of the refinement's input
  std::vector<BertLayer> refinement_;                   // one
  Int8Matrix gate_, fusion_;
  StandardLayerNorm memory_norm_;
  std::vector<Int8Matrix> cross_;  // (layers,) memory -> keys and values

  Int8Matrix conditioning_;
  Int8Weights intent_embedding_;  // (intents, decoder dim)
  Int8Weights reply_words_;       // (vocabulary, decoder dim)
  Rotation rotation_;
  std::vector<LlamaLayer> decoder_;
  RmsNorm decoder_norm_;
};

}  // namespace mime_fast

#pragma once

#include <unistd.h>

#include <cmath>
#include <cstddef>
#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "files.h"
#include "models/mime.h"
#include "models/moel.h"
#include "models/multi_tr.h"
#include "random_floats.h"
#include "search/special.h"

// Models of random weights, for the engine as a whole.
namespace mime_fast::test {

using Shape = std::vector<std::int64_t>;
using Shapes = std::vector<std::pair<std::string, Shape>>;

// What models.parameter_shapes lists, of the tensors that the engine reads.
class ModelShapes {
 public:
  explicit ModelShapes(const ModelConfig& config) : config_(config) {
    const std::int64_t dim = config.hidden_dim, vocab = config.vocab_size;
    add("embedding.weight", {vocab, dim});
    add("output.bias", {vocab});
    if (!config.tie_embeddings) add("output.weight", {vocab, dim});
    add_encoder("context_encoder", dim);
    add("decoder.projection.weight", {dim, dim});
    add_norm("decoder.norm");
    for (std::int64_t i = 0; i < config.num_layers; ++i) {
      add_layer("decoder.layers." + std::to_string(i) + ".", kDecoder);
    }
    if (config.architecture == Mime::kArchitecture) {
      add_mime();
    } else {
      add("emotion_classifier.weight", {kEmotions, dim});
    }
    if (config.architecture == Moel::kArchitecture) {
      add_layer("decoder.shared_listener.", kDecoder);
      for (std::int64_t i = 0; i < kEmotions; ++i) {
        add_layer("decoder.listeners." + std::to_string(i) + ".", kDecoder);
      }
    }
  }

  const Shapes& all() const { return shapes_; }

 private:
  void add(const std::string& name, const Shape& shape) { shapes_.emplace_back(name, shape); }
  void add_linear(const std::string& name, std::int64_t inputs, std::int64_t outputs) {
    add(name + ".weight", {outputs, inputs});
    add(name + ".bias", {outputs});
  }
  void add_norm(const std::string& name) {
    add(name + ".weight", {config_.hidden_dim});
    add(name + ".bias", {config_.hidden_dim});
  }
  void add_mime() {
    const std::int64_t dim = config_.hidden_dim, latent = config_.mime.latent_dim;
    const bool grouping = config_.mime.grouping, stochastic = config_.mime.stochastic;
    add("emotion_embedding.weight", {kEmotions, dim});
    add("emotion_classifier.weight", {dim, dim});
    if (!config_.mime.share_emotion_embedding) add("emotion_classes.weight", {kEmotions, dim});
    const std::int64_t fused = (grouping ? 2 : 1) * dim;
    add_linear("fusion.gate", fused, fused);
    add_linear("fusion.output", fused, dim);
    add_encoder("response_encoder", 2 * dim);
    if (!config_.mime.shared_response_encoder)
      add_encoder("non_mimicking_response_encoder", 2 * dim);
    const std::string name = "response_emotions.", prior = name + "prior.";
    add_linear(name + "prior_hidden", dim, dim);
    add_linear(name + "positive_mixture", latent, grouping ? kPositives : kEmotions);
    add_linear(prior + "positive_mean", dim, latent);
    if (stochastic) add_linear(prior + "positive_log_variance", dim, latent);
    if (!grouping) return;
    add_linear(name + "negative_mixture", latent, kNegatives);
    add_linear(prior + "negative_mean", dim, latent);
    if (stochastic && !config_.mime.shared_log_variance) {
      add_linear(prior + "negative_log_variance", dim, latent);
    }
  }
  void add_encoder(const std::string& name, std::int64_t inputs) {
    add(name + ".projection.weight", {config_.hidden_dim, inputs});
    add_norm(name + ".norm");
    for (std::int64_t i = 0; i < config_.num_layers; ++i) {
      add_layer(name + ".layers." + std::to_string(i) + ".", {"attention"});
    }
  }
  void add_layer(const std::string& layer, const std::vector<std::string>& attentions) {
    const std::int64_t dim = config_.hidden_dim;
    for (const std::string& attention : attentions) {
      add_norm(layer + attention + "_norm");
      for (const char* part : {".query", ".key", ".value"}) {
        add(layer + attention + part + ".weight", {config_.key_dim, dim});
      }
      add(layer + attention + ".output.weight", {dim, config_.key_dim});
    }
    add_norm(layer + "feed_forward_norm");
    add(layer + "feed_forward.inner.weight", {config_.filter_dim, dim, 3});
    add(layer + "feed_forward.inner.bias", {config_.filter_dim});
    add(layer + "feed_forward.outer.weight", {dim, config_.filter_dim, 3});
    add(layer + "feed_forward.outer.bias", {dim});
  }

  const std::vector<std::string> kDecoder{"attention", "cross_attention"};
  ModelConfig config_;
  Shapes shapes_;
};

// A file of random weights, gone with its owner. Hostile: some tensors are huge, tiny or equal.
class RandomModel {
 public:
  RandomModel(const ModelConfig& config, Random& random, bool hostile)
      : path_("mime_fast_" + std::to_string(getpid()) + "_" +
              std::to_string(random.integer(0, 1L << 50)) + ".safetensors") {
    std::string header, data;
    const ModelShapes shapes(config);
    for (const auto& [name, shape] : shapes.all()) {
      const std::size_t begin = data.size();
      append(random, shape, hostile, data);
      std::string extents;
      for (const std::int64_t extent : shape) {
        extents += (extents.empty() ? "" : ",") + std::to_string(extent);
      }
      if (!header.empty()) header += ',';
      header += entry(name, "F32", "[" + extents + "]",
                      "[" + std::to_string(begin) + "," + std::to_string(data.size()) + "]");
    }
    std::ofstream(path_, std::ios::binary) << make_file("{" + header + "}", data);
  }
  ~RandomModel() { std::remove(path_.c_str()); }
  RandomModel(const RandomModel&) = delete;
  RandomModel& operator=(const RandomModel&) = delete;

  const std::string& path() const { return path_; }

 private:
  static void append(Random& random, const Shape& shape, bool hostile, std::string& data) {
    std::int64_t count = 1;
    for (const std::int64_t extent : shape) count *= extent;
    const bool odd = hostile && random.one_in(12);
    const Kind kind = odd ? random.pick(kKinds) : Kind::normal;
    const auto inputs = static_cast<float>(shape.size() > 1 ? count / shape[0] : 1);
    const float factor = odd ? 1.0F : 1 / std::sqrt(inputs);
    for (const float value : random.floats(count, kind)) {
      const float weight = value * factor;
      data.append(reinterpret_cast<const char*>(&weight), sizeof weight);
    }
  }

  std::string path_;
};

constexpr const char* kArchitectures[] = {Mime::kArchitecture, Moel::kArchitecture,
                                          MultiTr::kArchitecture};

inline ModelConfig random_config(Random& random) {
  ModelConfig config;
  config.vocab_size = random.integer(8, random.one_in(4) ? 300 : 40);
  config.hidden_dim = random.integer(4, random.one_in(4) ? 70 : 20);
  config.num_heads = random.integer(1, 3);
  config.key_dim = config.num_heads * random.integer(1, 18);
  config.filter_dim = random.integer(1, 20);
  config.num_layers = random.integer(1, 2);
  config.max_positions = random.integer(2, 40);
  config.tie_embeddings = random.one_in(2);
  config.mean_query = random.one_in(2);
  config.architecture = random.pick(kArchitectures);
  if (config.architecture == Moel::kArchitecture) {
    config.moel.top_listeners = random.one_in(3) ? 0 : random.integer(1, 6);
  } else if (config.architecture == Mime::kArchitecture) {
    config.mime.latent_dim = random.integer(1, 20);
    config.mime.mimicry = !random.one_in(4);
    config.mime.stochastic = !random.one_in(4);
    config.mime.share_emotion_embedding = !random.one_in(4);
    config.mime.grouping = !random.one_in(4);
    config.mime.mimicry &= config.mime.grouping;
    config.mime.shared_log_variance = config.mime.grouping && random.one_in(2);
    config.mime.shared_response_encoder = !config.mime.grouping || random.one_in(2);
  }
  return config;
}

// A dialogue of random ids, encoded. Hostile: some noise is huge, tiny or equal.
inline std::shared_ptr<const EncoderOutput> random_encoded(Engine& engine, Random& random,
                                                           bool hostile = false) {
  const ModelConfig& config = engine.model->config();
  const std::int64_t length = random.integer(1, config.max_positions);
  std::vector<std::int64_t> tokens{kCls}, speakers{kCls};
  for (std::int64_t i = 1; i < length; ++i) {
    tokens.push_back(random.integer(0, config.vocab_size - 1));
    speakers.push_back(random.integer(0, config.vocab_size - 1));
  }
  const std::vector<float> noise =
      random.floats(engine.model->noise().size(),
                    hostile && random.one_in(3) ? random.pick(kKinds) : Kind::normal);
  Team team(engine.pool);
  return std::make_shared<EncoderOutput>(engine.model->encode(
      team, tokens.data(), speakers.data(), length, noise.data(), random.integer(-1, 31)));
}

// Ends a reply with every fifth word of the vocabulary.
class StopAtFifths final : public StopCondition {
 public:
  bool ends(const TokenIds& tokens) const override { return tokens.back() % 5 == 0; }
};

// Any that are allowed.
inline GenerationOptions random_options(Random& random, std::int64_t most_tokens) {
  GenerationOptions options;
  options.max_new_tokens = random.integer(1, most_tokens);
  options.min_new_tokens = random.integer(0, options.max_new_tokens);
  options.return_scores = random.one_in(2);
  if (random.one_in(3)) options.repetition_penalty = random.one_in(2) ? 1.3 : 0.01;
  options.no_repeat_ngram_size = random.one_in(3) ? random.integer(1, 4) : 0;
  if (random.one_in(4)) options.bad_words = {{7}, {5, 7}, {7, 7, 7}};
  if (random.one_in(4)) options.stop = std::make_shared<StopAtFifths>();
  if (random.one_in(2)) {
    options.num_beams = random.integer(2, 6);
    options.num_return_sequences = random.integer(1, options.num_beams);
    options.length_penalty = static_cast<double>(random.integer(-2, 2));
    options.early_stopping = static_cast<EarlyStopping>(random.integer(0, 2));
  } else if (random.one_in(2)) {
    options.do_sample = true;
    options.num_return_sequences = random.integer(1, 4);
    options.ranked_samples = random.one_in(4) ? random.integer(4, 9) : 0;
    options.temperature = random.one_in(2) ? 1.0 : 0.01;
    options.top_k = random.one_in(2) ? random.integer(0, 400) : 0;
    options.top_p = random.one_in(2) ? 0.8 : 1.0;
    options.min_p = random.one_in(2) ? 0.1 : 0.0;
  }
  return options;
}

}  // namespace mime_fast::test

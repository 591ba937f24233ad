#pragma once

#include <string>

#include "engine/mime.h"
#include "engine/thread_pool.h"

namespace mime_fast {

// A loaded model with the threads that run it; shared by every call.
struct Engine {
  Engine(const std::string& path, const ModelConfig& config, ComputeType compute_type, int threads)
      : kernels(cpu::kernels(cpu::chosen_isa())),
        model(path, config, compute_type, kernels),
        pool(threads) {}

  const cpu::Kernels& kernels;
  Mime model;
  ThreadPool pool;
};

}  // namespace mime_fast

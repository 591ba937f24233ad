#pragma once

#include <memory>
#include <string>

#include "engine/load_drafts.h"
#include "models/load_model.h"
#include "runtime/thread_pool.h"
#include "search/draft_table.h"

namespace mime_fast {

// A loaded model and the threads that run it; all calls share them.
struct Engine {
  // drafts_path: the file of a draft table, or empty. interrupt: the one of the call, or null.
  Engine(const std::string& path, const ModelConfig& config, ComputeType compute_type, int threads,
         const std::string& drafts_path = "",
         ThreadPool::Shortage shortage = ThreadPool::Shortage::fail, Interrupt* interrupt = nullptr)
      : kernels(cpu::kernels(cpu::chosen_isa())),
        pool(threads, shortage),
        model(load_model(path, config, compute_type, kernels, pool, interrupt)) {
    if (!drafts_path.empty()) drafts = load_drafts(drafts_path, config.vocab_size);
  }

  const cpu::Kernels& kernels;
  ThreadPool pool;
  std::unique_ptr<const ReplyModel> model;
  DraftTable drafts;  // likely continuations of replies; may be empty
};

}  // namespace mime_fast

#pragma once

#include <cmath>
#include <cstdint>

#include "mime_fast/select_tokens.h"
#include "sampling/device.h"

// Draws a token from a row without sorting it, by radix selection, as a GPU does. The weights of
// words are integers, whose sum is equal in any order. So the threads of a block may add
// concurrently, and a seed repeats its reply.
namespace mime_fast {

constexpr int kRadixBits = 8;
constexpr int kRadix = 1 << kRadixBits;

// Shared by the threads of a row.
struct SelectWorkspace {
  std::uint64_t histogram[kRadix];
  std::uint64_t sum;
  SortKey key;
};

// The word, from the best one down, at which the sum of weights exceeds a target.
struct Crossing {
  SortKey key;
  std::uint64_t before;  // the sum of all better words
};

// weight  // (logit, key) -> the integer weight of a word
template <typename Threads, typename Weight>
MIME_FAST_DEVICE std::uint64_t sum_weights(const Threads& threads, const float* row,
                                           std::int64_t vocab, const Weight& weight,
                                           SelectWorkspace& work) {
  threads.wait();
  if (threads.index() == 0) work.sum = 0;
  threads.wait();
  std::uint64_t own = 0;
  for (std::int64_t id = threads.index(); id < vocab; id += threads.count()) {
    own += weight(row[id], sort_key_of(row[id], id));
  }
  if (own != 0) Threads::add(work.sum, own);
  threads.wait();
  return work.sum;
}

// weight  // as in sum_weights; the sum is greater than the target
template <typename Threads, typename Weight>
MIME_FAST_DEVICE Crossing find_crossing(const Threads& threads, const float* row,
                                        std::int64_t vocab, const Weight& weight,
                                        std::uint64_t target, SelectWorkspace& work) {
  Crossing found{0, 0};
  // The key is found radix digit by radix digit, from the highest on.
  for (int shift = 64 - kRadixBits; shift >= 0; shift -= kRadixBits) {
    threads.wait();
    for (std::int64_t i = threads.index(); i < kRadix; i += threads.count()) work.histogram[i] = 0;
    threads.wait();
    for (std::int64_t id = threads.index(); id < vocab; id += threads.count()) {
      const SortKey key = sort_key_of(row[id], id);
      const SortKey known = shift + kRadixBits < 64 ? key >> (shift + kRadixBits) : 0;
      if (known != found.key) continue;
      const std::uint64_t own = weight(row[id], key);
      if (own != 0) Threads::add(work.histogram[key >> shift & (kRadix - 1)], own);
    }
    threads.wait();
    if (threads.index() == 0) {
      std::uint64_t before = found.before;
      int digit = kRadix - 1;
      for (; digit > 0 && before + work.histogram[digit] <= target; --digit) {
        before += work.histogram[digit];
      }
      work.key = found.key << kRadixBits | static_cast<SortKey>(digit);
      work.sum = before;
    }
    threads.wait();
    found = {work.key, work.sum};
  }
  return found;
}

// Returns the key of the word of rank k, counted from 0.
template <typename Threads>
MIME_FAST_DEVICE SortKey find_rank(const Threads& threads, const float* row, std::int64_t vocab,
                                   std::int64_t k, SelectWorkspace& work) {
  const auto one = [](float, SortKey) { return std::uint64_t{1}; };
  return find_crossing(threads, row, vocab, one, static_cast<std::uint64_t>(k), work).key;
}

// Returns the bits of the best word's weight, 2^bits; the sum of all weights fits into 63 bits.
MIME_FAST_DEVICE inline int weight_bits(std::int64_t vocab) {
  int bits = 62;
  for (; vocab > 1; vocab = (vocab + 1) / 2) --bits;
  return bits < 52 ? bits : 52;
}

// Draws the token of a checked row, as mime_fast/select_tokens.h describes. Weights are rounded to
// 2^-47 of the best one's (23,700 words). That changes the token only where the uniform lies that
// close to the boundary of two words.
//   max  // the largest logit, finite
template <typename Threads>
MIME_FAST_DEVICE std::int64_t select_token(const Threads& threads, const float* row,
                                           std::int64_t vocab, double max, double uniform,
                                           const SamplingOptions& options, SelectWorkspace& work) {
  const double unit = ldexp(1.0, weight_bits(vocab));
  const auto share = [&](float logit) { return exp((double{logit} - max) / options.temperature); };

  SortKey least = 0;  // of the words that top_k and top_p keep
  if (options.top_k > 0 && options.top_k < vocab) {
    least = find_rank(threads, row, vocab, options.top_k - 1, work);
  }
  const auto kept = [&](float logit, SortKey key) {
    return key < least ? 0 : static_cast<std::uint64_t>(share(logit) * unit + 0.5);
  };
  if (options.top_p < 1) {
    const auto total = static_cast<double>(sum_weights(threads, row, vocab, kept, work));
    // The subtraction is of integers: beyond 2^53 a double cannot represent it.
    const auto bound = static_cast<std::uint64_t>(ceil(options.top_p * total));
    least = find_crossing(threads, row, vocab, kept, bound > 0 ? bound - 1 : 0, work).key;
  }
  const auto possible = [&](float logit, SortKey key) {
    return share(logit) < options.min_p ? 0 : kept(logit, key);
  };
  const std::uint64_t total = sum_weights(threads, row, vocab, possible, work);
  const auto drawn = static_cast<std::uint64_t>(uniform * static_cast<double>(total));
  const std::uint64_t target = drawn < total ? drawn : total - 1;
  return id_of(find_crossing(threads, row, vocab, possible, target, work).key);
}

}  // namespace mime_fast

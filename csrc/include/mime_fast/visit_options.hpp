// The names of options, for options.hpp.
#ifndef MIME_FAST_VISIT_OPTIONS_HPP
#define MIME_FAST_VISIT_OPTIONS_HPP

namespace mime_fast::detail {

// Calls visit(name, option, other) for the options of sampling of two structs with these fields.
template <typename Options, typename Others, typename Visit>
void visit_sampling(Options& options, Others& others, Visit&& visit) {
  visit("temperature", options.temperature, others.temperature);
  visit("top_k", options.top_k, others.top_k);
  visit("top_p", options.top_p, others.top_p);
  visit("min_p", options.min_p, others.min_p);
  visit("mbr_samples", options.mbr_samples, others.mbr_samples);
  visit("best_of", options.best_of, others.best_of);
}

// The same for all options that are a number or a flag.
template <typename Options, typename Others, typename Visit>
void visit_numbers(Options& options, Others& others, Visit&& visit) {
  visit("max_new_tokens", options.max_new_tokens, others.max_new_tokens);
  visit("min_new_tokens", options.min_new_tokens, others.min_new_tokens);
  visit("num_beams", options.num_beams, others.num_beams);
  visit("length_penalty", options.length_penalty, others.length_penalty);
  visit("do_sample", options.do_sample, others.do_sample);
  visit_sampling(options, others, visit);
  visit("repetition_penalty", options.repetition_penalty, others.repetition_penalty);
  visit("no_repeat_ngram_size", options.no_repeat_ngram_size, others.no_repeat_ngram_size);
  visit("num_return_sequences", options.num_return_sequences, others.num_return_sequences);
  visit("return_scores", options.return_scores, others.return_scores);
  visit("logprobs", options.logprobs, others.logprobs);
  visit("speculation", options.speculation, others.speculation);
  visit("stochastic_emotion", options.stochastic_emotion, others.stochastic_emotion);
  visit("avoid_cheer", options.avoid_cheer, others.avoid_cheer);
}

}  // namespace mime_fast::detail

#endif

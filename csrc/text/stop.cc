#include "text/stop.h"

#include <algorithm>
#include <utility>

#include "search/special.h"

namespace mime_fast {
namespace {

std::size_t longest_of(const StopStrings& stop) {
  std::size_t longest = 0;
  for (const std::string& each : stop) longest = std::max(longest, each.size());
  return longest;
}

// The length of the longest end of the text that a stop string begins with.
std::size_t unclear(std::string_view text, const StopStrings& stop) {
  const std::size_t longest = longest_of(stop);
  const std::size_t begin = text.size() + 1 > longest ? text.size() + 1 - longest : 0;
  for (std::size_t at = begin; at < text.size(); ++at) {
    for (const std::string& each : stop) {
      if (each.starts_with(text.substr(at))) return text.size() - at;
    }
  }
  return 0;
}

}  // namespace

std::size_t find_stop(std::string_view text, const StopStrings& stop) {
  std::size_t first = std::string_view::npos;
  for (const std::string& each : stop) first = std::min(first, text.find(each));
  return first;
}

std::string ReplyText::push(const TokenIds& tokens) {
  std::string piece;
  for (const std::int32_t token : tokens) {
    if (token != kEos) piece += detokenizer_.push(words_->word(token));
  }
  return show(piece);
}

std::string ReplyText::finish() {
  const std::string shown = show(detokenizer_.finish());
  return stopped_ ? shown : shown + std::exchange(held_, "");
}

std::string ReplyText::show(const std::string& piece) {
  if (stopped_) return "";
  std::string text = held_ + piece;
  const std::size_t place = find_stop(text, *stop_);
  stopped_ = place != std::string::npos;
  const std::size_t end = stopped_ ? place : text.size() - unclear(text, *stop_);
  held_ = text.substr(end);
  text.resize(end);
  return text;
}

TextStop::TextStop(const ReplyWords& words, StopStrings stop)
    : words_(words), stop_(std::move(stop)), longest_(longest_of(stop_)) {}

std::size_t TextStop::Hash::operator()(const TokenIds& tokens) const {
  std::size_t hash = tokens.size();
  for (const std::int32_t token : tokens) {
    hash = (hash ^ static_cast<std::size_t>(token)) * 0x100000001b3;  // FNV
  }
  return hash;
}

bool TextStop::ends(const TokenIds& tokens) const {
  TokenIds prefix = tokens;
  auto found = known_.find(prefix);
  while (found == known_.end() && !prefix.empty()) {
    prefix.pop_back();
    found = known_.find(prefix);
  }
  Progress progress =
      found == known_.end() ? Progress{words_.detokenizer(), "", false} : found->second;
  for (std::size_t i = prefix.size(); i < tokens.size(); ++i) {
    progress = after(std::move(progress), tokens[i]);
  }
  if (known_.size() >= kMostCached) known_.clear();
  const bool stopped = progress.stopped;
  known_.insert_or_assign(tokens, std::move(progress));
  return stopped;
}

TextStop::Progress TextStop::after(Progress progress, std::int32_t token) const {
  const std::string text = progress.end + progress.detokenizer.push(words_.word(token));
  progress.stopped = progress.stopped || find_stop(text, stop_) != std::string::npos;
  progress.end = text.size() < longest_ ? text : text.substr(text.size() + 1 - longest_);
  return progress;
}

}  // namespace mime_fast

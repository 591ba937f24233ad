#include "service/admission.h"

#include <algorithm>
#include <string>
#include <utility>

namespace mime_fast {

void Admission::add(Entry& entry) {
  const std::int64_t rows = entry->request.rows();
  const bool starts =
      waiting_.empty() && running_ < limits_.running && DecodingSession::fits(rows, rows_);
  if (!starts && waiting_.size() >= limits_.waiting) {
    throw QueueFull(std::to_string(running_) + " requests run and " +
                    std::to_string(waiting_.size()) +
                    " wait, as many as may; try again later, or raise max_waiting");
  }
  if (entry->request.start_by) next_expiry_ = std::min(next_expiry_, *entry->request.start_by);
  const Ticket ticket = entry->ticket;
  waiting_.emplace(ticket, std::move(entry));
  admit_waiting();
}

void Admission::admit_waiting() {
  while (!waiting_.empty() && running_ < limits_.running &&
         DecodingSession::fits(waiting_.begin()->second->request.rows(), rows_)) {
    ++running_;
    rows_ += waiting_.begin()->second->request.rows();
    starting_.insert(waiting_.extract(waiting_.begin()));
  }
}

void Admission::take(Clock::time_point now, std::vector<Entry>& starting,
                     std::vector<Entry>& expired) {
  if (now > next_expiry_) drop_expired(now, expired);
  for (auto& [ticket, entry] : starting_) starting.push_back(std::move(entry));
  starting_.clear();
}

void Admission::drop_expired(Clock::time_point now, std::vector<Entry>& expired) {
  next_expiry_ = Clock::time_point::max();
  std::vector<Ticket> late;
  for (const auto* entries : {&starting_, &waiting_}) {
    for (const auto& [ticket, entry] : *entries) {
      const Clock::time_point start_by = entry->request.start_by.value_or(Clock::time_point::max());
      if (start_by < now) {
        late.push_back(ticket);
      } else {
        next_expiry_ = std::min(next_expiry_, start_by);
      }
    }
  }
  for (const Ticket ticket : late) expired.push_back(remove(ticket));
}

Admission::Entry Admission::remove(Ticket ticket) {
  if (auto waiting = waiting_.extract(ticket)) {
    admit_waiting();  // it may have been the one whose rows did not fit
    return std::move(waiting.mapped());
  }
  auto starting = starting_.extract(ticket);
  if (!starting) return nullptr;
  end(starting.mapped()->request.rows());
  return std::move(starting.mapped());
}

void Admission::end(std::int64_t rows) {
  --running_;
  rows_ -= rows;
  admit_waiting();
}

}  // namespace mime_fast

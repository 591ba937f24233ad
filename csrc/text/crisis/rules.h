#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "text/crisis/patterns.h"
#include "text/tables.h"

namespace mime_fast {

// A pattern, and what it shows.
struct Rule {
  std::size_t severity = 0;  // 0: the most severe category
  std::string_view category;
  bool is_about_other = false;
  Pattern pattern;
};

// The tables of the crisis finder, ready to be used.
class CrisisRules {
 public:
  static constexpr std::string_view kActUnderWay = "act_under_way";
  static constexpr std::string_view kHarmByOthers = "harm_by_others";

  CrisisRules();

  // Rules whose words a sentence holds, most severe first.
  std::vector<const Rule*> candidates(const Words& present) const;
  // Whether a text holds a word that any rule may begin with.
  bool is_triggered_by(std::string_view plain) const;

  std::vector<std::string> categories;  // most severe first
  Words triggers;
  Words first_person, between, nobody, others, general, imagined, fillers, negators;
  Pattern remote, still, past, recent;
  std::vector<Pattern> fiction, fiction_afterwards;
  std::unique_ptr<const PatternSet> idioms;

 private:
  using Index = std::unordered_map<std::string, std::vector<std::size_t>>;

  void read_rules(PatternReader& reader);
  void read_exceptions(PatternReader& reader);
  void find_triggers();

  std::vector<Rule> rules_;
  Index rules_of_;  // numbers by the words that they may begin with
};

const CrisisRules& crisis_rules();

}  // namespace mime_fast

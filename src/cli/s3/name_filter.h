#pragma once
// --include and --exclude, in the order in which they were given: everything is included until a
// pattern that matches says otherwise, and the last one that matches decides. Patterns are globs of
// the name below the source; * and ? match '/' too, as in the AWS CLI.
//
// A plain value; read from any thread. It does not fail.

#include <string>
#include <vector>

namespace weir::cli {

class NameFilter {
  public:
    void include(std::string pattern) { rules_.push_back({std::move(pattern), true}); }
    void exclude(std::string pattern) { rules_.push_back({std::move(pattern), false}); }

    bool includes(const std::string& name) const;
    bool empty() const { return rules_.empty(); }

  private:
    struct Rule {
        std::string pattern;
        bool include = false;
    };
    std::vector<Rule> rules_;
};

}  // namespace weir::cli

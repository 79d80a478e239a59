#pragma once
// A command that goes on in the background: the parent waits until the child has said how its
// beginning went, prints that, and ends with the exit code that says so.
//
// detach() is called before there is any other thread. Owned by the child; one thread. Failure:
// unavailable where there is no process to be had.

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace weir::cli {

struct Detached;

class Daemon {
  public:
    // Twice: in the child with a Daemon; in the parent, once the child has said something or has
    // ended, with the exit code.
    static Result<Detached> detach();

    Daemon(Daemon&& other) noexcept : to_parent_(std::exchange(other.to_parent_, -1)) {}
    Daemon& operator=(Daemon&&) = delete;
    ~Daemon();

    // It went well: the parent ends with 0, and the terminal is let go. False if nobody waits for
    // it any more, as when the command was interrupted.
    bool succeeded();
    // The parent prints the sentence and ends with the code, which is not 0.
    void failed(std::string_view sentence, int code);

  private:
    explicit Daemon(int to_parent) : to_parent_(to_parent) {}
    bool tell(int code, std::string_view sentence);

    int to_parent_;
};

struct Detached {
    std::optional<Daemon> child = {};
    int exit_code = 0;
};

}  // namespace weir::cli

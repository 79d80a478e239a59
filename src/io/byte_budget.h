#pragma once
// Bytes of memory that something may take, all together: whoever wants to hold more takes a share
// first, and is refused where too little is left.
//
// Owned by main(), outlives its shares; safe from any thread. A share belongs to one holder.

#include <atomic>
#include <cstddef>
#include <utility>

#include "base/result.h"

namespace weir::io {

class ByteBudget {
  public:
    explicit ByteBudget(std::size_t bytes_max) : bytes_max_(bytes_max) {}

    // Bytes that are held, given back when it goes.
    class Share {
      public:
        Share() = default;
        ~Share() { reset(); }
        Share(Share&& other) noexcept { *this = std::move(other); }
        Share& operator=(Share&& other) noexcept {
            reset();
            budget_ = std::exchange(other.budget_, nullptr);
            bytes_ = std::exchange(other.bytes_, 0);
            return *this;
        }

        // slow_down if the budget has too little left; the share stays as it was.
        Result<void> grow_to(std::size_t bytes) {
            if (bytes <= bytes_) return {};
            if (!budget_->take(bytes - bytes_)) return fail(Code::slow_down);
            bytes_ = bytes;
            return {};
        }
        // For what cannot be refused any more: past the bound, too.
        void grow_anyway_to(std::size_t bytes) {
            if (bytes <= bytes_) return;
            budget_->used_ += bytes - bytes_;
            bytes_ = bytes;
        }
        void reset() {
            if (budget_ != nullptr) std::exchange(budget_, nullptr)->used_ -= bytes_;
            bytes_ = 0;
        }

      private:
        friend class ByteBudget;
        explicit Share(ByteBudget* budget) : budget_(budget) {}

        ByteBudget* budget_ = nullptr;
        std::size_t bytes_ = 0;
    };

    // Of no bytes yet.
    Share share() { return Share(this); }

    std::size_t in_use() const { return used_.load(); }

  private:
    bool take(std::size_t bytes) {
        std::size_t used = used_.load();
        do {
            if (used > bytes_max_ || bytes > bytes_max_ - used) return false;
        } while (!used_.compare_exchange_weak(used, used + bytes));
        return true;
    }

    const std::size_t bytes_max_;
    std::atomic<std::size_t> used_ = 0;
};

}  // namespace weir::io

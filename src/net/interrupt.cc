#include "net/interrupt.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/check.h"

namespace weir::net {

// Without a descriptor, when the process has no more, poll() passes it over: who waits then notices
// later, but does.
Interrupt::Interrupt(const Interrupt* parent)
    : parent_(parent), descriptor_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

Interrupt::~Interrupt() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

void Interrupt::interrupt() {
    interrupted_.store(true);
    if (descriptor_ >= 0) ::eventfd_write(descriptor_, 1);
}

bool Interrupt::interrupted() const {
    return interrupted_.load() || (parent_ != nullptr && parent_->interrupted());
}

bool interrupted(const Interrupts& interrupts) {
    return std::ranges::any_of(interrupts, [](const Interrupt* interrupt) {
        return interrupt != nullptr && interrupt->interrupted();
    });
}

bool sleep_unless(const Interrupts& interrupts, std::chrono::milliseconds duration) {
    std::array<pollfd, interrupts_max> waits;
    nfds_t count = 0;
    for (const Interrupt* root : interrupts)
        for (const Interrupt* at = root; at != nullptr; at = at->parent()) {
            CHECK(count < waits.size());
            waits[count++] = {.fd = at->descriptor(), .events = POLLIN, .revents = 0};
        }
    const auto end = std::chrono::steady_clock::now() + duration;
    while (!interrupted(interrupts)) {
        const auto left =
            std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
        if (left.count() <= 0) return true;
        CHECK(::poll(waits.data(), count, static_cast<int>(left.count())) >= 0 || errno == EINTR);
    }
    return false;
}

}  // namespace weir::net

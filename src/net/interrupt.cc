#include "net/interrupt.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/check.h"

namespace weir::net {

Interrupt::Interrupt(const Interrupt* parent)
    : parent_(parent), descriptor_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    CHECK(descriptor_ >= 0);
}

Interrupt::~Interrupt() { ::close(descriptor_); }

void Interrupt::interrupt() {
    interrupted_.store(true);
    CHECK(::eventfd_write(descriptor_, 1) == 0);
}

bool Interrupt::interrupted() const {
    return interrupted_.load() || (parent_ != nullptr && parent_->interrupted());
}

bool Interrupt::sleep_for(std::chrono::milliseconds duration) const {
    std::array<pollfd, interrupt_depth_max> waits;
    nfds_t count = 0;
    for (const Interrupt* at = this; at != nullptr; at = at->parent()) {
        CHECK(count < waits.size());
        waits[count++] = {.fd = at->descriptor(), .events = POLLIN, .revents = 0};
    }
    const auto end = std::chrono::steady_clock::now() + duration;
    while (!interrupted()) {
        const auto left =
            std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
        if (left.count() <= 0) return true;
        CHECK(::poll(waits.data(), count, static_cast<int>(left.count())) >= 0 || errno == EINTR);
    }
    return false;
}

}  // namespace weir::net

#include "mount/requests.h"

#include <utility>

namespace weir::mount {
namespace {

constexpr std::size_t idle_max = 64;

void interrupted(fuse_req_t, void* data) { static_cast<net::Interrupt*>(data)->interrupt(); }

}  // namespace

std::unique_ptr<net::Interrupt> Interrupts::take() {
    {
        const MutexLock lock(mutex_);
        if (!idle_.empty()) {
            auto interrupt = std::move(idle_.back());
            idle_.pop_back();
            return interrupt;
        }
    }
    return std::make_unique<net::Interrupt>(&all_);
}

void Interrupts::give_back(std::unique_ptr<net::Interrupt> interrupt) {
    if (interrupt->interrupted()) return;
    const MutexLock lock(mutex_);
    if (idle_.size() < idle_max) idle_.push_back(std::move(interrupt));
}

Answering::Answering(Interrupts& interrupts, fuse_req_t request)
    : interrupts_(interrupts), request_(request), interrupt_(interrupts.take()) {
    fuse_req_interrupt_func(request_, interrupted, interrupt_.get());
}

void Answering::done() {
    if (request_ != nullptr)
        fuse_req_interrupt_func(std::exchange(request_, nullptr), nullptr, nullptr);
}

Answering::~Answering() {
    done();
    interrupts_.give_back(std::move(interrupt_));
}

}  // namespace weir::mount

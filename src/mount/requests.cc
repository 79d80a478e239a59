#include "mount/requests.h"

#include <algorithm>
#include <chrono>
#include <system_error>
#include <utility>

#include "mount/killed.h"

namespace weir::mount {
namespace {

constexpr std::size_t idle_max = 64;
constexpr std::chrono::milliseconds look_every{100};

}  // namespace

Interrupts::~Interrupts() {
    std::thread looking;
    {
        const MutexLock lock(mutex_);
        ending_ = true;
        looking = std::move(looking_);
        changed_.notify_all();
    }
    if (looking.joinable()) looking.join();
}

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

void Interrupts::watch(pid_t waiter, net::Interrupt& interrupt) {
    const MutexLock lock(mutex_);
    watched_.push_back({.waiter = waiter, .interrupt = &interrupt});
    changed_.notify_all();
    if (looking_.joinable()) return;
    try {
        looking_ = std::thread([this] { look(); });
    } catch (const std::system_error&) {
        // The next one tries again.
    }
}

void Interrupts::unwatch(const net::Interrupt& interrupt) {
    const MutexLock lock(mutex_);
    std::erase_if(watched_, [&](const Watched& each) { return each.interrupt == &interrupt; });
}

void Interrupts::look() {
    const MutexLock lock(mutex_);
    while (!ending_) {
        std::erase_if(watched_, [](const Watched& each) {
            if (!is_killed(each.waiter)) return false;
            each.interrupt->interrupt();
            return true;
        });
        if (watched_.empty())
            changed_.wait(mutex_);
        else
            changed_.wait_for(mutex_, look_every);
    }
}

Answering::Answering(Interrupts& interrupts, fuse_req_t request)
    : interrupts_(interrupts), request_(request), interrupt_(interrupts.take()) {
    fuse_req_interrupt_func(request_, interrupted, this);
}

// libfuse calls it under a lock of the request's, so never after done().
void Answering::interrupted(fuse_req_t request, void* data) {
    auto& answering = *static_cast<Answering*>(data);
    answering.signalled_ = true;
    answering.interrupts_.watch(fuse_req_ctx(request)->pid, *answering.interrupt_);
}

void Answering::done() {
    if (request_ == nullptr) return;
    fuse_req_interrupt_func(std::exchange(request_, nullptr), nullptr, nullptr);
    if (signalled_) interrupts_.unwatch(*interrupt_);
}

Answering::~Answering() {
    done();
    interrupts_.give_back(std::move(interrupt_));
}

}  // namespace weir::mount

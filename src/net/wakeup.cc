#include "net/wakeup.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>

namespace weir::net {

std::shared_ptr<Wakeup> Wakeup::make(const Executor& executor) {
    return std::shared_ptr<Wakeup>(new Wakeup(executor));
}

void Wakeup::announce() {
    // Whoever announced before has posted, and nobody has waited since.
    if (announced_.exchange(true)) return;
    boost::asio::post(executor_, [self = shared_from_this()] { self->timer_.cancel(); });
}

Task<bool> Wakeup::wait(std::chrono::steady_clock::time_point until) {
    constexpr auto as_tuple = boost::asio::as_tuple(use_task);
    while (!announced_.exchange(false)) {
        if (std::chrono::steady_clock::now() >= until) co_return false;
        timer_.expires_at(until);
        // An announcement that an earlier wait has seen may still cancel this one: then once more.
        co_await timer_.async_wait(as_tuple);
    }
    co_return true;
}

}  // namespace weir::net

#pragma once
// Task<T>: a coroutine on a network core. Only net, http, s3/server and server may contain one.
// Name aggregates and owning lambdas before a co_await expression uses them, and capture nothing in
// a lambda that is itself a coroutine.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace weir::net {

using Executor = boost::asio::io_context::executor_type;

template <typename T>
using Task = boost::asio::awaitable<T, Executor>;

inline constexpr boost::asio::use_awaitable_t<Executor> use_task{};

}  // namespace weir::net

#pragma once
// Result<T>: the value, or the Error that explains its absence. Whatever can fail in operation
// returns one; exceptions are for bugs and foreign code, and CHECK (check.h) for what must hold.
//
//     TRY(const ObjectRecord record, read_head(bucket, key));   // returns the error to the caller
//     TRY_VOID(writer.sync());
//
// CO_TRY and CO_TRY_VOID do the same in a coroutine.

#include <expected>
#include <utility>

#include "base/error.h"

namespace weir {

template <typename T>
using Result = std::expected<T, Error>;

// `return fail(Code::no_such_key);`
inline std::unexpected<Error> fail(Code code) { return std::unexpected(Error(code)); }
inline std::unexpected<Error> fail(Code code, std::string message) {
    return std::unexpected(Error(code, std::move(message)));
}
inline std::unexpected<Error> fail(Error error) { return std::unexpected(std::move(error)); }

}  // namespace weir

#define WEIR_CONCAT_(a, b) a##b
#define WEIR_CONCAT(a, b) WEIR_CONCAT_(a, b)

#define WEIR_TRY_(result, return_, declaration, ...)        \
    auto result = (__VA_ARGS__);                            \
    if (!result.has_value()) [[unlikely]]                   \
        return_ std::unexpected(std::move(result).error()); \
    declaration = *std::move(result)
#define WEIR_TRY_VOID_(result, return_, ...)                           \
    if (auto result = (__VA_ARGS__); !result.has_value()) [[unlikely]] \
    return_ std::unexpected(std::move(result).error())

#define TRY(declaration, ...) \
    WEIR_TRY_(WEIR_CONCAT(try_, __LINE__), return, declaration, __VA_ARGS__)
#define TRY_VOID(...) WEIR_TRY_VOID_(WEIR_CONCAT(try_, __LINE__), return, __VA_ARGS__)
#define CO_TRY(declaration, ...) \
    WEIR_TRY_(WEIR_CONCAT(try_, __LINE__), co_return, declaration, __VA_ARGS__)
#define CO_TRY_VOID(...) WEIR_TRY_VOID_(WEIR_CONCAT(try_, __LINE__), co_return, __VA_ARGS__)

#pragma once
// StrongType<struct SomeTag, std::string>: a value that cannot be passed where another kind of the
// same representation is meant. Construct it explicitly; read it with value().

#include <compare>
#include <cstddef>
#include <functional>
#include <utility>

namespace weir {

template <typename Tag, typename Value>
class StrongType {
  public:
    StrongType() = default;
    explicit StrongType(Value value) : value_(std::move(value)) {}

    const Value& value() const& { return value_; }
    Value value() && { return std::move(value_); }

    friend bool operator==(const StrongType&, const StrongType&) = default;
    friend auto operator<=>(const StrongType&, const StrongType&) = default;

  private:
    Value value_{};
};

}  // namespace weir

template <typename Tag, typename Value>
struct std::hash<weir::StrongType<Tag, Value>> {
    std::size_t operator()(const weir::StrongType<Tag, Value>& strong) const {
        return std::hash<Value>()(strong.value());
    }
};

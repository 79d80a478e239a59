// Does the compiler destroy each temporary of a co_await expression once? g++ 12 destroys an
// aggregate temporary twice (https://gcc.gnu.org/bugzilla/show_bug.cgi?id=99576). Exit code: 0
// once, 1 not.

#include <coroutine>

namespace {

int alive = 0;

struct Counted {
    Counted() { ++alive; }
    Counted(const Counted&) { ++alive; }
    Counted(Counted&&) noexcept { ++alive; }
    ~Counted() { --alive; }
};

struct Aggregate {
    Counted counted;
};

struct Task {
    struct promise_type {
        Task get_return_object() { return {}; }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() {}
        void unhandled_exception() {}
    };
};

std::suspend_never take(Aggregate) { return {}; }

template <typename Call>
std::suspend_never call(Call made) {
    made();
    return {};
}

Task run() {
    co_await take(Aggregate{});
    Counted captured;
    co_await call([captured] {});
}

}  // namespace

int main() {
    run();
    return alive == 0 ? 0 : 1;
}

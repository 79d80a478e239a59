#include "mount/questions.h"

#include <chrono>
#include <optional>

namespace weir::mount {
struct Questions::Asking {
    bool done = false;
    // None where who asked was interrupted, or nobody wanted to know it yet.
    std::optional<Result<void>> answer = {};
};

Result<void> Questions::ask(const Question& question, const client::Call& call,
                            const std::function<Result<void>()>& ask) {
    std::shared_ptr<Asking> asking;
    {
        const MutexLock lock(mutex_);
        while (true) {
            const auto found = asking_.find(question.about);
            if (found == asking_.end()) break;
            if (question.ahead) return {};
            asking = found->second;
            while (!asking->done) {
                if (call.interrupted()) return fail(Code::cancelled);
                answered_.wait_for(mutex_, interrupt_poll);
            }
            if (asking->answer) return *asking->answer;
        }
        asking = std::make_shared<Asking>();
        asking_[question.about] = asking;
    }
    const Result<void> result = ask();
    const MutexLock lock(mutex_);
    const bool counts = result || !(question.ahead || result.error().code() == Code::cancelled);
    if (counts) asking->answer = result;
    asking->done = true;
    const auto found = asking_.find(question.about);
    if (found != asking_.end() && found->second == asking) asking_.erase(found);
    answered_.notify_all();
    return result;
}

}  // namespace weir::mount

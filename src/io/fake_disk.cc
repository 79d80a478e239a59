#include "io/fake_disk.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <utility>

#include "base/check.h"
#include "base/mutex.h"

namespace weir::io {
namespace {

constexpr std::uint64_t page_bytes = FakeDisk::page_bytes;

std::uint64_t pages_of(std::uint64_t bytes) { return (bytes + page_bytes - 1) / page_bytes; }

// A file or a directory: as the system shows it, and as the platter holds it. Dirty is what the
// next successful sync makes durable.
struct Node {
    explicit Node(bool directory) : is_directory(directory) {}

    const bool is_directory;

    std::string live, durable;
    std::set<std::uint64_t> dirty_pages, allocated_pages;

    std::map<std::string, std::shared_ptr<Node>> names, durable_names;
    std::set<std::string> dirty_names;

    void resize(std::uint64_t size_bytes);
    void write(std::uint64_t offset, std::span<const std::byte> bytes);
    void punch(std::uint64_t offset, std::uint64_t length);
    void sync_file();
    void sync_names();
    void mark_dirty(std::uint64_t offset, std::uint64_t length);
    void settle(bool keeps_some, std::mt19937_64& random);
    void set_name(const std::string& name, std::shared_ptr<Node> node);
    void erase_name(const std::string& name);
};

void Node::mark_dirty(std::uint64_t offset, std::uint64_t length) {
    for (std::uint64_t page = offset / page_bytes; page < pages_of(offset + length); ++page) {
        dirty_pages.insert(page);
        allocated_pages.insert(page);
    }
}

void Node::resize(std::uint64_t size_bytes) {
    const std::uint64_t before = live.size();
    live.resize(size_bytes);
    // The page that the end lies in is zero behind it, on the platter too once it is synced.
    if (before != size_bytes && std::min(before, size_bytes) % page_bytes != 0)
        mark_dirty(std::min(before, size_bytes), 1);
    allocated_pages.erase(allocated_pages.lower_bound(pages_of(size_bytes)), allocated_pages.end());
}

void Node::write(std::uint64_t offset, std::span<const std::byte> bytes) {
    if (bytes.empty()) return;
    if (live.size() < offset + bytes.size()) live.resize(offset + bytes.size());
    std::ranges::copy(bytes, std::as_writable_bytes(std::span(live)).begin() +
                                 static_cast<std::ptrdiff_t>(offset));
    mark_dirty(offset, bytes.size());
}

void Node::punch(std::uint64_t offset, std::uint64_t length) {
    const std::uint64_t end = std::min<std::uint64_t>(offset + length, live.size());
    if (offset >= end) return;
    std::fill(live.begin() + static_cast<std::ptrdiff_t>(offset),
              live.begin() + static_cast<std::ptrdiff_t>(end), '\0');
    mark_dirty(offset, end - offset);
    const std::uint64_t whole_end = end == live.size() ? pages_of(end) : end / page_bytes;
    for (std::uint64_t page = pages_of(offset); page < whole_end; ++page)
        allocated_pages.erase(page);
}

void Node::sync_file() {
    durable.resize(live.size());
    for (const std::uint64_t page : dirty_pages) {
        if (page * page_bytes >= live.size()) continue;
        durable.replace(page * page_bytes, page_bytes, live, page * page_bytes, page_bytes);
    }
    dirty_pages.clear();
}

void Node::sync_names() {
    for (const std::string& name : dirty_names) {
        if (const auto found = names.find(name); found != names.end()) {
            durable_names[name] = found->second;
        } else {
            durable_names.erase(name);
        }
    }
    dirty_names.clear();
}

void Node::set_name(const std::string& name, std::shared_ptr<Node> node) {
    names[name] = std::move(node);
    dirty_names.insert(name);
}

void Node::erase_name(const std::string& name) {
    names.erase(name);
    dirty_names.insert(name);
}

// What a power cut leaves of this node.
void Node::settle(bool keeps_some, std::mt19937_64& random) {
    const auto survives = [&] { return keeps_some && random() % 2 == 0; };
    std::string kept = durable;
    if (survives()) kept.resize(live.size());
    for (std::uint64_t page = 0; page < pages_of(kept.size()); ++page) {
        const std::uint64_t at = page * page_bytes;
        const std::uint64_t length = std::min<std::uint64_t>(page_bytes, kept.size() - at);
        if (!survives()) continue;
        std::string bytes = at < live.size() ? live.substr(at, length) : std::string();
        bytes.resize(length);
        kept.replace(at, length, bytes);
    }
    live = durable = std::move(kept);
    dirty_pages.clear();
    allocated_pages.clear();
    for (std::uint64_t page = 0; page < pages_of(live.size()); ++page) allocated_pages.insert(page);

    std::set<std::string> all;
    for (const auto& [name, node] : names) all.insert(name);
    for (const auto& [name, node] : durable_names) all.insert(name);
    for (const std::string& name : all) {
        if (!survives()) continue;
        if (const auto found = names.find(name); found != names.end()) {
            durable_names[name] = found->second;
        } else {
            durable_names.erase(name);
        }
    }
    names = durable_names;
    dirty_names.clear();
}

std::pair<std::string, std::string> split(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    CHECK(slash != std::string::npos);
    return {path.substr(0, slash), path.substr(slash + 1)};
}

}  // namespace

struct FakeDisk::State {
    struct Fault {
        std::optional<DiskCall> call;  // nullopt: any
        std::uint64_t in = 0;
        int error_number = 0;
    };

    mutable Mutex mutex;
    std::uint64_t total_bytes GUARDED_BY(mutex) = 0;
    std::shared_ptr<Node> root GUARDED_BY(mutex) = std::make_shared<Node>(true);
    std::set<std::string> locked GUARDED_BY(mutex);
    std::array<std::uint64_t, static_cast<std::size_t>(DiskCall::lock) + 1> calls
        GUARDED_BY(mutex){};
    std::vector<Fault> faults GUARDED_BY(mutex);
    std::optional<std::uint64_t> power_left GUARDED_BY(mutex);  // calls until it is cut
    std::uint64_t crashes GUARDED_BY(mutex) = 0;

    // Counts the call, and fails it if a fault says so.
    Result<void> enter(DiskCall call, const std::string& path) REQUIRES(mutex);
    // nullptr if there is nothing.
    std::shared_ptr<Node> find(const std::string& path) const REQUIRES(mutex);
    Result<std::shared_ptr<Node>> find_parent(const std::string& path) const REQUIRES(mutex);
    std::uint64_t free_bytes() const REQUIRES(mutex);
};

Result<void> FakeDisk::State::enter(DiskCall call, const std::string& path) {
    ++calls[static_cast<std::size_t>(call)];
    if (power_left) {
        if (*power_left <= 1) {
            power_left = 0;
            return weir::fail(errno_error("without power: " + path, EIO));
        }
        --*power_left;
    }
    int error_number = 0;
    std::erase_if(faults, [&](Fault& fault) {
        if ((fault.call && *fault.call != call) || --fault.in > 0) return false;
        error_number = fault.error_number;
        return true;
    });
    if (error_number != 0) return weir::fail(errno_error("injected: " + path, error_number));
    return {};
}

std::shared_ptr<Node> FakeDisk::State::find(const std::string& path) const {
    CHECK(path.starts_with('/'));
    std::shared_ptr<Node> node = root;
    for (std::size_t at = 1; at < path.size();) {
        const std::size_t end = std::min(path.find('/', at), path.size());
        const auto found = node->names.find(path.substr(at, end - at));
        if (found == node->names.end()) return nullptr;
        node = found->second;
        at = end + 1;
    }
    return node;
}

Result<std::shared_ptr<Node>> FakeDisk::State::find_parent(const std::string& path) const {
    std::shared_ptr<Node> parent = find(split(path).first + "/");
    if (parent == nullptr) return weir::fail(errno_error("parent of " + path, ENOENT));
    if (!parent->is_directory) return weir::fail(errno_error("parent of " + path, ENOTDIR));
    return parent;
}

std::uint64_t FakeDisk::State::free_bytes() const {
    std::set<const Node*> seen;
    std::uint64_t used_pages = 0;
    std::vector<const Node*> rest{root.get()};
    while (!rest.empty()) {
        const Node* node = rest.back();
        rest.pop_back();
        if (!seen.insert(node).second) continue;
        used_pages += node->allocated_pages.size();
        for (const auto& [name, child] : node->names) rest.push_back(child.get());
    }
    return total_bytes - std::min(total_bytes, used_pages * page_bytes);
}

namespace {

class FakeFile final : public File {
  public:
    FakeFile(std::shared_ptr<FakeDisk::State> state, std::shared_ptr<Node> node, std::string path,
             std::uint64_t crashes)
        : state_(std::move(state)),
          node_(std::move(node)),
          path_(std::move(path)),
          crashes_(crashes) {}

    Result<void> read_at(std::uint64_t offset, std::span<std::byte> out) const override {
        MutexLock lock(state_->mutex);
        TRY_VOID(enter(DiskCall::read));
        if (offset + out.size() > node_->live.size())
            return fail(Code::corrupt, fmt::format("{} ends at {}", path_, node_->live.size()));
        std::ranges::copy(std::as_bytes(std::span(node_->live)).subspan(offset, out.size()),
                          out.begin());
        return {};
    }

    Result<void> write_at(std::uint64_t offset, std::span<const std::byte> bytes) override {
        MutexLock lock(state_->mutex);
        if (Result<void> entered = enter(DiskCall::write); !entered) {
            if (crashes_ == state_->crashes && !state_->power_left)
                node_->write(offset, bytes.first(bytes.size() / 2));
            return entered;
        }
        TRY_VOID(find_room(offset, bytes.size()));
        node_->write(offset, bytes);
        return {};
    }

    Result<void> sync() override {
        MutexLock lock(state_->mutex);
        if (Result<void> entered = enter(DiskCall::sync); !entered) {
            if (!state_->power_left) node_->dirty_pages.clear();
            return entered;
        }
        node_->sync_file();
        return {};
    }

    Result<void> write_direct_at(std::uint64_t offset, std::span<const std::byte> bytes) override {
        return write_at(offset, bytes);
    }

    Result<void> truncate(std::uint64_t size_bytes) override {
        MutexLock lock(state_->mutex);
        TRY_VOID(enter(DiskCall::truncate));
        node_->resize(size_bytes);
        return {};
    }

    Result<void> reserve(std::uint64_t size_bytes) override {
        MutexLock lock(state_->mutex);
        TRY_VOID(enter(DiskCall::reserve));
        TRY_VOID(find_room(0, size_bytes));
        for (std::uint64_t page = 0; page < pages_of(size_bytes); ++page)
            node_->allocated_pages.insert(page);
        return {};
    }

    Result<void> punch(std::uint64_t offset, std::uint64_t length) override {
        MutexLock lock(state_->mutex);
        TRY_VOID(enter(DiskCall::punch));
        node_->punch(offset, length);
        return {};
    }

    Result<std::uint64_t> size_bytes() const override {
        MutexLock lock(state_->mutex);
        TRY_VOID(enter(DiskCall::size));
        return node_->live.size();
    }

    int descriptor() const override { return -1; }

  private:
    Result<void> enter(DiskCall call) const REQUIRES(state_->mutex) {
        TRY_VOID(state_->enter(call, path_));
        if (crashes_ != state_->crashes)
            return fail(errno_error("opened before the crash: " + path_, EIO));
        return {};
    }

    Result<void> find_room(std::uint64_t offset, std::uint64_t length) const
        REQUIRES(state_->mutex) {
        std::uint64_t missing_pages = 0;
        for (std::uint64_t page = offset / page_bytes; page < pages_of(offset + length); ++page)
            missing_pages += node_->allocated_pages.contains(page) ? 0 : 1;
        if (missing_pages == 0 || missing_pages * page_bytes <= state_->free_bytes()) return {};
        return fail(errno_error("writing " + path_, ENOSPC));
    }

    const std::shared_ptr<FakeDisk::State> state_;
    const std::shared_ptr<Node> node_;
    const std::string path_;
    const std::uint64_t crashes_;
};

class FakeDirectory final : public Directory {
  public:
    FakeDirectory(std::shared_ptr<FakeDisk::State> state, std::shared_ptr<Node> node,
                  std::string path, std::uint64_t crashes)
        : state_(std::move(state)),
          node_(std::move(node)),
          path_(std::move(path)),
          crashes_(crashes) {}

    Result<void> sync() override {
        MutexLock lock(state_->mutex);
        if (Result<void> entered = state_->enter(DiskCall::sync_directory, path_); !entered) {
            if (!state_->power_left) node_->dirty_names.clear();
            return entered;
        }
        if (crashes_ != state_->crashes)
            return fail(errno_error("opened before the crash: " + path_, EIO));
        node_->sync_names();
        return {};
    }

  private:
    const std::shared_ptr<FakeDisk::State> state_;
    const std::shared_ptr<Node> node_;
    const std::string path_;
    const std::uint64_t crashes_;
};

class FakeLock final : public Lock {
  public:
    FakeLock(std::shared_ptr<FakeDisk::State> state, std::string path)
        : state_(std::move(state)), path_(std::move(path)) {}
    ~FakeLock() override {
        MutexLock lock(state_->mutex);
        state_->locked.erase(path_);
    }

  private:
    const std::shared_ptr<FakeDisk::State> state_;
    const std::string path_;
};

}  // namespace

FakeDisk::FakeDisk(std::uint64_t total_bytes) : state_(std::make_shared<State>()) {
    MutexLock lock(state_->mutex);
    state_->total_bytes = total_bytes;
}

void FakeDisk::fail(DiskCall call, std::uint64_t nth, int error_number) {
    MutexLock lock(state_->mutex);
    state_->faults.push_back({.call = call, .in = nth, .error_number = error_number});
}

void FakeDisk::fail_any(std::uint64_t nth, int error_number) {
    MutexLock lock(state_->mutex);
    state_->faults.push_back({.call = std::nullopt, .in = nth, .error_number = error_number});
}

void FakeDisk::cut_power(std::uint64_t nth) {
    MutexLock lock(state_->mutex);
    state_->power_left = nth;
}

void FakeDisk::return_power() {
    MutexLock lock(state_->mutex);
    state_->power_left.reset();
}

void FakeDisk::crash(std::uint64_t seed) {
    MutexLock lock(state_->mutex);
    std::mt19937_64 random(seed);
    std::set<const Node*> settled;
    std::vector<std::shared_ptr<Node>> rest{state_->root};
    while (!rest.empty()) {
        const std::shared_ptr<Node> node = std::move(rest.back());
        rest.pop_back();
        if (!settled.insert(node.get()).second) continue;
        node->settle(seed != 0, random);
        for (const auto& [name, child] : node->names) rest.push_back(child);
    }
    ++state_->crashes;
    state_->locked.clear();
    state_->faults.clear();
    state_->power_left.reset();
}

std::uint64_t FakeDisk::calls() const {
    MutexLock lock(state_->mutex);
    std::uint64_t sum = 0;
    for (const std::uint64_t count : state_->calls) sum += count;
    return sum;
}

std::uint64_t FakeDisk::calls(DiskCall call) const {
    MutexLock lock(state_->mutex);
    return state_->calls[static_cast<std::size_t>(call)];
}

Result<std::unique_ptr<File>> FakeDisk::create(const std::string& path) {
    MutexLock lock(state_->mutex);
    TRY_VOID(state_->enter(DiskCall::create, path));
    TRY(const std::shared_ptr<Node> parent, state_->find_parent(path));
    const std::string name = split(path).second;
    if (parent->names.contains(name)) return weir::fail(errno_error("creating " + path, EEXIST));
    auto node = std::make_shared<Node>(false);
    parent->set_name(name, node);
    return std::make_unique<FakeFile>(state_, std::move(node), path, state_->crashes);
}

Result<std::unique_ptr<File>> FakeDisk::open(const std::string& path) {
    MutexLock lock(state_->mutex);
    TRY_VOID(state_->enter(DiskCall::open, path));
    std::shared_ptr<Node> node = state_->find(path);
    if (node == nullptr) return weir::fail(errno_error("opening " + path, ENOENT));
    if (node->is_directory) return weir::fail(errno_error("opening " + path, EISDIR));
    return std::make_unique<FakeFile>(state_, std::move(node), path, state_->crashes);
}

Result<std::unique_ptr<File>> FakeDisk::open_to_read(const std::string& path) { return open(path); }
Result<std::unique_ptr<File>> FakeDisk::open_to_write(const std::string& path) {
    return open(path);
}

Result<std::unique_ptr<Directory>> FakeDisk::open_directory(const std::string& path) {
    MutexLock lock(state_->mutex);
    TRY_VOID(state_->enter(DiskCall::open_directory, path));
    std::shared_ptr<Node> node = state_->find(path);
    if (node == nullptr) return weir::fail(errno_error("opening directory " + path, ENOENT));
    if (!node->is_directory) return weir::fail(errno_error("opening directory " + path, ENOTDIR));
    return std::make_unique<FakeDirectory>(state_, std::move(node), path, state_->crashes);
}

Result<void> FakeDisk::make_directory(const std::string& path) {
    MutexLock lock(state_->mutex);
    TRY_VOID(state_->enter(DiskCall::make_directory, path));
    TRY(const std::shared_ptr<Node> parent, state_->find_parent(path));
    const std::string name = split(path).second;
    if (!parent->names.contains(name)) parent->set_name(name, std::make_shared<Node>(true));
    return {};
}

Result<void> FakeDisk::remove(const std::string& path) {
    MutexLock lock(state_->mutex);
    TRY_VOID(state_->enter(DiskCall::remove, path));
    const std::shared_ptr<Node> node = state_->find(path);
    if (node == nullptr) return weir::fail(errno_error("removing " + path, ENOENT));
    if (node->is_directory) return weir::fail(errno_error("removing " + path, EISDIR));
    TRY(const std::shared_ptr<Node> parent, state_->find_parent(path));
    parent->erase_name(split(path).second);
    return {};
}

Result<bool> FakeDisk::remove_directory(const std::string& path) {
    MutexLock lock(state_->mutex);
    TRY_VOID(state_->enter(DiskCall::remove_directory, path));
    const std::shared_ptr<Node> node = state_->find(path);
    if (node == nullptr) return weir::fail(errno_error("removing " + path, ENOENT));
    if (!node->is_directory) return weir::fail(errno_error("removing " + path, ENOTDIR));
    if (!node->names.empty()) return false;
    TRY(const std::shared_ptr<Node> parent, state_->find_parent(path));
    parent->erase_name(split(path).second);
    return true;
}

Result<void> FakeDisk::rename(const std::string& from, const std::string& to) {
    MutexLock lock(state_->mutex);
    TRY_VOID(state_->enter(DiskCall::rename, to));
    std::shared_ptr<Node> node = state_->find(from);
    if (node == nullptr) return weir::fail(errno_error("renaming " + from, ENOENT));
    TRY(const std::shared_ptr<Node> from_parent, state_->find_parent(from));
    TRY(const std::shared_ptr<Node> to_parent, state_->find_parent(to));
    CHECK(from_parent == to_parent);
    from_parent->erase_name(split(from).second);
    to_parent->set_name(split(to).second, std::move(node));
    return {};
}

Result<Stat> FakeDisk::stat(const std::string& path) {
    MutexLock lock(state_->mutex);
    TRY_VOID(state_->enter(DiskCall::stat, path));
    const std::shared_ptr<Node> node = state_->find(path);
    if (node == nullptr) return weir::fail(errno_error("stat of " + path, ENOENT));
    return Stat{.size_bytes = node->live.size(),
                .allocated_bytes = node->allocated_pages.size() * page_bytes};
}

Result<std::vector<std::string>> FakeDisk::list(const std::string& path) {
    MutexLock lock(state_->mutex);
    TRY_VOID(state_->enter(DiskCall::list, path));
    const std::shared_ptr<Node> node = state_->find(path);
    if (node == nullptr) return weir::fail(errno_error("listing " + path, ENOENT));
    if (!node->is_directory) return weir::fail(errno_error("listing " + path, ENOTDIR));
    std::vector<std::string> names;
    for (const auto& [name, child] : node->names) names.push_back(name);
    return names;
}

Result<Space> FakeDisk::space(const std::string& path) {
    MutexLock lock(state_->mutex);
    TRY_VOID(state_->enter(DiskCall::space, path));
    return Space{.total_bytes = state_->total_bytes, .free_bytes = state_->free_bytes()};
}

Result<std::unique_ptr<Lock>> FakeDisk::lock(const std::string& path) {
    MutexLock lock(state_->mutex);
    TRY_VOID(state_->enter(DiskCall::lock, path));
    TRY(const std::shared_ptr<Node> parent, state_->find_parent(path));
    const std::string name = split(path).second;
    if (!parent->names.contains(name)) parent->set_name(name, std::make_shared<Node>(false));
    if (!state_->locked.insert(path).second)
        return weir::fail(Code::unavailable, path + " is locked by process 1");
    return std::make_unique<FakeLock>(state_, path);
}

}  // namespace weir::io

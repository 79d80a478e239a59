// Faults under an unmodified weir: a library for LD_PRELOAD that stands between the program (and
// RocksDB in it) and the C library's file calls. What it does is said by rules in a file that the
// test maps too (interposer.py), so that faults come and go while the server runs:
//
//   fail   the call fails with an errno, without being made
//   half   a write writes half of what it was given, once; a read reads half
//   flip   a read's first byte comes back wrong
//   before, after   the whole process stops (SIGSTOP) there, for a power cut at a known place
//
// Behind the rules lie 8 bytes: by how many nanoseconds the server's clock is wrong. Only what asks
// clock_gettime() for CLOCK_REALTIME sees it, which is all of weir and not RocksDB.
//
// It also keeps a record of names: which were made, and which directory was synced when. POSIX lets
// a power cut take every name whose directory was not synced; ext4 and XFS are kinder, so the test
// takes them away itself.
//
// The environment: WEIR_INTERPOSER names the file with the rules, WEIR_INTERPOSER_NAMES the record.

#include <dlfcn.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

// The same numbers in interposer.py.
enum Call : std::uint32_t {
    call_open = 1,    // open() without O_CREAT
    call_create = 2,  // open() with it
    call_read = 4,    // pread, sendfile
    call_write = 8,   // write, pwrite
    call_datasync = 16,
    call_sync = 32,    // fsync
    call_rename = 64,  // by the new name
    call_unlink = 128,
    call_mkdir = 256,
    call_allocate = 512,  // fallocate, ftruncate
};
enum Action : std::uint32_t {
    action_fail = 1,
    action_half,
    action_flip,
    action_before,
    action_after
};

struct Rule {
    std::uint32_t armed;
    std::uint32_t calls;
    std::uint32_t action;
    std::int32_t error;
    std::int32_t skip;   // matching calls that pass first
    std::int32_t times;  // then so many are hit
    std::uint32_t hits;
    char pattern[228];  // fnmatch of the whole path
};
static_assert(sizeof(Rule) == 256);
constexpr int rules_max = 8;

Rule* rules = nullptr;
std::int64_t* skew_nanos = nullptr;
int names = -1;
long names_count = 0;
pthread_mutex_t names_mutex = PTHREAD_MUTEX_INITIALIZER;

template <typename Function>
Function* real(Function*& kept, const char* name) {
    if (kept == nullptr) kept = reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
    return kept;
}
#define REAL(name)                        \
    static decltype(::name)* real_##name; \
    real(real_##name, #name)

[[noreturn]] void give_up(const char* what) {
    std::perror(what);
    std::_Exit(125);
}

__attribute__((constructor)) void map_rules() {
    const char* path = std::getenv("WEIR_INTERPOSER");
    if (path == nullptr) return;
    REAL(open);
    const int fd = real_open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) give_up("WEIR_INTERPOSER");
    void* page = ::mmap(nullptr, sizeof(Rule) * rules_max + sizeof *skew_nanos,
                        PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED) give_up("WEIR_INTERPOSER");
    rules = static_cast<Rule*>(page);
    skew_nanos = reinterpret_cast<std::int64_t*>(rules + rules_max);
    ::close(fd);
    if (const char* record = std::getenv("WEIR_INTERPOSER_NAMES"))
        names = real_open(record, O_WRONLY | O_APPEND | O_CLOEXEC);
}

Rule* match(Call call, const char* path) {
    for (int i = 0; rules != nullptr && i < rules_max; ++i) {
        Rule& rule = rules[i];
        if (__atomic_load_n(&rule.armed, __ATOMIC_ACQUIRE) == 0 || (rule.calls & call) == 0)
            continue;
        if (::fnmatch(rule.pattern, path, 0) != 0) continue;
        if (__atomic_fetch_sub(&rule.skip, 1, __ATOMIC_ACQ_REL) > 0) continue;
        if (__atomic_fetch_sub(&rule.times, 1, __ATOMIC_ACQ_REL) <= 0) continue;
        __atomic_fetch_add(&rule.hits, 1, __ATOMIC_ACQ_REL);
        return &rule;
    }
    return nullptr;
}

bool any_rule(Call call) {
    for (int i = 0; rules != nullptr && i < rules_max; ++i)
        if (__atomic_load_n(&rules[i].armed, __ATOMIC_ACQUIRE) != 0 && (rules[i].calls & call) != 0)
            return true;
    return false;
}

const char* path_of(int fd, char (&path)[PATH_MAX]) {
    char link[64];
    std::snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    const ssize_t length = ::readlink(link, path, sizeof path - 1);
    path[length < 0 ? 0 : length] = '\0';
    return path;
}

Rule* match_fd(Call call, int fd) {
    if (!any_rule(call)) return nullptr;
    char path[PATH_MAX];
    const int error = errno;
    Rule* rule = match(call, path_of(fd, path));
    errno = error;
    return rule;
}

void stop() { ::kill(::getpid(), SIGSTOP); }

// Makes the call, unless the rule has something against it.
template <typename Made>
auto under(Rule* rule, Made made) -> decltype(made()) {
    if (rule == nullptr) return made();
    if (rule->action == action_fail) {
        errno = rule->error;
        return -1;
    }
    if (rule->action == action_before) stop();
    const auto result = made();
    if (rule->action == action_after) stop();
    return result;
}

long next_name() { return names < 0 ? 0 : __atomic_add_fetch(&names_count, 1, __ATOMIC_ACQ_REL); }

// `word NUMBER PATH`, a line in one write.
void record(const char* word, long number, const char* path) {
    if (names < 0) return;
    const int error = errno;
    char line[PATH_MAX + 64];
    const int length = std::snprintf(line, sizeof line, "%s %ld %s\n", word, number, path);
    REAL(write);
    pthread_mutex_lock(&names_mutex);
    if (real_write(names, line, static_cast<std::size_t>(length)) != length)
        give_up("WEIR_INTERPOSER_NAMES");
    pthread_mutex_unlock(&names_mutex);
    errno = error;
}

int open_as(const char* path, int flags, mode_t mode) {
    REAL(open);
    const bool creates = (flags & O_CREAT) != 0;
    struct stat status{};
    const bool fresh = creates && names >= 0 && ::stat(path, &status) != 0;
    const int fd = under(match(creates ? call_create : call_open, path),
                         [&] { return real_open(path, flags, mode); });
    if (fd >= 0 && fresh) record("made", next_name(), path);
    return fd;
}

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return open_as(path, flags, mode);
}

ssize_t pread(int fd, void* out, std::size_t count, off_t offset) {
    REAL(pread);
    Rule* rule = match_fd(call_read, fd);
    if (rule != nullptr && rule->action == action_half) count = (count + 1) / 2;
    const ssize_t n = under(rule, [&] { return real_pread(fd, out, count, offset); });
    if (n > 0 && rule != nullptr && rule->action == action_flip)
        *static_cast<unsigned char*>(out) ^= 1;
    return n;
}

ssize_t write(int fd, const void* bytes, std::size_t count) {
    REAL(write);
    Rule* rule = match_fd(call_write, fd);
    if (rule != nullptr && rule->action == action_half) count = (count + 1) / 2;
    return under(rule, [&] { return real_write(fd, bytes, count); });
}

ssize_t pwrite(int fd, const void* bytes, std::size_t count, off_t offset) {
    REAL(pwrite);
    Rule* rule = match_fd(call_write, fd);
    if (rule != nullptr && rule->action == action_half) count = (count + 1) / 2;
    return under(rule, [&] { return real_pwrite(fd, bytes, count, offset); });
}

ssize_t sendfile(int out, int in, off_t* offset, std::size_t count) {
    static ssize_t (*real_sendfile)(int, int, off_t*, std::size_t);
    real(real_sendfile, "sendfile");
    Rule* rule = match_fd(call_read, in);
    if (rule != nullptr && rule->action == action_half) count = (count + 1) / 2;
    return under(rule, [&] { return real_sendfile(out, in, offset, count); });
}

int clock_gettime(clockid_t clock, timespec* time) {
    REAL(clock_gettime);
    const int result = real_clock_gettime(clock, time);
    if (result != 0 || clock != CLOCK_REALTIME || skew_nanos == nullptr) return result;
    constexpr std::int64_t second = 1'000'000'000;
    const std::int64_t skew = __atomic_load_n(skew_nanos, __ATOMIC_ACQUIRE);
    time->tv_sec += skew / second;
    time->tv_nsec += skew % second;
    if (time->tv_nsec < 0) time->tv_sec -= 1, time->tv_nsec += second;
    if (time->tv_nsec >= second) time->tv_sec += 1, time->tv_nsec -= second;
    return result;
}

int fdatasync(int fd) {
    REAL(fdatasync);
    return under(match_fd(call_datasync, fd), [&] { return real_fdatasync(fd); });
}

int fsync(int fd) {
    REAL(fsync);
    char path[PATH_MAX];
    const long number = next_name();
    const int result = under(match_fd(call_sync, fd), [&] { return real_fsync(fd); });
    if (result == 0 && names >= 0) record("synced", number, path_of(fd, path));
    return result;
}

int rename(const char* from, const char* to) {
    REAL(rename);
    struct stat status{};
    const bool fresh = names >= 0 && ::stat(to, &status) != 0;
    const int result = under(match(call_rename, to), [&] { return real_rename(from, to); });
    if (result == 0) record("gone", next_name(), from);
    if (result == 0 && fresh) record("made", next_name(), to);
    return result;
}

int unlink(const char* path) {
    REAL(unlink);
    const int result = under(match(call_unlink, path), [&] { return real_unlink(path); });
    if (result == 0) record("gone", next_name(), path);
    return result;
}

int mkdir(const char* path, mode_t mode) {
    REAL(mkdir);
    const int result = under(match(call_mkdir, path), [&] { return real_mkdir(path, mode); });
    if (result == 0) record("made", next_name(), path);
    return result;
}

int fallocate(int fd, int mode, off_t offset, off_t length) {
    REAL(fallocate);
    return under(match_fd(call_allocate, fd),
                 [&] { return real_fallocate(fd, mode, offset, length); });
}

int ftruncate(int fd, off_t length) {
    REAL(ftruncate);
    return under(match_fd(call_allocate, fd), [&] { return real_ftruncate(fd, length); });
}

}  // extern "C"

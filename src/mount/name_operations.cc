// Replies about names and attributes.

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <deque>
#include <memory>
#include <vector>

#include "mount/errno.h"
#include "mount/operations.h"

namespace weir::mount {

// A folder that is being read: where the names of the last reply ended.
struct OpenFolder {
    Mutex mutex;
    // Under the mutex: the last places that were given out, and how many were before them. The
    // kernel asks for what follows the last of them, or (seekdir) another one. Who reads again from
    // an older one is told the same positions, up to where the folder is another by then.
    std::deque<std::string> places = {};
    std::size_t forgotten = 0;
    FolderReading reading = {};
};

OpenFolders::OpenFolders() = default;
OpenFolders::~OpenFolders() = default;

OpenFolder& OpenFolders::open() {
    auto folder = std::make_unique<OpenFolder>();
    OpenFolder& opened = *folder;
    const MutexLock lock(mutex_);
    folders_.emplace(&opened, std::move(folder));
    return opened;
}

void OpenFolders::close(OpenFolder& folder) {
    const MutexLock lock(mutex_);
    folders_.erase(&folder);
}

namespace {

double seconds(std::chrono::milliseconds time) {
    return std::chrono::duration<double>(time).count();
}

void lookup(fuse_req_t request, fuse_ino_t folder, const char* name) {
    Answers& answers = answers_of(request);
    Answering answering(answers.interrupts, request);
    const auto looked = answers.file_system->lookup(folder, name, answering.call());
    answering.done();
    if (!looked) return reply_error(request, looked.error());
    if (!looked->found) {
        // Node 0: there is none, and that may be believed.
        if (looked->believe.count() == 0) return void(fuse_reply_err(request, ENOENT));
        fuse_entry_param none{};
        none.entry_timeout = seconds(looked->believe);
        return void(fuse_reply_entry(request, &none));
    }
    const fuse_entry_param entry = entry_of(*looked->found);
    if (fuse_reply_entry(request, &entry) != 0) answers.file_system->forget(entry.ino, 1);
}

void forget(fuse_req_t request, fuse_ino_t node, std::uint64_t count) {
    answers_of(request).file_system->forget(node, count);
    fuse_reply_none(request);
}

void forget_many(fuse_req_t request, std::size_t count, fuse_forget_data* nodes) {
    for (std::size_t i = 0; i < count; ++i)
        answers_of(request).file_system->forget(nodes[i].ino, nodes[i].nlookup);
    fuse_reply_none(request);
}

void getattr(fuse_req_t request, fuse_ino_t node, fuse_file_info*) {
    Answers& answers = answers_of(request);
    Answering answering(answers.interrupts, request);
    const auto answered = answers.file_system->getattr(node, answering.call());
    answering.done();
    if (!answered) return reply_error(request, answered.error());
    fuse_reply_attr(request, &answered->attributes, seconds(answered->believe));
}

void readlink(fuse_req_t request, fuse_ino_t node) {
    Answers& answers = answers_of(request);
    Answering answering(answers.interrupts, request);
    const auto target = answers.file_system->readlink(node, answering.call());
    answering.done();
    if (!target) return reply_error(request, target.error());
    fuse_reply_readlink(request, target->c_str());
}

// An xattr's value or the names of all, as the kernel asks: 0 for how much that is.
void reply_text(fuse_req_t request, const Result<std::string>& text, std::size_t size) {
    if (!text) return reply_error(request, text.error());
    if (size == 0) {
        fuse_reply_xattr(request, text->size());
    } else if (text->size() > size) {
        fuse_reply_err(request, ERANGE);
    } else {
        fuse_reply_buf(request, text->data(), text->size());
    }
}

void getxattr(fuse_req_t request, fuse_ino_t node, const char* name, std::size_t size) {
    Answers& answers = answers_of(request);
    Answering answering(answers.interrupts, request);
    const auto value = answers.file_system->getxattr(node, name, answering.call());
    answering.done();
    reply_text(request, value, size);
}

void listxattr(fuse_req_t request, fuse_ino_t node, std::size_t size) {
    Answers& answers = answers_of(request);
    Answering answering(answers.interrupts, request);
    const auto names = answers.file_system->listxattr(node, answering.call());
    answering.done();
    reply_text(request, names, size);
}

void statfs(fuse_req_t request, fuse_ino_t) {
    const struct statvfs told = answers_of(request).file_system->statfs();
    fuse_reply_statfs(request, &told);
}

// So far back may be gone in a folder that is being read, but for its beginning.
constexpr std::size_t places_max = 65'536;

OpenFolder& open_folder(const fuse_file_info* file) {
    return *reinterpret_cast<OpenFolder*>(file->fh);
}

void opendir(fuse_req_t request, fuse_ino_t, fuse_file_info* file) {
    OpenFolders& open_folders = answers_of(request).open_folders;
    OpenFolder& folder = open_folders.open();
    file->fh = reinterpret_cast<std::uint64_t>(&folder);
    // What nobody heard of nobody will close.
    if (fuse_reply_open(request, file) != 0) open_folders.close(folder);
}

void releasedir(fuse_req_t request, fuse_ino_t, fuse_file_info* file) {
    answers_of(request).open_folders.close(open_folder(file));
    fuse_reply_err(request, 0);
}

// Packs names into one reply.
class FolderReply {
  public:
    FolderReply(fuse_req_t request, std::size_t size, bool plus)
        : request_(request), bytes_(size), plus_(plus) {}

    // So many names fit in if each is short.
    std::size_t names_max() const { return bytes_.size() / (plus_ ? 160 : 32) + 1; }
    bool add(const std::string& name, const fuse_entry_param& entry, off_t position) {
        const std::size_t room = bytes_.size() - used_;
        char* const at = bytes_.data() + used_;
        const std::size_t size =
            plus_ ? fuse_add_direntry_plus(request_, at, room, name.c_str(), &entry, position)
                  : fuse_add_direntry(request_, at, room, name.c_str(), &entry.attr, position);
        if (size > room) return false;
        used_ += size;
        return true;
    }
    int send() { return fuse_reply_buf(request_, bytes_.data(), used_); }

  private:
    fuse_req_t request_;
    std::vector<char> bytes_;
    const bool plus_;
    std::size_t used_ = 0;
};

// Positions: 1 and 2 are behind "." and "..", 3 + i behind the i-th name that was given out.
// The names from `from` on, until the reply is full; `counted` are those that count as looked up.
Result<void> fill(FolderReply& reply, std::vector<NodeId>& counted, fuse_ino_t node, off_t from,
                  bool plus, OpenFolder& folder, FileSystem& file_system,
                  const client::Call& call) {
    const MutexLock lock(folder.mutex);
    for (off_t dot = from; dot < 2; ++dot) {
        fuse_entry_param entry{};
        entry.attr.st_ino = node;
        entry.attr.st_mode = S_IFDIR;
        if (!reply.add(dot == 0 ? "." : "..", entry, dot + 1)) break;
    }
    std::deque<std::string>& places = folder.places;
    const std::size_t given = from <= 2 ? 0 : static_cast<std::size_t>(from - 2);
    if (given == 0) {
        folder.reading = {};
        if (folder.forgotten > 0) places.clear();
        folder.forgotten = 0;
    }
    if (given > folder.forgotten + places.size() || (given > 0 && given <= folder.forgotten))
        return fail(Code::invalid_argument, "no such place in a folder");
    std::size_t next = given;
    using Taken = FileSystem::Taken;
    const auto take = [&](const Answered& answered) REQUIRES(folder.mutex) {
        const std::size_t index = next - folder.forgotten;
        // A file of that name was told before the store told of the folder that hides it.
        const auto here = places.begin() + static_cast<std::ptrdiff_t>(index);
        if (answered.node.folder() &&
            std::ranges::binary_search(places.begin(), here, answered.node.name))
            return Taken::skipped;
        fuse_entry_param entry = entry_of(answered);
        const bool known = answered.node.attributes_known || answered.node.draft != nullptr;
        if (!known) entry.ino = 0;  // the kernel looks it up when somebody wants more
        if (!reply.add(answered.node.name, entry, static_cast<off_t>(next) + 3))
            return Taken::no_room;
        std::string place = answered.node.place();
        if (index < places.size() && places[index] != place) places.resize(index);
        if (index == places.size()) places.push_back(std::move(place));
        if (places.size() > places_max) {
            places.pop_front();
            ++folder.forgotten;
        }
        ++next;
        if (plus && known) counted.push_back(answered.node.id);
        return Taken::taken;
    };
    const std::string after = given == 0 ? std::string() : places[given - folder.forgotten - 1];
    return file_system.readdir(node, after, plus, reply.names_max(), take, call, folder.reading);
}

// Once it is answered the folder may be closed, and gone: its lock is not held then.
void read_folder(fuse_req_t request, fuse_ino_t node, std::size_t size, off_t from, bool plus,
                 OpenFolder& folder) {
    Answers& answers = answers_of(request);
    Answering answering(answers.interrupts, request);
    FolderReply reply(request, size, plus);
    std::vector<NodeId> counted;
    const Result<void> filled =
        fill(reply, counted, node, from, plus, folder, *answers.file_system, answering.call());
    answering.done();
    if (!filled) reply_error(request, filled.error());
    if (filled && reply.send() == 0) return;
    for (const NodeId each : counted) answers.file_system->forget(each, 1);
}

void readdir(fuse_req_t request, fuse_ino_t node, std::size_t size, off_t from,
             fuse_file_info* file) {
    read_folder(request, node, size, from, false, open_folder(file));
}

void readdirplus(fuse_req_t request, fuse_ino_t node, std::size_t size, off_t from,
                 fuse_file_info* file) {
    read_folder(request, node, size, from, true, open_folder(file));
}

}  // namespace

Answers& answers_of(fuse_req_t request) {
    return *static_cast<Answers*>(fuse_req_userdata(request));
}

void reply_error(fuse_req_t request, const Error& error) {
    const int number = errno_of(error);
    if (number == EIO)
        answers_of(request).log.warn("an operation failed with EIO: {}", error.describe());
    fuse_reply_err(request, number);
}

fuse_entry_param entry_of(const Answered& answered) {
    return {.ino = answered.node.id,
            .generation = 0,
            .attr = answered.attributes,
            .attr_timeout = seconds(answered.believe),
            .entry_timeout = seconds(answered.believe)};
}

void add_name_operations(fuse_lowlevel_ops& operations) {
    operations.lookup = lookup;
    operations.forget = forget;
    operations.forget_multi = forget_many;
    operations.getattr = getattr;
    operations.readlink = readlink;
    operations.getxattr = getxattr;
    operations.listxattr = listxattr;
    operations.statfs = statfs;
    operations.opendir = opendir;
    operations.releasedir = releasedir;
    operations.readdir = readdir;
    operations.readdirplus = readdirplus;
}

}  // namespace weir::mount

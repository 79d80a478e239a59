#pragma once
// What one run of s3_load does. A plain value, constant once the load begins.

#include <cstdint>
#include <string>
#include <vector>

namespace weir::bench {

enum class Verb { targets, get, head, put, del, delete_objects, copy, list };

struct Options {
    std::string host = "127.0.0.1";
    std::uint16_t port = 0;
    bool tls = false;

    unsigned connections = 1;
    unsigned threads = 1;
    double warmup_s = 0;
    double seconds = 5;
    // Nothing is cut off at the end: the window lasts until every request that began has its reply.
    bool whole = false;
    std::uint64_t operations = 0;  // this many requests, however long they take; 0: by the clock

    Verb verb = Verb::targets;
    std::vector<std::string> targets;  // Verb::targets: presigned, sent one after the other, again
                                       // and again
    std::string bucket;
    std::string prefix;
    std::uint64_t first = 0;  // keys are the prefix and a number of ten digits from here on
    std::uint64_t count = 0;  // and below first + count; 0: no end
    bool random = false;      // any of them, instead of one after the other
    std::uint64_t body_bytes = 0;
    bool sign_payload = true;
    std::uint64_t page = 1000;  // keys of one DeleteObjects or one listing
    std::string copy_source;    // "bucket/key"

    std::string region = "us-east-1";
    std::string access_key_id;  // $AWS_ACCESS_KEY_ID
    std::string secret;         // $AWS_SECRET_ACCESS_KEY
};

// Prints what is wrong, or the help, and ends the program if it is asked to or must.
Options parse_options(int argc, char** argv);

}  // namespace weir::bench

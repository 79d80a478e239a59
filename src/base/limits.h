#pragma once
// Every bound that Weir keeps, in one place: what it bounds, its default and its unit. main() fills
// one from the configuration and passes it down; `weir admin limits` shows it with the present use
// of each.
//
// A plain value, constant once the server runs.

#include <cstddef>
#include <cstdint>

namespace weir {

inline constexpr std::uint64_t KiB = 1024;
inline constexpr std::uint64_t MiB = 1024 * KiB;
inline constexpr std::uint64_t GiB = 1024 * MiB;
inline constexpr std::uint64_t TiB = 1024 * GiB;

// S3's own bounds: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
inline constexpr std::size_t key_bytes_max = 1024;
inline constexpr std::size_t user_metadata_bytes_max = 2 * KiB;
inline constexpr unsigned part_number_max = 10'000;
inline constexpr std::uint64_t part_bytes_min = 5 * MiB;  // all parts but the last
inline constexpr std::uint64_t put_bytes_max =
    5 * GiB;  // one PutObject, one UploadPart, one CopyObject source range
inline constexpr std::uint64_t object_bytes_max = 5 * TiB;
inline constexpr std::size_t list_keys_max = 1000;
inline constexpr std::size_t delete_objects_keys_max = 1000;

// The local cache of remote bytes (src/cache).
inline constexpr std::uint64_t cache_block_bytes = MiB;          // what is fetched or not, as one
inline constexpr std::uint64_t cache_block_bytes_min = 4 * KiB;  // a page, for small tests
inline constexpr std::uint64_t cache_block_bytes_max = GiB;
inline constexpr std::size_t cache_identity_bytes_max =
    16 * KiB;  // URL, bucket, key, ETag, version
inline constexpr std::size_t cache_dirty_info_bytes_max =
    64 * KiB;                                              // what a written file says of itself
inline constexpr unsigned cache_low_water_percent = 90;    // evicting goes on until no more is used
inline constexpr std::size_t cache_sync_queue_max = 1024;  // entries that wait to be made durable
inline constexpr std::uint64_t cache_claim_poll_ms = 100;  // so long a dead filler goes unnoticed
inline constexpr std::uint64_t cache_full_retry_ms =
    1000;  // so long a full cache is taken for full

// A line of the journal's stream (src/client): a key of 1024 bytes, each of them escaped.
inline constexpr std::size_t journal_line_bytes_max = 64 * KiB;

// The mount (src/mount).
inline constexpr std::size_t name_bytes_max = 255;            // of one component of a path
inline constexpr std::size_t symlink_bytes_max = 4095;        // as PATH_MAX allows
inline constexpr std::uint64_t mount_kernel_ttl_ms = 60'000;  // while the journal tells of changes
inline constexpr std::uint64_t mount_memory_bytes = 192 * MiB;  // of buffers, by default
inline constexpr std::uint64_t mount_memory_bytes_min = 32 * MiB;
inline constexpr std::uint64_t mount_cache_bytes_min = 64 * MiB;
inline constexpr std::uint64_t mount_log_bytes_max = 16 * MiB;  // of a log in a file, and once more
inline constexpr unsigned umount_wait_s = 660;  // for the daemon to write what is under way

// `weir cp`, `sync` and `rm` (src/cli/s3).
inline constexpr std::size_t copy_files_max = 16;    // at a time
inline constexpr std::size_t copy_queue_max = 1024;  // files that wait; the listing waits for them
inline constexpr std::size_t copy_parallelism_max = 64;           // requests of one file
inline constexpr std::uint64_t copy_part_bytes_max = GiB;         // of --part-mib
inline constexpr std::uint64_t stream_part_bytes_max = 64 * MiB;  // those of a stream are held
inline constexpr std::size_t delete_requests_max = 4;        // at a time, and as many that wait
inline constexpr std::size_t sync_deletes_max = 10'000'000;  // names that one sync remembers

struct Limits {
    // Connections and requests.
    std::size_t connections_max = 4096;  // more are answered 503 SlowDown and closed
    std::size_t request_head_bytes_max = 64 * KiB;
    std::size_t request_headers_max = 256;
    std::size_t xml_body_bytes_max = 8 * MiB;  // 10,000 parts with checksums are 3 MiB
    std::size_t xml_depth_max = 16;
    std::size_t xml_tags_max = 320'000;  // opening and closing; 10,000 parts with all checksums
    std::uint64_t head_timeout_ms =
        30'000;  // from the first byte of a request to the end of its head
    std::uint64_t idle_timeout_ms = 75'000;   // between requests on a kept connection
    std::uint64_t stall_timeout_ms = 60'000;  // a body that makes no progress, either way
    std::uint64_t drain_timeout_ms = 30'000;  // from SIGTERM until open requests are cut off

    // Memory and threads.
    std::size_t body_buffer_bytes = 2 * MiB;
    std::size_t body_buffers_max = 96;  // all bodies together; a body waits for a free buffer
    std::size_t body_buffer_queue_max = 4096;  // bodies that wait for one; more are 503 SlowDown
    // So long a buffer waits for those of other bodies to be hashed with, once its own body waits.
    std::size_t hash_patience_ms = 50;
    // XML that is being received or sent, all requests together; more are answered 503 SlowDown.
    std::size_t xml_memory_bytes_max = 256 * MiB;
    // More than there are body buffers: bodies that all write to the disk leave some to others.
    std::size_t blocking_threads_max = 128;
    std::size_t blocking_queue_max = 4096;  // more are answered 503 SlowDown

    // Streams of the journal.
    std::size_t journal_streams_max = 1024;       // more are answered 503 SlowDown
    std::size_t journal_buffer_bytes = 64 * KiB;  // of entries that a stream has read and not sent

    // The embedded engine.
    std::size_t commit_queue_max = 8192;  // batches that wait for the committer
    std::size_t commit_group_max = 512;   // batches that share one sync
    std::size_t batch_rows_max = 32'768;
    std::size_t batch_bytes_max = 8 * MiB;
    // A record that shares its source's blobs puts two references for each, in one batch.
    std::size_t extents_per_part_max = 8;  // a copied part in more pieces is written anew
    std::size_t extents_per_object_max = 12'000;
    std::size_t scan_rows_max = 1024;              // one page of kv::Engine::scan
    std::size_t metadata_cache_bytes = 128 * MiB;  // RocksDB's block cache
    std::size_t inline_object_bytes_max = 16 * KiB;
    std::size_t open_blobs_max = 1024;  // blobs that are kept open for readers
    // Descriptors of blobs, kept or being read; never more than half of the process's. A request
    // that needs more is answered 503 SlowDown.
    std::size_t blob_descriptors_max = 65'536;
    std::size_t damaged_blobs_max = 65'536;  // that are remembered, and refused to readers
    std::size_t buckets_per_owner_max = 1000;
};

// What a client of an S3 service keeps to (src/client): the mount, the loaders, `weir cp`.
struct ClientLimits {
    // Connections of one endpoint.
    std::size_t connections_max = 128;          // calls wait for one, call_timeout_ms at most
    std::uint64_t connection_idle_ms = 20'000;  // kept at rest; servers keep them a little longer
    std::uint64_t connect_timeout_ms = 5'000;   // for each address, and for a TLS handshake
    std::uint64_t stall_timeout_ms = 30'000;    // without a byte, either way
    std::uint64_t continue_timeout_ms = 1'000;  // that 100 Continue is waited for
    std::uint64_t call_timeout_ms = 300'000;    // all tries of a call, while nothing moves

    // Tries. The budget is one of all calls: a retry takes, a success gives back
    // (https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html).
    unsigned tries_max = 8;
    std::uint64_t backoff_base_ms = 100;  // the wait is random, up to this doubled each time
    std::uint64_t backoff_max_ms = 20'000;
    unsigned retry_budget = 500;
    unsigned retry_cost = 5;
    unsigned retry_cost_timeout = 10;
    unsigned retry_refund = 1;  // of a call that needed no retry

    // What a server may send.
    std::size_t reply_head_bytes_max = 64 * KiB;
    std::size_t reply_headers_max = 256;
    std::size_t reply_xml_bytes_max = 32 * MiB;  // 1000 keys, each letter encoded, are 4 MiB
    unsigned redirects_max = 2;

    // Transfers.
    std::size_t receive_low_water_bytes = 256 * KiB;  // a body's reader is woken for so many
    std::size_t expect_continue_bytes_min = 1 * MiB;  // bodies from here on ask first
    std::size_t transfer_parallelism = 16;
    std::uint64_t transfer_part_bytes = 8 * MiB;
    std::uint64_t hedge_after_ms = 500;
    unsigned hedge_percent = 5;
    std::size_t buffer_bytes = 1 * MiB;  // of the pool that a program gives its client
    std::size_t buffers_max = 192;
    std::size_t buffer_queue_max = 1024;  // calls that wait for one; more fail with slow_down
};

// Files that are written through a mount (src/mount).
inline constexpr std::uint64_t draft_piece_bytes = 1 * MiB;  // that are copied at a time
inline constexpr std::uint64_t upload_abort_timeout_ms =
    5'000;  // that an upload is taken from the store in, at the latest

struct DraftLimits {
    // Of the first parts of an upload; later ones are larger. A file up to this is one PutObject.
    std::uint64_t part_bytes = 8 * MiB;
    std::size_t file_parallelism = 8;       // parts of one file that are sent at a time
    std::size_t upload_threads_max = 16;    // of all files
    std::size_t upload_queue_max = 1024;    // of parts that wait for one of them
    std::size_t pieces_max = 65'536;        // written ranges of a file that are told apart
    std::size_t closed_files_max = 32'768;  // that wait for their commit with --async-close
    std::size_t commit_threads_max = 8;     // that commit those
    std::uint64_t commit_quiet_ms = 500;    // once so long none was closed,
    std::uint64_t commit_delay_ms = 5'000;  // or the first of them so long ago
};

// What one mount keeps to (src/mount).
struct MountLimits {
    std::size_t worker_threads_max = 64;  // that answer the kernel, each one request at a time
    // Reads ahead and closes that the kernel has under way: the other threads are for who waits.
    std::size_t background_max = 24;
    // Names that are kept: 64 MiB. The kernel's own stay past it, as long as it knows them.
    std::size_t nodes_max = 100'000;
    std::size_t open_files_max = 65'536;         // more opens fail with EAGAIN
    std::size_t readahead_bytes = 4 * MiB;       // the kernel's; only root may raise it
    std::uint64_t drain_timeout_ms = 30'000;     // from SIGTERM until writes are given up
    std::uint64_t unmount_timeout_ms = 600'000;  // the same where somebody just unmounts

    // Fetching.
    std::size_t fetch_threads = 16;
    std::uint64_t sweep_part_bytes = 8 * MiB;  // of a file that is fetched whole, one request
    std::size_t sweeps_max = 1024;             // files that wait; more are not fetched ahead
    std::size_t sweep_share_percent = 75;      // of the cache: larger files are read by windows
    std::uint64_t window_bytes_min = 1 * MiB;  // that are fetched ahead of a reader, doubled
    std::uint64_t window_bytes_max = 64 * MiB;
    std::uint64_t kept_bytes = 32 * MiB;  // behind the reader of a file too large for the cache
    std::size_t streams_max = 16;         // readers of one file that are told apart
    std::uint64_t small_file_bytes_max = 1 * MiB;
    std::size_t small_files_ahead = 128;  // of a folder whose files are read in turn
    // What was fetched is in memory until the cache has it: files up to this size, of so much
    // together; past it they go straight to the cache.
    std::uint64_t held_file_bytes_max = 256 * KiB;
    std::uint64_t held_files_bytes_max = 32 * MiB;
    std::uint64_t held_files_drain_ms = 2'000;     // at the end; what is left is fetched again
    std::uint64_t archive_head_bytes = 1 * MiB;    // of .pt, .pth, .bin and .ckpt comes first,
    std::uint64_t archive_tail_bytes = 256 * KiB;  // and so much of their ends
    std::uint64_t complete_wait_ms = 2'000;        // that an open waits for the last of a file
    // A file that is removed while it is open is fetched first, up to this size.
    std::uint64_t save_bytes_max = 1 * GiB;

    // Attributes that listings do not tell, asked for ahead of who looks at names in turn.
    std::size_t attribute_threads = 32;
    std::size_t attributes_ahead_min = 8;  // names of one folder, doubled
    std::size_t attributes_ahead_max = 256;
    std::size_t attributes_queue_max = 1024;  // names of all folders; more are not asked for ahead

    // Following the journal (src/mount/follower.h).
    std::uint64_t journal_heartbeat_s = 2;    // asked for
    std::uint64_t journal_silence_ms = 7000;  // without a line: nothing counts as current
    std::uint64_t journal_pause_ms = 100;     // between streams that fail, doubled each time
    std::uint64_t journal_pause_max_ms = 5000;
    std::uint64_t journal_unserved_ms = 60'000;  // a server without a journal is asked again
};

}  // namespace weir

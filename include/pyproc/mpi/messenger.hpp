// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mpi.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <list>
#include <memory>
#include <new>
#include <span>
#include <utility>
#include <vector>

#include "pyproc/multiprocessing/code_address.hpp"
#include "pyproc/multiprocessing/task.hpp"

namespace pyproc::mpi::detail {

using multiprocessing::detail::Bytes;

/// Before each thing that ranks send each other.
struct RecordHead {
    enum class Kind : std::uint32_t {
        // To a rank that serves:
        start,  ///< forget the last executor; make this call before any other
        call,
        leave,
        // From it:
        value,      ///< of a call
        exception,  ///< the same
        no_start,   ///< what the call at the start has thrown
        give_back,  ///< a call that has not been begun, and won't be
        spent,      ///< how many calls have been made in how many nanoseconds
    };

    Kind kind = Kind::call;
    std::uint32_t slot = 0;
    std::uint32_t generation = 0;
    std::uint32_t is_apart = 0;  ///< whether its bytes are in messages of their own
    multiprocessing::detail::CodeOffset code = 0;
    std::uint64_t size = 0;  ///< of the bytes that follow
};

/// Appends a record to a frame.
inline void append_record(Bytes& frame, RecordHead head,
                          std::span<const std::byte> body) {
    head.size = body.size();
    const auto* const bytes = reinterpret_cast<const std::byte*>(&head);
    frame.insert(frame.end(), bytes, bytes + sizeof head);
    frame.insert(frame.end(), body.begin(), body.end());
}

/// Takes the next record out of a frame, or the one that has come apart.
class RecordReader {
public:
    /// @param head  Of the one record whose body `bytes` is; null if they are a frame.
    RecordReader(const RecordHead* head, std::span<const std::byte> bytes) noexcept
        : left_{bytes} {
        if (head != nullptr) {
            head_ = *head;
            is_alone_ = true;
        }
    }

    [[nodiscard]] bool next() noexcept {
        if (is_alone_) {
            if (is_read_) return false;
            is_read_ = true;
            body_ = left_;
            return true;
        }
        if (left_.size() < sizeof head_) return false;
        std::memcpy(&head_, left_.data(), sizeof head_);
        const std::size_t size = head_.is_apart != 0 ? 0 : head_.size;
        body_ = left_.subspan(sizeof head_, size);
        left_ = left_.subspan(sizeof head_ + size);
        return true;
    }

    [[nodiscard]] const RecordHead& head() const noexcept { return head_; }
    [[nodiscard]] std::span<const std::byte> body() const noexcept { return body_; }

    /// Whether there was no memory for the body, which is empty then.
    [[nodiscard]] bool is_lost() const noexcept {
        return head_.is_apart != 0 && body_.size() != head_.size;
    }

private:
    RecordHead head_ = {};
    std::span<const std::byte> left_;
    std::span<const std::byte> body_;
    bool is_alone_ = false;
    bool is_read_ = false;
};

/// Sends records to other ranks and receives theirs, and never waits for anybody.
///
/// Small ones travel together, in frames that MPI sends at once whether or not somebody
/// is waiting for them. A large one is announced in a frame, and follows in messages of
/// its own, as many as it takes: the counts of MPI are of type int, and a receiver that
/// has no memory for the whole has to take it in all the same, bit by bit.
///
/// This is the C interface of MPI itself: Boost.MPI would put its own archives around
/// bytes that are encoded already, has no answer to counts beyond int either, and is
/// built for one of the MPIs that a machine may have.
///
/// Threads: one at a time; MPI must have been asked for MPI_THREAD_SERIALIZED.
class Messenger {
public:
    /// Frames are no larger than this; what does not fit is sent apart. What Open MPI
    /// sends at once through shared memory is 4 KiB with its own head.
    static constexpr std::size_t largest_frame = 4000;

    /// @param piece  What a large record is cut into.
    explicit Messenger(MPI_Comm comm, std::size_t piece = std::size_t{1} << 22U) noexcept
        : comm_{comm}, piece_{piece} {}
    Messenger(const Messenger&) = delete;
    Messenger& operator=(const Messenger&) = delete;
    ~Messenger() = default;

    /// Whether a record of so many bytes goes into a frame.
    [[nodiscard]] static constexpr bool fits(std::size_t size) noexcept {
        return sizeof(RecordHead) + size <= largest_frame;
    }

    /// Sends a frame off.
    void send(int rank, Bytes frame) {
        Outgoing& out = outgoing_.emplace_back();
        out.frame = std::move(frame);
        start(out, rank, frame_tag, out.frame);
        if (is_done(out)) {
            recycle(std::move(out.frame));
            outgoing_.pop_back();
        }
    }

    /// Sends a large record off.
    void send_apart(int rank, RecordHead head, std::shared_ptr<const Bytes> body) {
        Outgoing& out = outgoing_.emplace_back();
        head.is_apart = 1;
        head.size = body->size();
        const auto* const bytes = reinterpret_cast<const std::byte*>(&head);
        out.frame.assign(bytes, bytes + sizeof head);
        out.body = std::move(body);
        start(out, rank, frame_tag, out.frame);
        start(out, rank, piece_tag, *out.body);
    }

    /// Takes in what has come, some at a time.
    ///
    /// @param on_frame  Called with the rank that it is from, the head of the one record
    ///                  that it is or null if it is a frame, and the bytes.
    /// What there is no memory for comes without its bytes, see `RecordReader::is_lost`.
    ///
    /// @return Whether there was anything.
    template <class OnFrame>
    bool receive(OnFrame on_frame) {
        constexpr int most = 16;
        bool is_any = false;
        for (int i = 0; i < most && receive_frame(on_frame); ++i) is_any = true;
        is_any |= receive_pieces(on_frame);
        finish_sending();
        return is_any;
    }

    /// Whether something that has been sent off is still on its way.
    [[nodiscard]] bool is_sending() {
        finish_sending();
        return !outgoing_.empty();
    }

    /// Whether a large record is on its way, to or from another rank: then who waits
    /// should look often.
    [[nodiscard]] bool is_transferring() const noexcept {
        return !incoming_.empty() ||
               std::ranges::any_of(
                   outgoing_, [](const Outgoing& each) { return each.body != nullptr; });
    }

    /// Memory for a frame, empty.
    [[nodiscard]] Bytes fresh_frame() {
        if (spare_.empty()) {
            Bytes made;
            made.reserve(largest_frame);
            return made;
        }
        Bytes frame = std::move(spare_.back());
        spare_.pop_back();
        return frame;
    }

    /// Takes back the memory of a frame.
    void recycle(Bytes frame) {
        constexpr std::size_t most = 64;
        const std::size_t size = frame.capacity();
        if (size < largest_frame || size > 2 * largest_frame) return;
        if (spare_.size() >= most) return;
        frame.clear();
        spare_.push_back(std::move(frame));
    }

private:
    static constexpr int frame_tag = 1;
    static constexpr int piece_tag = 2;

    struct Outgoing {
        Bytes frame = {};
        std::shared_ptr<const Bytes> body = {};
        std::vector<MPI_Request> requests = {};
    };
    struct Incoming {
        int rank = 0;
        RecordHead head = {};
        Bytes body = {};
        std::vector<MPI_Request> requests = {};
        std::size_t dropped = 0;  ///< so much of what there is no memory for has come
        bool is_started = false;
        bool is_lost = false;
    };

    void start(Outgoing& out, int rank, int tag, std::span<const std::byte> bytes) {
        for (std::size_t at = 0; at < bytes.size(); at += piece_) {
            MPI_Isend(bytes.data() + at, length_at(at, bytes.size()), MPI_BYTE, rank, tag,
                      comm_, &out.requests.emplace_back());
        }
    }

    void start(Incoming& in) {
        try {
            in.requests.reserve(in.head.size / piece_ + 1);
            in.body.resize(in.head.size);
        } catch (const std::bad_alloc&) {
            // What is sent has to be received, though for nobody.
            in.body.resize(std::min(piece_, in.head.size));
            in.requests.reserve(1);
            in.is_lost = true;
        }
        in.is_started = true;
        const std::size_t first = in.is_lost ? in.body.size() : in.head.size;
        for (std::size_t at = 0; at < first; at += piece_) receive_piece(in, at, at);
    }

    void receive_piece(Incoming& in, std::size_t at, std::size_t to) {
        MPI_Irecv(in.body.data() + to, length_at(at, in.head.size), MPI_BYTE, in.rank,
                  piece_tag, comm_, &in.requests.emplace_back());
    }

    /// Whether all has come. Of what is lost, has the next piece come over the last.
    [[nodiscard]] bool is_complete(Incoming& in) {
        if (!in.is_started || !is_done(in)) return false;
        if (!in.is_lost) return true;
        in.dropped += in.body.size();
        if (in.dropped >= in.head.size) return true;
        in.requests.clear();
        receive_piece(in, in.dropped, 0);
        return false;
    }

    [[nodiscard]] int length_at(std::size_t at, std::size_t size) const noexcept {
        return static_cast<int>(std::min(piece_, size - at));
    }

    template <class Transfer>
    [[nodiscard]] static bool is_done(Transfer& transfer) {
        int are_done = 0;
        MPI_Testall(static_cast<int>(transfer.requests.size()), transfer.requests.data(),
                    &are_done, MPI_STATUSES_IGNORE);
        return are_done != 0;
    }

    void finish_sending() {
        std::erase_if(outgoing_, [](Outgoing& each) { return is_done(each); });
    }

    template <class OnFrame>
    [[nodiscard]] bool receive_frame(OnFrame& on_frame) {
        int is_there = 0;
        MPI_Status status;
        MPI_Iprobe(MPI_ANY_SOURCE, frame_tag, comm_, &is_there, &status);
        if (is_there == 0) return false;
        int size = 0;
        MPI_Get_count(&status, MPI_BYTE, &size);
        Bytes frame = fresh_frame();
        frame.resize(static_cast<std::size_t>(size));
        MPI_Recv(frame.data(), size, MPI_BYTE, status.MPI_SOURCE, frame_tag, comm_,
                 MPI_STATUS_IGNORE);
        RecordReader reader{nullptr, frame};
        if (reader.next() && reader.head().is_apart != 0) {
            incoming_.push_back({.rank = status.MPI_SOURCE, .head = reader.head()});
        } else {
            on_frame(status.MPI_SOURCE, nullptr, std::move(frame));
        }
        return true;
    }

    /// Begins to receive in the order in which they were announced, as they are sent; so
    /// nothing is begun behind what is lost.
    template <class OnFrame>
    [[nodiscard]] bool receive_pieces(OnFrame& on_frame) {
        for (Incoming& each : incoming_) {
            if (!each.is_started) start(each);
            if (each.is_lost) break;
        }
        bool is_any = false;
        for (auto each = incoming_.begin(); each != incoming_.end();) {
            if (!is_complete(*each)) {
                ++each;
                continue;
            }
            Incoming in = std::move(*each);
            each = incoming_.erase(each);
            if (in.is_lost) in.body.clear();
            on_frame(in.rank, &in.head, std::move(in.body));
            is_any = true;
        }
        return is_any;
    }

    const MPI_Comm comm_;
    const std::size_t piece_;
    std::list<Outgoing> outgoing_;
    std::list<Incoming> incoming_;
    std::vector<Bytes> spare_;
};

}  // namespace pyproc::mpi::detail

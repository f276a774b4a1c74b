// Memory of tensors on the CPU; see __init__.py. Linux, any number of threads.

#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/alloc_cpu.h>
#include <sys/mman.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <unordered_map>
#include <utility>

namespace {

constexpr size_t kLeast = size_t(1) << 16;  // bytes: what is smaller is for malloc
constexpr size_t kStep = 4096;              // blocks are whole pages

// Best fit in one range of addresses; neighbours that are free become one block at once.
class Range {
 public:
  Range(char* base, size_t size) : base_(base), size_(size) { put(base, size); }

  bool holds(const char* at) const { return at >= base_ && at < base_ + size_; }

  void* take(size_t bytes) {
    bytes = (bytes + kStep - 1) / kStep * kStep;
    std::lock_guard<std::mutex> guard(lock_);
    auto fit = by_size_.lower_bound({bytes, nullptr});
    if (fit == by_size_.end()) return nullptr;
    auto [size, at] = *fit;
    drop(free_.find(at));
    if (size > bytes) put(at + bytes, size - bytes);
    used_[at] = bytes;
    live_ += bytes;
    peak_ = std::max(peak_, live_);
    top_ = std::max(top_, size_t(at - base_) + bytes);
    return at;
  }

  void give(char* at) {
    std::lock_guard<std::mutex> guard(lock_);
    auto mine = used_.find(at);
    size_t bytes = mine->second;
    used_.erase(mine);
    live_ -= bytes;
    auto next = free_.lower_bound(at);
    if (next != free_.end() && at + bytes == next->first) {
      bytes += next->second;
      next = drop(next);
    }
    if (next != free_.begin()) {
      auto before = std::prev(next);
      if (before->first + before->second == at) {
        at = before->first;
        bytes += before->second;
        drop(before);
      }
    }
    put(at, bytes);
  }

  // Give the pages of free blocks back to the system; they come anew, as zeros, when touched.
  void trim() {
    std::lock_guard<std::mutex> guard(lock_);
    for (auto [at, bytes] : free_) {
      size_t place = at - base_;
      if (place < top_) madvise(at, std::min(bytes, top_ - place), MADV_DONTNEED);
    }
  }

  void read(size_t* live, size_t* peak, size_t* top) {
    std::lock_guard<std::mutex> guard(lock_);
    *live = live_, *peak = peak_, *top = top_;
  }

 private:
  using Blocks = std::map<char*, size_t>;

  void put(char* at, size_t bytes) {
    free_[at] = bytes;
    by_size_.insert({bytes, at});
  }

  Blocks::iterator drop(Blocks::iterator block) {
    by_size_.erase({block->second, block->first});
    return free_.erase(block);
  }

  char* const base_;
  const size_t size_;
  std::mutex lock_;
  Blocks free_;
  std::set<std::pair<size_t, char*>> by_size_;
  std::unordered_map<char*, size_t> used_;
  size_t live_ = 0, peak_ = 0, top_ = 0;
};

Range* range = nullptr;  // never deleted: tensors may be freed after all destructors have run

void release(void* at) {
  if (range->holds(static_cast<char*>(at)))
    range->give(static_cast<char*>(at));
  else
    c10::free_cpu(at);  // torch's own, as null is
}

struct Allocator final : c10::Allocator {
  c10::DataPtr allocate(size_t bytes) override {
    void* at = bytes >= kLeast ? range->take(bytes) : nullptr;
    if (at == nullptr) at = c10::alloc_cpu(bytes);  // null for none, and throws as ever
    return {at, at, &release, c10::Device(c10::DeviceType::CPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &release; }
  void copy_data(void* to, const void* from, size_t bytes) const override {
    default_copy_data(to, from, bytes);
  }
};

}  // namespace

// Put tensors from now on into a range of `size` bytes. Returns 0, or 1 where there is none.
extern "C" int nas_arena_use(size_t size) {
  if (range != nullptr) return 0;
  void* base = mmap(nullptr, size, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (base == MAP_FAILED) return 1;
  madvise(base, size, MADV_HUGEPAGE);  // where the kernel has none, small pages do
  range = new Range(static_cast<char*>(base), size);
  c10::SetCPUAllocator(new Allocator, 1);
  return 0;
}

extern "C" void nas_arena_trim() {
  if (range != nullptr) range->trim();
}

extern "C" void nas_arena_read(size_t* live, size_t* peak, size_t* top) {
  if (range != nullptr) range->read(live, peak, top);
}

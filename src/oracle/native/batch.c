// A batch oracle: runs a few bytes of code on many states and says what became of each. No libc; one file of an ISA beside.
//
// Jobs come on stdin, results go to stdout (batch.ts has the same structures). A case runs in one of two ways:
//
// Framed: all registers travel in a signal frame. The code is followed by traps, so a case always ends in a signal whose
// handler saves the frame's registers, puts the next case's in their place and returns into the code. Nothing is lost to a
// base register, and faults, jumps and memory are seen; a case costs one signal.
//
// Fast: for one code, many states and few registers. A loop is generated around the code that loads the registers that
// records carry, and stores them; its pointers wait in vector registers meanwhile. What it does not carry is compared
// after each chunk. Whatever is odd (a signal, a register that changed) makes the chunk run again framed.

#include <signal.h>
#include <stdint.h>
#include <ucontext.h>

typedef uint8_t u8;
typedef uint32_t u32;
typedef uint64_t u64;

#define CODE 0x4b3d0000ul      // the code area: slots, with traps all round
#define REACH 0x200000ul
#define SLOT 528ul
#define SLOTS 3900u            // from CODE on
#define SPREAD 0x6e210ul
#define DATA 0x2b3d5000ul      // one page; its neighbours are unmapped
#define PAGE 4096ul
#define WINDOW PAGE            // bytes of it that cases may set and see
#define CODE_MAX 64u
// Where no state's stack pointer points by chance, or the kernel would think that the signal stack is in use already.
#define STACK 0x2b3c4d5e6000ul
#define STACK_SIZE 131072ul
#define CARRY_MAX 96u
#define FULL (job.carries == 0)  // records are whole states
#define CHUNK 255u
#define FIRST 4u
#define ISLAND (CODE - 0x10000ul)      // the code under test in the fast way: traps all round, then a jump to the loop
#define FAST (CODE - 0x90000ul)        // the loop

#define HUNG 254
#define ASKS 253

struct carry { u32 at, bits, to, bytes; };  // bit of the full record, width, byte of the carried record, bytes there
struct job {
  u32 magic, count, stride, code_bytes, has_lengths, memory, carries, record;  // record: bytes of a carried one
  struct carry carry[CARRY_MAX];
};
struct result { u32 outcome, strayed; u64 at, pc, fault; };

#include "arch.h"  // struct state, its parts in a signal frame, traps, the fast loop, system calls

static struct job job;
static u8 *codes, *lengths, *states, *memories, *out_states, *out_memories;
static struct result *results;
static struct state rest, before;
static u32 index_, running, ticks;
static u64 at_, code_length;
static int before_wanted;
static volatile int fast_running, fast_failed;
u64 fast_sp, fast_after;  // what the loop's way out needs
void fast_run(struct state *start, struct state *after, u8 *in, u8 *out, u64 n);
void fast_exit(void);
void fast_abort(void);
static void fast_generate(void);
static int fast_carries(const struct carry *c);
static int fast_strayed(const struct state *start, const struct state *after);

void *memcpy(void *to, const void *from, unsigned long n) {
  for (unsigned long i = 0; i < n; i++) ((volatile u8 *)to)[i] = ((const u8 *)from)[i];
  return to;
}
void *memset(void *to, int c, unsigned long n) {
  for (unsigned long i = 0; i < n; i++) ((volatile u8 *)to)[i] = (u8)c;
  return to;
}

static u32 *emit_;
static void emit(u32 word) { *emit_++ = word; }

#include "fast.h"

static void read_all(void *to, u64 n) {
  for (u64 at = 0; at < n;) {
    long got = sys(SYS_READ, 0, (long)to + at, n - at, 0, 0, 0);
    if (got <= 0) sys(SYS_EXIT, got == 0 ? 0 : 2, 0, 0, 0, 0, 0);
    at += got;
  }
}
static void write_all(const void *from, u64 n) {
  for (u64 at = 0; at < n;) {
    long put = sys(SYS_WRITE, 1, (long)from + at, n - at, 0, 0, 0);
    if (put <= 0) sys(SYS_EXIT, 3, 0, 0, 0, 0, 0);
    at += put;
  }
}
static void *map(u64 at, u64 n, long prot) {
  return (void *)sys(SYS_MMAP, at, n, prot, at ? 0x32 : 0x22, -1, 0);  // private, anonymous, fixed if given
}

static void put_field(struct state *s, const struct carry *c, const u8 *from) {
  u8 *to = (u8 *)s + c->at / 8;
  if (c->bits == 64) *(u64 *)to = *(const u64 *)from;
  else if (c->bits >= 8) for (u32 i = 0; i < c->bits / 8; i++) to[i] = from[i];
  else {
    u8 mask = ((1u << c->bits) - 1) << (c->at & 7);
    *to = (*to & ~mask) | ((from[0] << (c->at & 7)) & mask);
  }
}
static void get_field(const struct state *s, const struct carry *c, u8 *to) {
  const u8 *from = (const u8 *)s + c->at / 8;
  if (c->bits == 64) { *(u64 *)to = *(const u64 *)from; return; }
  for (u32 i = 0; i < c->bytes; i++) to[i] = 0;
  if (c->bits >= 8) for (u32 i = 0; i < c->bits / 8; i++) to[i] = from[i];
  else to[0] = (*from >> (c->at & 7)) & ((1u << c->bits) - 1);
}

static const u8 *code_of(u32 i) { return codes + (u64)job.stride * i; }
static u32 length_of(u32 i) { return job.has_lengths ? lengths[i] : job.code_bytes; }

// The place of a case: one of the slots, so that codes of a batch are written once, not one over the other.
// Few of one code stand far from each other: a branch by a round distance would land in the next.
static u64 slot_of(u32 i) { return job.stride ? CODE + SLOT * (i % SLOTS) : CODE + SPREAD * (i % 4); }

static void open_code(int open) {
#ifdef SYS_MPROTECT
  sys(SYS_MPROTECT, CODE - REACH, 2 * REACH, open ? 7 : 5, 0, 0, 0);
#endif
}

static int shut;
static void place(u64 at, const u8 *code, u32 n) {
  volatile u8 *to = (u8 *)at;
  u8 want[CODE_MAX];
  fill_traps(want, CODE_MAX);
  for (u32 k = 0; k < n; k++) want[k] = code[k];
  int same = 1;
  for (u32 k = 0; k < CODE_MAX; k++) same &= to[k] == want[k];
  if (same) return;
  if (shut) open_code(1);
  for (u32 k = 0; k < CODE_MAX; k++) to[k] = want[k];
  if (shut) open_code(0);
  flush(at, CODE_MAX);
}

static void load_case(u32 i) {
  const u8 *from = states + (u64)job.record * i;
  if (FULL) { before = *(const struct state *)from; return; }
  before = rest;
  for (u32 k = 0; k < job.carries; k++) put_field(&before, &job.carry[k], from + job.carry[k].to);
}

static void finish_case(struct state *after, u32 outcome, u64 pc, u64 fault) {
  struct result *r = results + index_;
  r->outcome = outcome;
  r->at = at_;
  r->pc = pc;
  r->fault = fault;
  r->strayed = 0;
  after->pc = pc;
  u8 *to = out_states + (u64)job.record * index_;
  if (FULL) { *(struct state *)to = before = *after; }
  else for (u32 k = 0; k < job.carries; k++) {
    get_field(after, &job.carry[k], to + job.carry[k].to);
    put_field(&before, &job.carry[k], to + job.carry[k].to);  // what is left then has strayed
  }
  after->pc = before.pc = 0;
  const u64 *a = (const u64 *)after, *b = (const u64 *)&before;
  u64 differ = 0;
  for (u32 k = 0; k < sizeof(struct state) / 8; k++) differ |= a[k] ^ b[k];
  r->strayed = differ != 0;
  if (job.memory) {
    u8 *window = (u8 *)(DATA + PAGE - WINDOW);
    for (u32 k = 0; k < job.memory; k++) out_memories[(u64)job.memory * index_ + k] = window[k];
  }
}

static u32 last_;  // one behind the last case of the range that runs framed
static struct state home_;  // our own registers, and where control goes when the range is done
static u64 back_;

// Puts case `index_` into the frame; or the way back, when there is none left.
static void next_case(ucontext_t *context) {
  for (; index_ < last_; index_++) {
    load_case(index_);
    u32 n = length_of(index_);
    const u8 *code = code_of(index_);
    u64 wanted = before.pc;
    before_wanted = wanted >= CODE - REACH + SLOT && wanted < CODE + REACH - SLOT;
    at_ = before_wanted ? wanted : slot_of(index_);
    at_ &= ~(u64)(CODE_ALIGN - 1);
    code_length = n;
    if (asks(code, n)) {  // a system call would change the world, or end us
      struct state same = before;
      finish_case(&same, ASKS, at_, 0);
      continue;
    }
    place(at_, code, n);
    if (job.memory) {
      u8 *window = (u8 *)(DATA + PAGE - WINDOW);
      for (u32 k = 0; k < job.memory; k++) window[k] = memories[(u64)job.memory * index_ + k];
    }
    before.pc = at_;
    state_to_frame(&before, context);
    ticks = 0;
    running = 1;
    return;
  }
  running = 0;
  state_to_frame(&home_, context);
  frame_set_pc(context, back_);
}

static void handler(int signal, siginfo_t *info, void *frame) {
  ucontext_t *context = frame;
  static struct state after;
  u64 pc = frame_pc(context);
  if (fast_running) {
    if (signal == SIGVTALRM && ++ticks < 15) return;  // a whole chunk, and qemu's translating it
    fast_failed = 1;
    frame_set_pc(context, (u64)fast_abort);
    return;
  }
  if (signal == SIGVTALRM) {
    if (!running || ++ticks < 4) return;
    if (pc < CODE - REACH || pc >= CODE + REACH) return;
  } else if (!running) {
    back_ = frame_back(context);  // the first trap, from frame_enter
    frame_to_state(context, &home_);
    next_case(context);
    return;
  }
  for (u32 k = 0; k < sizeof after / 8; k++) ((u64 *)&after)[k] = 0;
  frame_to_state(context, &after);
  u64 fault = 0;
  u32 outcome = signal;
  if (signal == SIGVTALRM) outcome = HUNG;
  else if (signal == SIGTRAP) {
    u64 trap = pc - TRAP_BEHIND;
    if (trap < at_ || trap >= at_ + code_length) { outcome = 0; pc = trap; }
    else pc = trap;
  } else if ((signal == SIGSEGV || signal == SIGBUS) && (pc < at_ || pc >= at_ + code_length)) {
    outcome = 0;  // it jumped where nothing is
  } else if (signal == SIGSEGV || signal == SIGBUS) fault = (u64)info->si_addr;
  finish_case(&after, outcome, pc, fault);
  if (before_wanted || job.stride) place(at_, 0, 0);  // no later case jumps into it
  index_++;
  next_case(context);
}

static void run_framed(u32 from, u32 to) {
  index_ = from;
  last_ = to;
  open_code(0);
  shut = 1;
  frame_enter();  // traps; comes back when all of them are done
  shut = 0;
  open_code(1);
}

// One code for all cases, registers only: generated loop, chunk by chunk. The first cases run both ways: code that reads
// or writes what the loop itself lives by shows there.
static int run_fast(void) {
  static struct state start, after;
  static u8 first[FIRST * 8 * CARRY_MAX];
  if (FULL || job.stride || job.memory || job.count < 32 || asks(codes, job.code_bytes)) return 0;
  for (u32 k = 0; k < job.carries; k++) if (!fast_carries(&job.carry[k])) return 0;
  if (FIRST * job.record > sizeof first) return 0;
  fill_traps((void *)ISLAND, SLOT);
  memcpy((void *)ISLAND, codes, job.code_bytes);
  fast_generate();
  flush(ISLAND, SLOT);
  flush(FAST, PAGE);
  run_framed(0, FIRST);
  for (u32 k = 0; k < FIRST; k++)
    if (results[k].outcome || results[k].strayed || results[k].pc != results[k].at + job.code_bytes) return 0;
  memcpy(first, out_states, FIRST * job.record);
  for (u32 i = 0, size = FIRST; i < job.count; i += size, size = CHUNK) {
    if (size > job.count - i) size = job.count - i;
    ticks = 0;
    fast_failed = 0;
    start = rest;
    fast_running = 1;
    fast_run(&start, &after, states + (u64)job.record * i, out_states + (u64)job.record * i, size);
    fast_running = 0;
    int odd = fast_failed || fast_strayed(&start, &after);
    if (i == 0) {
      for (u32 k = 0; k < FIRST * job.record; k++) odd |= first[k] != out_states[k];
      if (odd) return 0;
    } else if (odd) {
      run_framed(i, i + size);
      continue;
    }
    for (u32 k = i; k < i + size; k++) {
      results[k].outcome = results[k].strayed = 0;
      results[k].at = ISLAND;
      results[k].pc = ISLAND + job.code_bytes;
      results[k].fault = 0;
    }
  }
  return 1;
}

void begin(void) {
  u8 *area = map(CODE - REACH, 2 * REACH, 7);
  fill_traps(area, 2 * REACH);
  map(DATA, PAGE, 3);
  struct { void *at; int flags; u64 size; } alt = {map(STACK, STACK_SIZE, 3), 0, STACK_SIZE};
  sys(SYS_SIGALTSTACK, (long)&alt, 0, 0, 0, 0, 0);
  const int signals[] = {SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV, SIGVTALRM};
  for (u32 i = 0; i < sizeof signals / sizeof *signals; i++) catch_signal(signals[i], handler);
  const u64 tick[4] = {0, 4000, 0, 4000};  // of processor time, so that a busy machine hangs nothing
  sys(SYS_SETITIMER, 1, (long)tick, 0, 0, 0, 0);
  for (u64 have = 0;;) {
    static u8 *room;
    read_all(&job, sizeof job);
    if (job.magic != 0x45474153) sys(SYS_EXIT, 4, 0, 0, 0, 0, 0);
    u64 n = job.count;
    u64 code_size = ((job.stride ? job.stride * n : job.code_bytes) + 7) & ~7ul;
    u64 length_size = job.has_lengths ? (n + 7) & ~7ul : 0;
    u64 need = code_size + length_size + 2 * n * job.record + 2 * n * job.memory + n * sizeof(struct result) + 64;
    if (need > have) room = map(0, have = need * 2, 3);
    codes = room;
    lengths = codes + code_size;
    states = lengths + length_size;
    memories = states + n * job.record;
    out_states = memories + ((n * job.memory + 7) & ~7ul);
    out_memories = out_states + n * job.record;
    results = (struct result *)(out_memories + ((n * job.memory + 7) & ~7ul));
    read_all(&rest, sizeof rest);
    read_all(codes, code_size + length_size + n * job.record);
    if (job.memory) read_all(memories, n * job.memory);
    if (n && !run_fast()) run_framed(0, n);
    // No later case jumps into what is left of an earlier one
    for (u32 k = 0; k < 4 && k < n; k++) place(slot_of(k), 0, 0);
#ifndef SYS_MPROTECT
    if (FULL) {  // nor into what it stored there
      fill_traps((void *)(CODE - PAGE), SLOT * 1024);
      flush(CODE - PAGE, SLOT * 1024);
    }
#endif
    // Mostly all cases end alike: one result then stands for them all
    u64 alike = n;
    for (u64 k = 1; k < n && alike == n; k++) {
      const u64 *a = (const u64 *)&results[0], *b = (const u64 *)&results[k];
      if ((a[0] ^ b[0]) | (a[1] ^ b[1]) | (a[2] ^ b[2]) | (a[3] ^ b[3])) alike = 0;
    }
    u64 sent[2] = {0x45474153, alike && n ? 1 : n};
    write_all(sent, sizeof sent);
    write_all(results, sent[1] * sizeof(struct result));
    write_all(out_states, n * job.record);
    if (job.memory) write_all(out_memories, n * job.memory);
  }
}

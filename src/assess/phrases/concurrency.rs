//! Concurrency: races, deadlocks, locks, memory ordering, duplicate runs, consensus.

use super::{CONCURRENCY, DATA, Group, MONEY, Pair, code, group, pair};

pub(super) const GROUPS: &[Group] = &[
    group(
        "race",
        &[(CONCURRENCY, 1.2)],
        "race condition | data race | races with | racing | racy | a race between | race between | race in | race on | race when | race due | \
        toctou | check-then-act | check then act | lost update | read-modify-write | deadlock* | dead lock | livelock | lock contention | lock order* | \
        lock inversion | priority inversion | thread safe* | thread-safe* | threadsafe | not thread | thread unsafe | concurrentmodification* | \
        concurrent access | concurrent request | concurrent modification | concurrent write | concurrent update | concurrent job | concurrent call | concurrent insert | concurrent transaction | \
        concurrently | simultaneously | in parallel by | two threads | multiple threads | several threads | two processes | multiple processes | \
        two workers | multiple workers | several workers | two instances | multiple instances | both instances | two requests | two users at | both requests | parallel requests | \
        memory ordering | memory barrier | happens-before | happens before | compare and swap | compare-and-swap | compare-and-set | cas loop | lock-free | lock free | lockfree | \
        spinlock | double-checked | double checked | reentran* | starvation | critical section | mutual exclusion | \
        leader election | elects itself | raft | paxos | distributed lock | redlock | advisory lock | optimistic lock* | pessimistic lock* | select for update | for update skip | \
        fencing token | split brain | split-brain | quorum | consensus | single-flight | singleflight | cache stampede | thundering herd | dogpile | \
        wettlaufsituation | gleichzeitig | verklemm* | al mismo tiempo | simultáne* | condición de carrera | a la vez | concurrencia | \
        竞态 | 死锁 | 并发 | 线程安全 | 加锁 | 分布式锁 | 競合 | デッドロック | 同時に | 排他 | スレッドセーフ | 並行",
    ),
    group(
        "twice",
        &[(CONCURRENCY, 0.6)],
        "runs twice | run twice | executed twice | executes twice | processed twice | processes twice | sent twice | delivered twice | fires twice | double run | \
        duplicate job | duplicate run | duplicate task | duplicate message | duplicate execution | picked up twice | same job twice | negative stock | oversell* | oversold | overbook* | double booking | double-booking | \
        sometimes wrong count | sometimes off | lost increments | doppelt ausgeführt | dos veces | 重复执行 | 超卖 | 负数 | 二重",
    ),
    group(
        "threads",
        &[(CONCURRENCY, 0.5)],
        "lock | locks | locking | unlock | rwlock | readwritelock | synchronized | volatile | atomic | atomics | async task | future | event loop | concurrent | concurrency | parallel | parallelism | \
        waitgroup | channel | actor | condvar | await | hilos | nebenläufig* | 线程 | 锁 | 协程 | スレッド | ロック | 非同期",
    ),
    code(
        "thread-code",
        &[(CONCURRENCY, 0.6)],
        "mu.lock | lock.lock | synchronized ( | synchronized( | sync.mutex | sync.waitgroup | std::mutex | std::thread | std::atomic | arc<mutex | thread::spawn | \
        pthread_* | threading.lock | threading.thread | asyncio.gather | asyncio.lock | task.run( | supplyasync | concurrenthashmap | reentrantlock | atomicinteger | \
        atomic_* | memory_order* | dispatchqueue | dispatchers.io | setnx | for update | select ... for update | countdownlatch | go func( | hashmap<",
    ),
    group(
        "shared",
        &[],
        "shared | counter | same row | same key | same file | same order | same record | same time | global variable | static | singleton | cached value | cache | map | state | session | stock | inventory | inventario | lager | 库存 | 在庫 | カウンタ",
    ),
    group(
        "sometimes",
        &[],
        "sometimes | occasionally | intermittent* | randomly | once in a while | from time to time | under load | in parallel | by another | other thread | \
        non-deterministic | nondeterministic | every few | rarely | manchmal | gelegentlich | a veces | 有时 | 偶尔 | たまに | 時々",
    ),
    group(
        "webhook",
        &[],
        "webhook | callback | cron | scheduler | queue | worker | consumer | listener | job | handler | event",
    ),
    group(
        "threading",
        &[(CONCURRENCY, 0.75)],
        "thread | threads | threading | multithread* | multi-thread* | thread pool | threadpool | executor | executorservice | goroutine | coroutine | completablefuture | mutex | semaphore | asyncio | tokio | rayon | multiprocessing | openmp | in parallel | parallelize | parallelise | dispatchqueue | actor isolation | sendable | seqcst | memory_order | \
        relaxed instead | acquire release | nebenläufig* | hilo | 线程 | 协程 | スレッド",
    ),
    group(
        "at-once",
        &[(CONCURRENCY, 0.6)],
        "at once | at the same moment | same moment | both servers | two servers | on both | both nodes | both pods | two pods | two replicas | two people | two users | two customers | two tabs | two clients | two jobs | two processes | two threads | several clients | last one wins | last write wins | sold to two | double click | clicking twice | run together | runs together | \
        overlap* | in flight at | high traffic | traffic is high | zwei prozesse | zwei nutzer | dos usuarios | dos procesos | 两个请求 | 两个人 | 两个用户 | 同一时间 | 2人 | 二人",
    ),
    group(
        "counting-off",
        &[],
        "counter | count | total count | number of | stock | seats | inventory | balance | id generator | sequence number | invoice number | sequence | number allocation | 9,9* | 99* | recomputes | once",
    ),
    group(
        "unsteady",
        &[],
        "sometimes | occasionally | when traffic | under load | load test | clicks | from the load test | now and then | gone | missing | less than | fewer than | instead of 10 | 1000 requests | double | twice | duplicates | gaps",
    ),
    group(
        "blocked",
        &[(CONCURRENCY, 0.9)],
        "blocked waiting | waiting to lock | waiting for lock | waiting for 0x* | holding 0x* | thread dump | lock wait timeout | deadlock found | holds the lock | hold the lock | holding the lock | acquire the lock | acquiring the lock | lock ordering | lock is held | under the lock | without a lock | without lock | without holding | needs a lock | lock free | drop this lock | remove the lock | interleav* | in any order | out of order | ordering of events | order of execution | only one instance | only one worker | only once across | single writer | exactly one | at most one | mutual | \
        synchronous* | synchronization | synchronisation | non-blocking | nonblocking | blocking call | block in | waits for | not wait for | doesn't wait | async iterator | wait for all | wait group | join all | promise.all | max concurrency | limit concurrency | at most 10 at | cancel the others | cancellation token | cancellationtoken | gil | goroutine leak | share one connection | shared between | shared across | per-thread | thread local | threadlocal | reentrant | preempt* | atomic* | isolation between jobs | job runs while | while the other | still running when | previous run",
    ),
    group(
        "many-at-work",
        &[(CONCURRENCY, 0.5)],
        "two goroutines | both workers | on both workers | same task on | several threads call | lock per key | per-key lock | global lock | one global lock | quickly | presses twice | pressed twice | clicks twice | double submit | submits twice | gets two orders | append to the same | write to the same | writes to the same | same slice | another task | other task | one task | another thread | another process | other process | background thread | background threads | main thread | ui thread | worker thread | three app servers | several app servers | app servers | multiple servers | several servers | both send | both run | both start | both write | two containers | two cron | several instances | parallel stream | parallel streams | parallel jobs | parallel builds | concurrent jobs | simultaneous | while iterating | modified while | during iteration | iterating from | if-exists-then-insert | check then insert | exists then insert | get or create | find or create | getorcreate | read then write | safe if one | thread-confined | sendable | between threads | across threads | many threads | mehrere server | mehrere threads | zwei server | varios hilos | varios servidores | 多个线程 | 多线程 | 多个实例 | 两台 | 複数のスレッド | 複数台 | 二台",
    ),
    group(
        "wrong-number",
        &[(CONCURRENCY, 0.2)],
        "duplicates | duplicate | inserts two | two rows | inserted twice | loses elements | missing elements | lost elements | elements are missing | skipped | twice | double | sometimes | occasionally | random order | out of order",
    ),
    group("same-time", &[(CONCURRENCY, 0.55)], "at the same time | 同时"),
];

pub(super) const PAIRS: &[Pair] = &[
    pair("threads", "shared", 80, &[(CONCURRENCY, 0.4)]),
    pair("threads", "sometimes", 150, &[(CONCURRENCY, 0.4)]),
    pair("shared", "sometimes", 100, &[(CONCURRENCY, 0.4)]),
    pair("thread-code", "threads", 600, &[(CONCURRENCY, 0.3)]),
    pair("twice", "webhook", 80, &[(CONCURRENCY, 0.5)]),
    pair("twice", "charging", 80, &[(CONCURRENCY, 0.5), (MONEY, 0.6)]),
    pair("twice", "shared", 80, &[(CONCURRENCY, 0.4), (DATA, 0.2)]),
    pair("race", "charging", 200, &[(MONEY, 0.6)]),
    pair("at-once", "shared", 100, &[(CONCURRENCY, 0.4)]),
    pair("at-once", "unsteady", 100, &[(CONCURRENCY, 0.4)]),
    pair("counting-off", "unsteady", 80, &[(CONCURRENCY, 0.6)]),
    pair("threading", "shared", 100, &[(CONCURRENCY, 0.4)]),
    pair("threading", "threads", 100, &[(CONCURRENCY, 0.2)]),
    pair("threading", "sometimes", 150, &[(CONCURRENCY, 0.4)]),
    pair("at-once", "twice", 100, &[(CONCURRENCY, 0.4)]),
    pair("at-once", "charging", 100, &[(CONCURRENCY, 0.3), (MONEY, 0.3)]),
    pair("many-at-work", "wrong-number", 120, &[(CONCURRENCY, 0.45)]),
    pair("many-at-work", "shared", 100, &[(CONCURRENCY, 0.3)]),
    pair("many-at-work", "threading", 120, &[(CONCURRENCY, 0.3)]),
];

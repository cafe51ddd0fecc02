//! Performance: latency, throughput, memory growth, contention, capacity.

use super::{Group, PERFORMANCE, Pair, code, group, pair};

pub(super) const GROUPS: &[Group] = &[
    group(
        "slow",
        &[(PERFORMANCE, 1.1)],
        "too slow | very slow | so slow | really slow | extremely slow | super slow | much slower | slower than | getting slower | slows down | slow down | slowed | slowness | slow query | slow queries | \
        is slow | are slow | runs slow* | painfully slow | takes too long | takes forever | takes hours | take hours | takes minutes | taking long | long time to | takes ages | speed up | speedup | speed-up | \
        faster way | make it faster | make this faster | run faster | faster than | performance issue | performance problem | performance regression | performance improvement | performance degradation | \
        performance impact | performance bottleneck | performance tuning | poor performance | bad performance | improve performance | improve the performance | performance of | for performance | better performance | \
        performance penalt* | optimize | optimise | optimizing | optimization | optimisation | inefficient | bottleneck | hot path | hotspot | hot spot | profiler says | profiling | flame graph | flamegraph | \
        high cpu | cpu usage | 100% cpu | cpu-bound | cpu time | latency | latencies | p99 | p95 | p50 | throughput | qps | rps | msg/s | req/s | requests per second | ops/s | \
        n+1 | full table scan | full scan | seq scan | query plan | explain analyze | missing index | exhausted resources | query optim* | \
        langsam | zu lange | beschleunig* | lento | lenta | tarda mucho | rendimiento | optimizar | 慢 | 性能 | 优化 | 延迟 | 吞吐 | 遅い | 重い | 高速化 | パフォーマンス | 性能",
    ),
    group(
        "memory",
        &[(PERFORMANCE, 1.1)],
        "memory leak | memory leaking | leaks memory | leaking memory | leak memory | leak in | leaks a | out of memory | out-of-memory | outofmemory* | oom | memory growth | memory grows | memory usage | \
        memory consumption | memory footprint | memory issue | memory problem | memory increas* | memory keeps | uses too much memory | high memory | memory pressure | heap space | heap size | native memory | release memory | free memory | \
        class loader leak | classloader leak | garbage collect* | gc pause | gc overhead | gc pressure | memory overflow | memory limit | not garbage | never freed | not released | leaks listener | listener leak | unbounded | \
        speicherleck | arbeitsspeicher | speicherverbrauch | fuga de memoria | memoria | 内存泄漏 | 内存 | メモリリーク | メモリ",
    ),
    group(
        "capacity",
        &[(PERFORMANCE, 1.0)],
        "capacity planning | scale to | scales to | scale up | scale out | scalab* | scaling | autoscal* | 10x traffic | peak load | peak traffic | high load | heavy load | under load | load test* | \
        benchmark* | concurrent users | million users | million records | million rows | billion rows | how many partitions | how many instances | how many workers | connection pool size | batch size | prefetch | \
        lock contention | contention | cache hit | cache miss | hit rate | cache invalidation | caching layer | caching strategy | thread pool size | io bound | i/o bound | disk io | disk i/o | bandwidth | too many requests to | \
        too many calls | unnecessary calls | redundant calls | unnecessary copies | avoid copying | extra copy | zero-copy | vectoriz* | simd | gpu memory | gpu utilization | \
        lastspitze | skalier* | escalar | 扩容 | 高并发 | 缓存 | スケール | 負荷",
    ),
    group(
        "quick",
        &[(PERFORMANCE, 0.5)],
        " performant | efficient | cache | caching | leak | leaks | gpu | load time | loading time | \
        large dataset | large file | huge file | thousands of rows | million | millions | batch | index | pooling | schnell* | rápido | 快 | 速い",
    ),
    group(
        "size",
        &[],
        "million | millions | billion | thousands | 000 rows | 000 records | gb | tb | large | huge | big | loop | query | queries | iterat* | every request | each request | per request",
    ),
    code(
        "explain-plan",
        &[(PERFORMANCE, 0.8)],
        "seq scan | rows removed by filter | index scan | execution time: | java.lang.outofmemoryerror | heap out of memory | cost=0.00",
    ),
    group(
        "slowish",
        &[(PERFORMANCE, 0.75)],
        "slow | slower | slowly | terribly slow | sluggish | laggy | performance | speed | gets slower | re-render* | rerender* | hot loop | hot path | object creation | allocation* | allocates | one call per | call per | gb ram | gb of ram | gb of memory | mb of memory | ram usage | how big a machine | bottlenecks | memoize | usememo | \
        batch them | batching | in batches | concurrent users | websocket users | reduce memory | too many queries | many queries | too many requests | unnecessary | redundant | redundantly | avoid the extra | avoid repeated | repeatedly | each key press | on each request | caches | 索引 | 卡顿 | インデックス | 重く",
    ),
    group(
        "takes",
        &[],
        "takes | take | took | needs | need | taking | spends | lasts | after | went from | braucht | dauert | benötigt | tarda | tardan | demora | 要 | 需要 | 花 | かかる | かかり* | かかって*",
    ),
    group(
        "duration",
        &[],
        "seconds | second | secs | minutes | mins | hours | ms | 9s | 10s | 20s | 30s | sekunden | minuten | stunden | segundos | minutos | horas | 秒 | 分钟 | 小时 | 分 | 時間",
    ),
    group(
        "tuning",
        &[(PERFORMANCE, 0.8)],
        "readahead | read ahead | read-ahead | queue depth | buffer size | lazy load* | eager load* | select_related | prefetch_related | pagination of | paginate the | virtualize* | virtualise* | web worker | bundle size | lighthouse | startup time | start-up time | cold start | boot time | load times | loads slowly | response time | response times | render time | frame rate | fps | jank | stutter* | heap snapshot | heap dump | hprof | memory profil* | cpu profil* | \
        o(n^2) | o(n2) | quadratic | exponential time | nested loops | big o | millions of | 1m rows | 1 million | 10 million | 100k | 50k lines | 3 million | gigabyte* | terabyte* | large table | huge table | large dataset | big data | cache the | add caching | cache it | caching strategy | use redis as cache | debounce | throttle the | connection reuse | keep connections | bulk insert | insert many | copy from | materialized view | denormali* | sharding | shard | read replica | replicas for reads | partition* by | \
        throughput of | msg per second | events per second | events/s | messages per second | requests/s | 1000 users | 10k users | 100k users | double the traffic | more traffic | traffic spike | black friday",
    ),
    group(
        "speed-topic",
        &[(PERFORMANCE, 0.6)],
        "quicker | through 20gb | 20gb | 10gb | 1e6 | 1e9 | 80m | from 12 minutes | build from | cut the | cut docker | allocate | allocate less | fewer allocations | will one * hold | hold 80m | how much memory | how much ram | enough for | freezes when i type | when i type | less memory | smaller image | too big | too large | faster | fast | fastest | quicker | janky | jank | lag | lags | laggy | delay | delays | too many head | too many calls | too many | so many | extra call | extra calls | extra request | unneeded | duplicate calls | duplicate requests | double loop | nested loop | loops over | vectorize | replace this loop | per hour | per day | grows by | grow by | keeps growing | growing | grows over time | heap | ram | memory | cpu | load | takes hours | takes days | 3 days | inserts per second | per second | docs per | on 2m | rows per | schneller | langsamer | más rápido | 更快 | 太慢 | 占用 | 速く | 早く | 遅く",
    ),
];

pub(super) const PAIRS: &[Pair] = &[
    pair("quick", "size", 60, &[(PERFORMANCE, 0.35)]),
    pair("slow", "size", 100, &[(PERFORMANCE, 0.2)]),
    pair("quick", "stakes-live", 100, &[(PERFORMANCE, 0.3)]),
    pair("takes", "duration", 14, &[(PERFORMANCE, 0.8)]),
    pair("slowish", "size", 80, &[(PERFORMANCE, 0.3)]),
    pair("slowish", "duration", 100, &[(PERFORMANCE, 0.2)]),
    pair("speed-topic", "size", 80, &[(PERFORMANCE, 0.25)]),
    pair("speed-topic", "duration", 100, &[(PERFORMANCE, 0.2)]),
    pair("speed-topic", "takes", 40, &[(PERFORMANCE, 0.15)]),
];

//! Reliability: outages, failover, retries and timeouts, hangs, deploys, health, monitoring.

use super::{Group, INFRA, PERFORMANCE, Pair, RELIABILITY, STAKES, group, pair};

pub(super) const GROUPS: &[Group] = &[
    group(
        "outage",
        &[(RELIABILITY, 1.2), (STAKES, 0.6)],
        "outage | incident | postmortem | post-mortem | root cause analysis | went down | goes down | is down | are down | \
        was down | site died | site is dead | everything is down | downtime | unreachable | unavailable | not available anymore | sev1 | sev 1 | p1 incident | \
        on-call | on call | oncall | pager* | 5xx | 502 | 503 | 504 | bad gateway | gateway timeout | service unavailable | error rate | \
        crashloop* | crash loop | crash-loop* | keeps restarting | keeps crashing | restarts every | restart loop | restarting every | oomkilled | oom killed | oom-killed | \
        melts | meltdown | brownout | blackout | ausfall | ausgefallen | störung | nicht erreichbar | stürzt ab | neu gestartet | starten alle | \
        caído | caída | se cae | no responde | fuera de servicio | 宕机 | 挂了 | 崩溃 | 故障 | 线上问题 | 重启 | 障害 | 落ちる | 落ちた | ダウン | 繋がら*",
    ),
    group(
        "failover",
        &[(RELIABILITY, 1.1)],
        "failover | fail over | fail-over | high availability | highly available | ha setup | hot standby | standby | replica promotion | \
        promote the replica | split brain | split-brain | quorum | disaster recovery | redundan* | single point of failure | spof | multi-region | \
        multi region | zookeeper session | active-passive | active-active | graceful shutdown | graceful degradation | drain connection | \
        rolling update | rolling restart | zero downtime | zero-downtime | without downtime | no downtime | blue-green | blue/green | canary | \
        roll back the deploy | rollback plan | deploy rollback | failed deploy | after deploy | after the deploy | since the deploy | after the release | \
        health check | healthcheck | health-check | health monitor | liveness | readiness probe | heartbeat | watchdog | \
        ausfallsicher* | rollback | conmutación | alta disponibilidad | 故障转移 | 高可用 | 回滚 | 灰度 | 健康检查 | フェイルオーバー | 冗長 | ロールバック | ヘルスチェック",
    ),
    group(
        "retrying",
        &[(RELIABILITY, 1.1)],
        "retry policy | retry logic | retries | retrying | retry on | retry with | should retry | no retry | not retry | not retried | retried | \
        retry forever | retrying forever | retry storm | retry count | max retries | backoff | back-off | exponential back* | jitter | circuit breaker | bulkhead | \
        timeout policy | connect timeout | read timeout | request timeout | socket timeout | connection timeout | rpc timeout | call timeout | idle timeout | \
        timeouts to | set a timeout | add a timeout | no timeout | without timeout | timeout handling | deadline exceeded | load shedding | shed load | \
        throttled by | throttling | rate limit* | dead letter | dead-letter | dlq | poison message | redeliver* | visibility timeout | \
        wiederhol* | zeitüberschreitung | reintent* | 重试 | 超时 | 熔断 | 限流 | 降级 | リトライ | タイムアウト | 再試行",
    ),
    group(
        "timing-out",
        &[(RELIABILITY, 0.55)],
        "retry | timeout | time out | timed out | times out | timing out | reconnect* | disconnect* | connection lost | connection reset | \
        connection refused | broken pipe | keepalive | keep-alive | econnreset | etimedout | connection closed | unresponsive | restart | redeploy | deploy | deployment",
    ),
    group(
        "hang",
        &[(RELIABILITY, 1.0)],
        "hangs | hanging | hang forever | hung | stuck forever | gets stuck | got stuck | is stuck | are stuck | stuck waiting | never returns | \
        never finishes | never completes | never terminates | infinite loop | endless loop | freezes after | stops responding | stop responding | \
        stopped responding | not responding | stops processing | stops consuming | blocked forever | waits forever | wait forever | stalls | stalled | \
        service crash* | server crash* | node crash* | process crash* | daemon crash* | broker crash* | worker crash* | crashes the server | crashes on | \
        segmentation fault | segfault | core dump | abort* unexpectedly | terminated unexpectedly | panics in | \
        hängt | hängen geblieben | bleibt stehen | se cuelga | se queda colgad* | bloqueado | 卡住 | 卡死 | 无响应 | 假死 | 固まる | ハング | フリーズ | 応答しない",
    ),
    group(
        "leaking-connections",
        &[(RELIABILITY, 1.0)],
        "connection leak | leaks connection | leaking connection | leak connection | connection pool exhaust* | pool exhaust* | pool is exhausted | \
        exhausted pool | too many connections | too many open files | file descriptor leak | fd leak | descriptor leak | leaked file desc* | close_wait | not closed | never closed | \
        not being closed | doesn't close | does not close | socket leak | thread leak | resource leak | leaks thread | leaked stream | unclosed",
    ),
    group(
        "watching",
        &[(RELIABILITY, 0.9)],
        "alerting | alertmanager | prometheus alert | alert rule | alert when | alert us | alert on | slo | sla | error budget | uptime | \
        runbook | monitoring of | monitor production | monitoring for prod* | chaos test* | chaos engineering | überwachung | monitorización | 监控 | 告警 | 報警 | 監視 | アラート",
    ),
    group(
        "cascade",
        &[(RELIABILITY, 1.0)],
        "cascading | thundering herd | takes everything down | take everything down | takes down | brings down | bring down | take the site down | \
        slow dependency | backpressure | back pressure | back-pressure | overload* | connection storm | message loss | lost messages | messages lost | drops messages | \
        consumer lag | lost events | events lost | missed event | single node fail* | node failure | broker goes | broker down | replica down | when the broker | when redis is down | \
        when the db is down | if the service is down | power loss | network partition | partition tolerance",
    ),
    group(
        "service",
        &[],
        "service | server | namenode | datanode | nodemanager | broker | worker | daemon | cluster | node | client | connection | producer | consumer | scheduler | \
        queue | job | cron | cronjob | pod | api | endpoint | backend | gateway | proxy | listener | dienst | servicio | servidor | 服务 | 服务器 | 节点 | サーバー | サービス",
    ),
    group(
        "failing",
        &[],
        "fails | failed | failing | crash | crashed | crashes | dies | died | killed | error | errors | exception | down | stops | stopped | breaks | unable to | not work* | lost | \
        missing | npe | nullpointerexception | null pointer | panic | fehl* | abgebrochen | falla | 失败 | 报错 | 失敗 | エラー",
    ),
    group(
        "erroring",
        &[(RELIABILITY, 0.9)],
        "returns 500 | return 500 | error 500 | http 500 | 500 error | 500s | status 500 | internal server error since | since 10 minutes | since this morning | since yesterday | since last night | errors since | queue grows | queue is growing | backlog | piles up | piling up | do nothing | does nothing anymore | alive but | come back | comes back | \
        recover* after | never recovers | not recover* | unclean shutdown | terminates unexpectedly | terminated unexpectedly | exits unexpectedly | unexpectedly | killed by | climbs until | dead node | after restart | after the restart | after a restart | whole app | whole site | the whole | takes down | seit heute | bricht ab | ständig | desde ayer | desde esta mañana | 一直报 | 起不来 | 途中で止* | 終わらない | 終わっていません | 止まり | 止まる | 動かなく*",
    ),
    group(
        "limits-of-time",
        &[(RELIABILITY, 0.8)],
        "time limit | no time limit | connect and read | deadline | retry count | retry interval | give up after | try again | tries | attempts | poll* interval | health | if the provider is down | is down the | is gone | goes away | not available | unavailab* | offline",
    ),
    group(
        "exhaustion",
        &[(RELIABILITY, 0.9)],
        "pool ran dry | ran dry | pool size | pool sizes | max_connections | too many clients | connection slots | disk full | disk is full | no space left | out of disk | ulimit | certificate expired | cert expired | cert ran out | expired certificate | pending jobs | jobs pending | jobs not executing | not executing | not processed | stop being processed | silently stops | silently stopped | stops after | stops working after | freezes about | whole app freezes | freezes | frozen | zombie process | defunct | \
        restart policy | sigterm | sigkill | graceful stop | draining | warm up | warm-up | rollout | rolled out | rebalance | rebalancing | consumer group | missed heartbeat* | lost connection | loses connection | drops connection | connection drops | connection is lost | reconnect* | resubscribe | fallback | fall back | degraded | degrade | fault tolera* | resilien* | self-heal* | recovery | recover from | bootstrapping fails | startup fails | fails to start | won't start | doesn't start after | \
        shutdown hook | unhandled rejection | uncaught exception | process exits | exit code 137 | exit code 1 in prod | monitoring | grafana | prometheus | opsgenie | statuspage | status page | synthetic check | smoke test after deploy",
    ),
    group(
        "trouble-topic",
        &[(RELIABILITY, 0.5)],
        "requests fail | fail since | failing since | in-flight | in flight | gets killed | get killed | pod gets killed | to be up before | wait for postgres | wait for the db | wait for the database | before the app starts | pages us | paged | paging us | disk 9* | disk usage | glitch | network glitch | blip | hiccup | never resumes | doesn't resume | does not resume | resume after | error path | leaks socket | leaks a socket | switched the load balancer | after the switch | broken pipe | disconnected | gets disconnected | disconnects | unreliable | unstable | stability | robust | robustness | survive | survives | survived | restart | restarts | restarted | reconnection | crash | crashes | crashing | crashed | answers with errors | with errors for | errors for | fails for | every friday | once a day | every night | every hour | at peak | blocks the whole | whole partition | without interrupt* | laufende sitzungen | abbrechen | abgebrochen | hängt sich | abstürz* | se reinicia | se cae | 挂掉 | 堆积 | 崩 | 卡 | 不稳定 | 落ち | 不安定 | 切断",
    ),
    group(
        "running-thing",
        &[(RELIABILITY, 0.2)],
        "namenode | datanode | resourcemanager | broker | worker | workers | celery | gunicorn | server process | daemon | service | services | zookeeper | kafka | rabbitmq | redis | nginx | load balancer | queue | partition | consumer | consumers | language server | extension host | peer | node | cluster | checkout | backend | pipeline | stream | cronjob | batch job | nightly job",
    ),
];

pub(super) const PAIRS: &[Pair] = &[
    pair("service", "hang", 80, &[(RELIABILITY, 0.3)]),
    pair("service", "timing-out", 40, &[(RELIABILITY, 0.35)]),
    pair("failing", "stakes-live", 60, &[(RELIABILITY, 0.5)]),
    pair("timing-out", "stakes-live", 80, &[(RELIABILITY, 0.5)]),
    pair("outage", "infra-words", 200, &[(RELIABILITY, 0.2), (INFRA, 0.3)]),
    pair("outage", "memory", 200, &[(PERFORMANCE, 0.3)]),
    pair("service", "erroring", 100, &[(RELIABILITY, 0.3)]),
    pair("service", "limits-of-time", 60, &[(RELIABILITY, 0.25)]),
    pair("service", "failing", 25, &[(RELIABILITY, 0.3)]),
    pair("exhaustion", "service", 100, &[(RELIABILITY, 0.25)]),
    pair("trouble-topic", "running-thing", 80, &[(RELIABILITY, 0.35)]),
    pair("trouble-topic", "stakes-live", 100, &[(RELIABILITY, 0.3)]),
];

//! Situations that are told without any of a risk's own words: somebody opens what is not theirs, two take the same
//! thing, old data goes to a new place. Each group is a part of such a sentence; the pairs are the sentences.

use super::{
    ARCHITECTURE, CALM, COMPLIANCE, CONCURRENCY, DATA, Group, INFRA, MONEY, PERFORMANCE, Pair, RELIABILITY, SECURITY,
    TEXTBOOK, group, pair,
};

pub(super) const GROUPS: &[Group] = &[
    group(
        "whoever",
        &[],
        "whoever | whomever | everyone with | all employees | all members | wer den link hat | quien tenga | anyone | anybody | everyone | everybody | any user | any visitor | any logged | any logged-in | every logged | any customer | any employee | any member | \
        any client | any request | any tenant | a visitor | visitors | strangers | a stranger | outsiders | support staff | guests | a guest | other users | other people | others | \
        non-admin | non-admins | normal user | normal users | regular user | regular users | interns | contractors | former | ex- | former employees | \
        jeder | jede angemeldete | jeder angemeldete | alle nutzer | jeder nutzer | fremde | gäste | cualquiera | cualquier usuario | todos los usuarios |任何人 | 任何用户 | 任意用户 | 誰でも | 他の人",
    ),
    group(
        "reaches",
        &[],
        "works for | still works for | ohne anmeldung | ohne login | sin iniciar sesión | sin login | ログインなし | ログインせず* | 不用登录 | 未登录 | can open | can fetch | can still fetch | still fetch | can download | can list | can delete | can change | can edit | can modify | can approve | can read | can see | can still see | can still read | \
        can still open | can still use | can call | can reach | can get | can view | can join | can upload | can run | could open | could fetch | could download | could read | could list | able to open | able to see | able to read | able to download | able to delete | able to edit | able to access | \
        may open | gets access | get access | open any | see any | read any | view any | edit any | delete any | download any | reads the | sees the | look at | looked at | \
        herunterladen | einsehen | öffnen | lesen kann | sehen kann | sehen können | ändern kann | descargar | puede ver | pueden ver | puede abrir | puede leer | puede editar | 能看到 | 能下载 | 可以看到 | 可以下载 | 可以查看 | 見られ* | 閲覧でき* | ダウンロードでき*",
    ),
    group(
        "by-tampering",
        &[(SECURITY, 0.9)],
        "deserializ* | redirect_uri | redirect uri | redirect url | callback url | open relay | runs scripts | run scripts from | executes scripts | scripts from workspace | not trusted | is not trusted | crafted | malicious* | hostile | abuse* | abused | bots | credential stuffing | ohne anmeldung erreichbar | ログインなし | 未登录就能 | by editing the number | by editing the id | by editing the url | editing the id | editing the url | by changing the number | by changing the id | by changing the url | changing the url | \
        by guessing | guess the url | guess the link | guessing the url | number in the address bar | id in the address bar | in the address bar | id in the url | number in the url | \
        whatever url | any url | arbitrary url | arbitrary file | arbitrary files | arbitrary code | arbitrary command | arbitrary path | inside our network | internal network | internal addresses | metadata endpoint | 169.254.169.254 | \
        host header | x-forwarded-host | forged | forge | spoof* | tamper* | craft a request | crafted request | crafted input | hand-made request | with curl anyone",
    ),
    group(
        "who-decides-access",
        &[(SECURITY, 0.9)],
        "same rights | rights as | rights on | admin rights | write access | read access | give access | grant access | gets around | get around this check | get around the check | get around this | circumvent* | can a user get | trick the | outsmart | impersonate | signature of | checks the signature | check the signature | expired token | expired tokens | cancelled token | after cancel | old sessions | existing sessions | other sessions | session is not | sessions stay | sessions remain | alte sitzungen | sitzungen gültig | sesiones antiguas | 旧的登录 | 旧会话 | 古いセッション | connection string | connection strings | certificate checks | certificate check | world readable | readable by everyone | chmod | permission bits | umask | roles for | roles of | permissions model | permission model | rights of | deactivated | revoked users | decides whether a request | decides whether a user | decides who | whether a request may | whether a user may | whether the user may | whether the caller may | who may see | who can see | who may read | who can read | who may edit | who can edit | who may call | who can call | \
        may see a | may see the | allowed to see | allowed to read | allowed to edit | allowed to delete | allowed to call | only lets | only let | second factor | without the second factor | second step of the login | one-time code | one time code | backup codes | recovery codes | \
        sign a url | sign the url | signed url | signed urls | sign an s3 | sign s3 | signed link | signed download | upload url | signed cookie | sign the cookie | sign requests | sign the request | sign the payload | verify the payload | \
        after sharing was turned off | sharing was turned off | sharing is off | unshared | not shared with | stays logged in | still logged in | stay logged in | kept in memory | keeps the password | passphrase | stays in the log | ends up in the log | end up in the log | \
        andere mandanten | anderer mandanten | anderer firmen | anderer kunden | otras empresas | otros clientes | 别的公司 | 其他公司 | 他社の",
    ),
    group(
        "same-thing",
        &[],
        "same ticket | same order | same job | same task | same message | same seat | same item | same record | same row | same file | same environment | same invoice | same token | same slot | same room | same number | same id | same key | same user | same account | same coupon | same voucher | \
        same document | same object | same event | same entry | same lock | same resource | same request | same time slot | same card | same code | same counter | same balance | same product | same stock | same license | same lead | \
        mismo pedido | mismo trabajo | mismo registro | misma tarea | mismo mensaje | mismo archivo | misma fila | misma plaza | gleichen auftrag | denselben auftrag | dieselbe aufgabe | denselben job | dieselbe datei | dieselbe zeile | derselbe auftrag | gleiche ticket | selbe ticket | \
        同一个订单 | 同一个任务 | 同一条 | 同一个 | 同一张 | 同じ注文 | 同じジョブ | 同じタスク | 同じ行 | 同じ席 | 同じチケット",
    ),
    group(
        "two-of-them",
        &[],
        "two agents | two workers | two users | two people | two consumers | two deploys | two deploy | two jobs | two pods | two threads | two tabs | two requests | two processes | two clients | two servers | two nodes | two replicas | two instances | two cron | two schedulers | two editors | two colleagues | two customers | two buyers | two drivers | two callbacks | \
        both tabs | both workers | both jobs | both think | both believe | both pods | both get | both take | both send | both write | both see | both pass | both succeed | both of them | each other | several pods | several workers | several instances | several processes | several servers | several people | several clients | many clients | multiple pods | multiple workers | multiple replicas | multiple nodes | \
        more than one worker | more than one pod | more than one instance | a second worker | a second instance | another worker | another instance | another pod | another node | another thread | another request | \
        dos trabajadores | dos procesos | dos usuarios | dos instancias | dos clientes | dos hilos | zwei worker | zwei arbeiter | zwei prozesse | zwei benutzer | zwei nutzer | zwei instanzen | zwei kunden | beide worker | beide prozesse | 两个工人 | 两个进程 | 两个用户 | 两个客服 | 两个线程 | 两个实例 | 两个人 | 多个实例 | 多个进程 | 2つの | 二つの | 複数の",
    ),
    group(
        "interleaving",
        &[(CONCURRENCY, 0.7)],
        "race: | bulk load race | and * race | read lock | write lock | read-lock | write-lock | holds only the | under the read lock | tears | tearing | concurrent render | static int | static counter | is i++ | i++ | database is locked | is locked by | locked by another | many requests call | requests call it | rotate at once | run at once | all at once | several threads | from several threads | while another | while the other | still holds | two roots | sold to two | the last seat | last seat | last item in stock | get then set | get and then set | read and then write | reads and then writes | reads, then writes | checks and then | check and then | looks and then | first checks | between the check | between the read | in between another | within a second of each other | at almost the same | almost simultaneously | \
        several pods write | several pods | stored in a field | kept in a field | static dictionary | static map | static list | static hashmap | shared handler | shared instance | shared object | shared state | shared variable | module level variable | global dict | unbuffered channel | wg.wait | wait group | \
        concurrentmodificationexception | illegalmonitorstate* | not reentrant | lock around | a lock around | need a lock | needs locking | without locking | who wins | wins the race | last writer | first come | double-spend | double spend | given to two | given out twice | handed out twice | assigned twice | assigned to two | picked by two | taken by two | sold twice | booked twice | reserved twice",
    ),
    group(
        "never-again",
        &[(RELIABILITY, 0.85)],
        "answers nothing | answers nothing any more | hangs at | is never reported | never reported | no automatic recovery | both become standby | become standby | go back by itself | goes back by itself | roll itself back | drop every | drops every | died over | died and nobody | dies and nobody | nobody noticed | keeps dying | died over the weekend | delayed by hours | delayed for hours | fills the shared | fills the queue | fill the queue | noisy neighbour | noisy neighbor | slow tenant | one slow | too many open files | stops accepting | only a restart | only a * restart helped | needs a restart | restart helped | restart brings it back | aborts when | server dies | the node dies | a hanging disk | deja de consumir | deja de funcionar | deja de responder | se cae la red | reagiert nicht mehr | bleibt hängen | nach einem neustart | 不再消费 | 必须重启 | 再起動する* | never takes another | never takes a new | stops consuming | stops processing | stops receiving | stops working until | stops responding | never recovers | doesn't recover | does not recover | never comes back | does not come back | doesn't come back | until someone restarts | until we restart | until you restart | until restart | until restarted | until it is restarted | until the process is restarted | until we bounce | bounce the | by hand until | \
        pile up | piles up | piling up | backs up | stays in transition | in transition forever | stuck in transition | blocks forever | waits forever | hangs forever | never returns | never completes | never reconnects | does not reconnect | doesn't reconnect | won't reconnect | no heartbeat | missed heartbeat | missed heartbeats | keeps rebalancing | rebalance loop | rebalancing every | keeps failing over | flapping | \
        upper limit on the wait | fail fast | fails fast | give up after | gives up after | falls over | fall over | cannot keep up | can't keep up | never acknowledged | fails to start after | no working standby | refuses to start | won't start after | does not start after",
    ),
    group(
        "twice-stored",
        &[(DATA, 0.7)],
        "applied twice | between writing | dies between | crashes between | killed between | dies halfway | never seen again | is never seen | handed out again | given out again | reused by mistake | totals drift | drifts | starts at 0 | half of my | are saved and half | half are not | forgets the last | lost after a crash | lost after restart | manifest is | updating the manifest | before the file is | appended twice | appended to the log twice | written twice | stored twice | saved twice | inserted twice | show up again | shows up again | come back after | resurrect* | tombstone* | incomplete update | incomplete updates | partial update | partial updates | partially updated | partly updated | half updated | \
        silently skip* | skips rows | rows are skipped | reads as zeros | read as zeros | reads back | reading it back | wrong values for | wrong value is stored | writes wrong | stores wrong | stores the wrong | saves the wrong | lose the last | loses the last | drops the last | lost the last | last block | children are deleted | deletes the children | deletes all children | disappear from the table | disappears from the table | gone from the table | gone from the database",
    ),
    group(
        "old-to-new",
        &[],
        "to the new table | to a new table | into the new table | into a new table | to the new schema | into the new schema | to the new database | to the new db | from the old schema | from the old table | from the old db | from the old database | in the new format | to the new format | \
        in die neue tabelle | in eine neue tabelle | aus der alten tabelle | a la nueva tabla | a la tabla nueva | de la tabla vieja | 新表 | 新的表 | 新しいテーブル | 既存の注文 | 既存データ | 既存の",
    ),
    group(
        "of-records",
        &[],
        "orders | customers | users | invoices | accounts | bookings | contracts | products | rows | records | entries | data | documents | payments | events | bestellungen | kunden | rechnungen | konten | daten | einträge | pedidos | clientes | facturas | registros | datos | 订单 | 用户 | 数据 | 客户 | 注文 | 顧客 | データ",
    ),
    group(
        "carries-over",
        &[],
        "copy | copies | move | moves | migrate | transfer | convert | port | load | import | fill | kopier* | übertrag* | verschieb* | copia | copiar | mover | pasar | 复制 | 搬到 | 迁到 | 移す | 移し* | 移行 | コピー",
    ),
    group(
        "wipes",
        &[],
        "empty the | clear the | wipe the | clear out | purge | throw away | get rid of all | remove all | delete all | delete everything | truncate | lösche | löschen | leere | leeren | entferne alle | borra | borrar | elimina | vacía | 删除 | 清空 | 删掉 | 消して | 削除して | 空にして",
    ),
    group(
        "query-cost",
        &[(PERFORMANCE, 0.8)],
        "dominates the profile | for every heartbeat | for each heartbeat | copies the whole | copies the map | times the traffic | more traffic | launch will bring | peak of | black friday | survive the load | handle the load | stand the load | without buying ram | process is killed | select per entity | query per row | query per entity | runs a select | round trips | round-trips | roundtrips | runs its own query | own query | takes weeks | takes days | half a minute | a minute to open | to open for big | seconds to open | new byte[] per | allocates a new | allocate a new | per cell | gc takes | of the time | rebalance of | with more than one thread | faster to use | is it faster | which is faster | what is faster | goes to 100% | dies with oom | not released between | 要八秒 | 几秒 | 十几秒 | 何秒も | best index | which index | right index | what index | index for this query | index for the query | composite index | covering index | partial index | over and over | again and again | fetches everything | loads everything | load everything | loads every | loads all | into memory at once | every key press | each key press | every keystroke | each keystroke | \
        queries per page | queries per request | 1000 queries | hundreds of queries | thousands of queries | x slower | times slower | takes seconds | takes 9 seconds | seconds to load | seconds to open | seconds to render | minutes to | used to need | used to take | now needs | now takes | typing lag | input lag | lag when | freezes for | stutter* | frame drop* | dropped frames | inner loop | nested loops over | for each of 2 million | m rows | m row | million line | million lines | \
        holds the whole | in heap | whole file in memory | whole block | stream it instead | stream the | instead of loading",
    ),
    group(
        "published-shape",
        &[(ARCHITECTURE, 0.8)],
        "trade-offs | tradeoffs | good idea between | shared library for | graphql or | rest or | in front of the | one service or | several services read | services read | what has to change first | in this stack | how would you shape | shape the | how would you structure | model for three | model for several | ways to configure | suggest one that | keeps existing users | existing users working | without breaking existing | monorepo | one repo per | repo per service | for 12 services | which products share | share accounts | before we publish | publish it as | as v1 | v1 of the | v2 of the | public surface | stable surface | stable api | stable interface | deprecate the old | deprecation path | over two releases | internal modules | import our internals | plugin interface | extension point | extension points | \
        out of the monolith | cut the monolith | split the monolith | how do they talk | which piece first | which part first | plain postgres | or plain | build it ourselves | domain entities | application layer | domain layer | handlers | hexagonal | ports and adapters | clean architecture | onion architecture | vertical slice | aggregate root | anti-corruption layer",
    ),
    group(
        "about-a-person",
        &[(COMPLIANCE, 0.7)],
        "delete their application | delete his account | delete her account | ask us to delete | asked us to forget | candidates may | applicants | what do we have to do in the database | before anything is clicked | sets its tracking | tracking cookie | gpl library | lgpl library | library in the mobile app | app we sell | product we sell | everything about a | everything about one | remove everything about | former customer | ex-customer | former patient | date of birth | dates of birth | birthdays | birthday of | home address | home addresses | medical history | health record | health records | religion | sexual orientation | salary of | salaries of | id card | passport scan | passport scans | \
        which tables and backups | request to remove | request for deletion | asked to be deleted | wants to be deleted | wants her data | wants his data | wants their data | geburtsdatum | geburtstage | fecha de nacimiento | 出生日期 | 生年月日",
    ),
    group(
        "cluster-talk",
        &[(INFRA, 0.5)],
        "aws_* | google_* | azurerm_* | will be destroyed | to destroy | forces replacement | networkpolicy | network policy | resolve dns | egress | cidr | elastic ip | stuck in pending | nodes are available | insufficient cpu | insufficient memory | applies our terraform | terraform on merge | apply on merge | move a domain | move the domain | move our domain | zone file | nameservers | open port | office network | rolling restart | drain the node | drain node | node is notready | on our cluster | our cluster | the cluster | in the cluster | node pool | disruption budget | load balancer | ingress | workloads | our gke | our eks | our aks | subnet group | db subnet | recreate my | destroy and recreate | replaced by terraform | rds instance | service account key | service account keys | after the upgrade of the chart | helm values | chart | charts",
    ),
    group(
        "library-error",
        &[(DATA, -0.5), (RELIABILITY, -0.4), (MONEY, -0.4), (SECURITY, -0.2)],
        "shapes ( | are incompatible | dyld | library not loaded | undefined reference | not tracked | invalid syntax | parse error | nullpointerexception | npe | indexoutofbounds* | arrayindexoutofbounds* | classcastexception | illegalargumentexception | nosuchmethod* | classnotfound* | noclassdeffound* | unsupportedoperation* | \
        settingwithcopy* | deprecation warning | deprecationwarning | futurewarning | eslint | tslint | pylint | flake8 | mypy | checkstyle | spotbugs | clippy | rubocop | missing dependency | dependency array | useeffect | usestate | react hook | react hooks | column width | help text | help output | shell completion | tab completion | file tree | typescript error | ts2322 | type error | is not assignable | no matching function | template error | bean of type | could not be found",
    ),
    group(
        "on-the-page",
        &[(CALM, 0.8), (RELIABILITY, -0.4)],
        "broken links | dead links | site docs | add a link | link under | copy button | page exists already | height of the | stretched | first column | second column | is shown in | are shown in | shown as | us format | date format | is displayed | rendered behind | tooltip | footer | progress bar | commit hash in | legend covers | line number for | random order | trailing space | collapse all | keyboard shortcut | gui: | ui: | not sorted | sort order in the list | sorted by date | flicker | flickers | flickering | blinks | black window | blank window | renderflex | overflowed by | cut off | misaligned | z-order | expected: menu | menu stays open | first day of the week | left or right | side panel | dark theme | light theme | web ui shows | displays nan | shows nan | nan% | rotate the x axis | axis labels | wayland",
    ),
    group(
        "test-unsteady",
        &[(CALM, 0.6), (PERFORMANCE, -0.4)],
        "fails intermittently | test expects | the test expects | slow jenkins | jenkins nodes | on jenkins | test is flaky | unstable test | failing on ci | fails on ci | fails in ci | only on ci | surefire | test harness | changed tests | tests and mocks",
    ),
    group(
        "for-show",
        &[(CALM, 0.7)],
        "for a blog post | blog post | sample | a sample | toy | for my course | python course | for the demo | for a demo | demo page | dummy | for a talk | for a workshop | for teaching | just the definition | short answer | in one sentence | mute the | badge link | dead link | the opposite of what it does",
    ),
    group(
        "crash-report",
        &[(RELIABILITY, -0.6)],
        "crash reporter | crash report | crash reports | crash reporting | error reporter | bug report | alert manager | alertmanager | alert rule | alert rules | alert name | alert group | alert payload",
    ),
];

pub(super) const PAIRS: &[Pair] = &[
    // A question as in a textbook, but about the asker's own.
    pair("textbook", "ours", 400, &[(TEXTBOOK, -0.7)]),
    pair("whoever", "reaches", 60, &[(SECURITY, 0.85)]),
    pair("whoever", "by-tampering", 100, &[(SECURITY, 0.3)]),
    pair("reaches", "by-tampering", 80, &[(SECURITY, 0.4)]),
    pair("same-thing", "two-of-them", 70, &[(CONCURRENCY, 0.85)]),
    pair("two-of-them", "interleaving", 100, &[(CONCURRENCY, 0.4)]),
    pair("two-of-them", "shared", 80, &[(CONCURRENCY, 0.4)]),
    pair("carries-over", "old-to-new", 80, &[(DATA, 0.6)]),
    pair("of-records", "old-to-new", 80, &[(DATA, 0.45)]),
    pair("wipes", "of-records", 40, &[(DATA, 0.6)]),
    pair("wipes", "stakes-live", 100, &[(DATA, 0.3)]),
    pair("about-a-person", "leaking-out", 100, &[(COMPLIANCE, 0.5)]),
    pair("about-a-person", "permitted", 100, &[(COMPLIANCE, 0.4)]),
    pair("query-cost", "size", 80, &[(PERFORMANCE, 0.3)]),
    pair("never-again", "running-thing", 100, &[(RELIABILITY, 0.2)]),
];

//! Architecture: system design, trade-offs, public interfaces, choice of technology, large refactors.

use super::{ARCHITECTURE, Group, Pair, group, pair};

pub(super) const GROUPS: &[Group] = &[
    group(
        "design",
        &[(ARCHITECTURE, 1.1)],
        "system design | architecture | architectural | design review | design doc | design document | rfc for | adr | trade-off | tradeoff | trade off | trade-offs | monolith | modular monolith | service boundaries | bounded context | domain driven | domain-driven | event driven architecture | event-driven | hexagonal | clean architecture | cqrs | event sourcing | \
        split the service | split the monolith | split it up | split it or not | break up the | decouple | decoupling | circular import | circular dependenc* | import each other | module boundaries | target structure | layering | \
        plugin system | plugin interface | plugin api | extension point | backward compat* | backwards compat* | backward-compat* | backwards-compat* | breaking change | breaks compatibility | breaking compatibility | breaking the compat* | api compatibility | binary compat* | \
        api design | public api | public interface | api version* | version the api | version our | deprecat* the api | deprecation plan | deprecation policy | wire compat* | protocol version | \
        rewrite in | rewrite the whole | big refactor | large refactor | refactor across | monorepo or | multi-repo | multi repo | \
        multi tenant | multi-tenant | multitenan* | which database should | what database | choose between | should we use | should i use | should we move | should we switch | should we split | should we build | which one should we | \
        recommend one | compare rest | grpc or | rest or graphql | rest vs | kafka or | kafka vs | postgres or | postgres vs | sql or nosql | sql vs nosql | buy or build | build or buy | build vs buy | \
        pros and cons | long term | long-term | lock-in | vendor lock* | in 2 years | what would we regret | \
        architektur | systementwurf | abwärtskompatib* | arquitectura | diseño del sistema | compatibilidad hacia atrás | microservicios | 架构 | 微服务 | 单体 | 选型 | 技术选型 | 拆分 | 向后兼容 | 兼容性 | アーキテクチャ | 設計 | マイクロサービス | 後方互換 | 技術選定",
    ),
    group(
        "deciding",
        &[(ARCHITECTURE, 0.5)],
        "design | propose | proposal | recommend | recommendation | approach | strategy | structure | decide | decision | evaluate | compare | alternatives | options | should we | plan for | how would you | better to | what would you | vs | versus | or should | \
        entwurf | vorschlag | empfehl* | propuesta | recomienda* | 方案 | 建议 | 怎么设计 | 提案 | どちらがいい | 比較",
    ),
    group(
        "parts",
        &[],
        "services | modules | packages | teams | api | apis | clients | plugins | interfaces | schema per | components | subsystem | layer | platform | saas | database | message bus | event bus | queue | backend | frontend | library | framework | \
        dienste | módulos | servicios | 服务 | 模块 | サービス | モジュール",
    ),
    group(
        "evolving",
        &[(ARCHITECTURE, 0.8)],
        "deprecate | deprecated in favor | provide replacement | remove legacy | legacy api | next major | major version | semver | interface look like | break them each release | don't break them | third parties | add-ons | addons | plugin authors | extension api | own service | service of its own | \
        services talk | talk between | one by one | step by step plan | our plan: | migration plan | worth it | worth the | new module | split into | split it | extract a service | own backend | changed interface | changed the interface | changed variable names | public method | public class | api surface | stable api | contract between | einführen | reicht uns | migrationsplan | merece la pena | 拆成 | 要不要 | 值得 | 導入すべき | 分割",
    ),
    group(
        "technology",
        &[],
        "postgres | mysql | mongodb | sqlite | redis | kafka | rabbitmq | nats | sqs | graphql | rest | grpc | firebase | django | rails | spring | laravel | nextjs | react | vue | svelte | angular | prisma | drizzle | orm | kubernetes | serverless | lambda | terraform | elasticsearch | clickhouse | bigquery | snowflake | go | rust | java | kotlin | typescript | python",
    ),
    group("or", &[], "or | vs | versus | instead of | rather than | oder | o bien | 还是 | それとも"),
    group(
        "weighing",
        &[(ARCHITECTURE, 0.9)],
        "holes? | holes in this | what are we missing | what did we miss | poke holes | challenge this | policy for plugins | plugin manifest | contract is | append only | should we flip | pros, cons | pros/cons | gradually | way to get there | crud vs | event driven | event-driven | source of truth is | who owns the | ownership of | where should * live | where does this belong | which layer | layered | separation of concerns | extension mechanism | pluggable | provider interface | strategy pattern for | abstraction for | generic interface | unify the | unified api | common interface | one api for | \
        sdk design | public sdk | client library design | sunset | end of life | eol plan | version negotiation | feature flags system | roadmap | target architecture | blueprint | tech stack | stack for our | stack for a | which framework | which language | which cloud | which queue | which orm | kafka or rabbit* | monorepo | polyrepo | multi-module | split repo | technical debt | legacy system | strangler | greenfield | rearchitect* | re-architect* | redesign | rework the | overhaul",
    ),
    group(
        "shape-topic",
        &[(ARCHITECTURE, 0.55)],
        "shared database | get rid of the shared | between crm and | where do i put | where do we put | where should | controller, service or | project with | with 8 devs | devs | new public endpoint | public endpoint | replaceable | swappable | write our own | build our own | roll our own | own auth server | post * or put | public and stable | make public | make * public | stable interface | interface between | draft the interface | boundary between | between the * team | teams | squads | gateway or | library or | in every service | every service | shared library | common library | repository pattern | design pattern | clean code structure | good idea for | good idea | bad idea | does it make sense | makes sense to | bring their own | without forking | white label | white-label | extensible | extensibility | pluggable | modular | modularity | proposal | this proposal | rfc | splitting | split user | into two services | into services | into modules | dashboard with 60 | for our dashboard | large app | big app | app with * screens | entity app | independently | unabhängig | zuschneiden | schneiden wir | aufteilen | struktur für | estructura | cómo organizamos | cómo dividir | 怎么组织 | 怎么拆 | 结构设计 | 規約設計 | 構成 | 分け方",
    ),
    group("microservices", &[(ARCHITECTURE, 0.4)], "microservice | microservices"),
];

pub(super) const PAIRS: &[Pair] = &[
    pair("deciding", "parts", 100, &[(ARCHITECTURE, 0.45)]),
    pair("deciding", "ours", 120, &[(ARCHITECTURE, 0.2)]),
    pair("technology", "or", 12, &[(ARCHITECTURE, 0.45)]),
    pair("evolving", "ours", 100, &[(ARCHITECTURE, 0.2)]),
    pair("evolving", "parts", 100, &[(ARCHITECTURE, 0.2)]),
    pair("shape-topic", "parts", 80, &[(ARCHITECTURE, 0.3)]),
    pair("shape-topic", "ours", 100, &[(ARCHITECTURE, 0.25)]),
    pair("shape-topic", "deciding", 100, &[(ARCHITECTURE, 0.25)]),
    pair("shape-topic", "technology", 60, &[(ARCHITECTURE, 0.2)]),
];

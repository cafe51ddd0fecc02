//! Architecture: system design, trade-offs, public interfaces, choice of technology, large refactors.

use super::{ARCHITECTURE, Group, Pair, group, pair};

pub(super) const GROUPS: &[Group] = &[
    group(
        "design",
        &[(ARCHITECTURE, 1.1)],
        "system design | architecture | architectural | design review | design doc | design document | rfc for | adr | trade-off | tradeoff | trade off | trade-offs | \
        microservice | monolith | modular monolith | service boundaries | bounded context | domain driven | domain-driven | event driven architecture | event-driven | hexagonal | clean architecture | cqrs | event sourcing | \
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
];

pub(super) const PAIRS: &[Pair] =
    &[pair("deciding", "parts", 100, &[(ARCHITECTURE, 0.45)]), pair("deciding", "ours", 120, &[(ARCHITECTURE, 0.2)])];

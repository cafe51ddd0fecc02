//! What makes damage likely whatever the tag: live systems, other people's data, things that cannot be undone.

use super::{Group, STAKES, group};

pub(super) const GROUPS: &[Group] = &[
    group(
        "stakes-live",
        &[(STAKES, 0.8)],
        "prod | in production | on production | production environment | prod environment | production db | production database | live db | live system | live site | live server | the live | customers are | right now | urgent* | asap | immediately | tonight | \
        in produktion | produktiv* | live-db | live-system | en producción | producción | 线上 | 生产环境 | 本番 | 本番環境",
    ),
    group(
        "ours",
        &[(STAKES, 0.25)],
        "our | we | us | we've | we're | our users | our customers | unser* | wir | nuestro* | nuestra* | tenemos | 我们 | うち | 弊社",
    ),
    group(
        "stakes-wrong",
        &[(STAKES, 0.4)],
        "wrong | lost | missing | twice | duplicate* | corrupt* | overwrit* | by accident | accidentally | silently | without error | no error | unexpected* | inconsisten* | leaks | half of | still works after | nobody noticed | aus versehen | versehentlich | por error | 不小心 | 误 | 誤って",
    ),
    group(
        "asking-safety",
        &[(STAKES, 0.5)],
        "is it safe | is this safe | safe to | safely | lgtm | ok to merge | can i drop | can i remove | can we skip | what breaks | what could go wrong | risk of | just skip | it's fine if | ist das sicher | es seguro | 安全吗 | 大丈夫",
    ),
    group(
        "at-scale",
        &[(STAKES, 0.3)],
        "customers | all users | tenants | million* | 000 customers | 000 users | clinics | hospital | bank | payments company | kunden | clientes | 客户 | 顧客",
    ),
];

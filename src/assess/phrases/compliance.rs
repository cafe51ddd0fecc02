//! Compliance: privacy, licences, audit, retention.

use super::{COMPLIANCE, Group, Pair, SECURITY, group, pair};

pub(super) const GROUPS: &[Group] = &[
    group(
        "privacy",
        &[(COMPLIANCE, 1.1)],
        "gdpr | dsgvo | ccpa | hipaa | lgpd | rgpd | pci dss | pci-dss | pci compliance | soc2 | soc 2 | iso 27001 | sox | ferpa | coppa | personal data | personal information | personally identif* | pii | phi | sensitive data | private information | \
        privacy | data protection | data subject | right to be forgotten | right to erasure | erasure request | deletion request | delete my data | delete account and | download everything we | data export request | consent | opt-out | opt out | opt-in | cookie banner | cookie consent | \
        data processing agreement | data residency | eu only | anonymi* | pseudonym* | redact* | scrub* | mask personal | mask the | masking | data retention | retention polic* | retention period | retain for | keep for 7 years | keep the logs for | how long may | how long can we keep | legal hold | \
        health record | lab results | medical record | patient data | customer list | employee data | employee record | store only what | allowed to store | may we store | may we keep | are we allowed | legally | lawful | regulator* | compliance | compliant | \
        datenschutz* | personenbezogen* | einwilligung | aufbewahr* | dürfen wir | konform | datos personales | protección de datos | consentimiento | cumplimiento | 隐私 | 个人信息 | 个人数据 | 合规 | 脱敏 | 同意 | 個人情報 | プライバシー | 同意 | 法令 | 匿名化",
    ),
    group(
        "licence",
        &[(COMPLIANCE, 1.1)],
        "gpl | gplv2 | gplv3 | gpl-3.0 | gpl-2.0 | agpl | lgpl | copyleft | licence | licences | license | licenses | licensing | license header | relicens* | apache-2.0 | apache 2.0 license | mit licen* | bsd licen* | mpl | copyright | attribution | notice file | third party notice | third-party notice | open source licen* | sbom | \
        proprietary code | closed product | trademark | export control | lizenz* | licencia | 许可证 | 开源协议 | 版权 | ライセンス | 著作権",
    ),
    group(
        "audit",
        &[(COMPLIANCE, 1.0)],
        "audit log | audit trail | auditlog | auditor | auditors | audit table | audit event | who changed what | who accessed | evidence for the audit | access log for audit | kyc | aml | sanction* list | accessibility law | wcag | age verification | \
        prüfprotokoll | revisionssicher | auditoría | 审计 | 監査",
    ),
    group(
        "personal",
        &[],
        "email | emails | e-mail | names | phone | address | ssn | birthday | date of birth | ip address | ip addresses | customer data | user data | user's data | users' data | personal | patient | health | lab | medical | passport | gender | location data | browsing | ip-adressen | kundendaten | correo | teléfono | 手机号 | 身份证 | 邮箱 | 电话 | メール | 住所",
    ),
    group(
        "leaking-out",
        &[],
        "log | logs | logged | logging | sentry | analytics | third party | third-party | vendor | ad platform | datadog | mixpanel | google analytics | tracking | upload | share with | sent to | send to | export | crash report | leak | leaks | print* | training data | marketing | newsletter | protokoll* | 日志 | 第三方 | ログ | 外部",
    ),
];

pub(super) const PAIRS: &[Pair] = &[
    pair("personal", "leaking-out", 90, &[(COMPLIANCE, 0.75)]),
    pair("people", "bank-bot", 200, &[(COMPLIANCE, 0.6)]),
    pair("sign-in", "leaking-out", 30, &[(SECURITY, 0.45)]),
];

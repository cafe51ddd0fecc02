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
        "email | emails | e-mail | phone | address | ssn | birthday | date of birth | ip address | ip addresses | customer data | user data | user's data | users' data | personal | patient | health | medical | passport | gender | location data | browsing | ip-adressen | kundendaten | correo | teléfono | 手机号 | 身份证 | 邮箱 | 电话 | メール | 住所",
    ),
    group(
        "leaking-out",
        &[],
        "end up in | ends up in | ended up in | land in | lands in | error tracker | bugsnag | rollbar | shows up in the logs | log | logs | logged | logging | sentry | analytics | third party | third-party | vendor | ad platform | datadog | mixpanel | google analytics | tracking | upload | share with | sent to | send to | export | crash report | leak | leaks | training data | marketing | newsletter | protokoll* | 日志 | 第三方 | ログ | 外部",
    ),
    group(
        "permitted",
        &[],
        "is it ok to copy | must not | before we store | may we | can we | are we allowed | is it ok to | allowed to | must we | have to keep | must keep | how long | where may | what must we | which fields may | is it legal | legal | dürfen | wie lange | müssen wir | podemos | debemos | puedo | 可以吗 | 有没有问题 | 能不能 | 多久 | いつまで | よいですか | いいですか",
    ),
    group(
        "subject-data",
        &[(COMPLIANCE, 0.7)],
        "her data | his data | their data | all data about | everything about a user | everything we store | remove all her | delete all his | asked us to remove | asked us to delete | forget a user | recordings | call recordings | support chats | chat logs | customer mails | train our model on | training on customer | login logs | visitor | visitors | ip addresses | children | minors | correos de los clientes | daten der kunden | 用户数据 | 用户手机号 | 通话录音 | 顧客データ | 利用者の",
    ),
    group(
        "outside",
        &[],
        "outside | eu | us cloud | third country | vendor | ad platform | saas | openai | partner | contractor | leave the app | leaves the app | before they leave | in the error | carries it | error report | lands in | herramienta | eeuu | drittland | 平台 | 海外 | 外部",
    ),
    group(
        "obligations",
        &[(COMPLIANCE, 0.9)],
        "data processing | dpa | processor agreement | subprocessor | sub-processor | schrems | adequacy | standard contractual | retention | retain | keep logs | delete after | deleted after | purge after | older than 30 days | unsubscribe | do not contact | do not call | marketing consent | double opt-in | cookie law | tracking consent | terms of service | terms and conditions | privacy policy | imprint | impressum | age gate | parental | biometric* | face recognition | employee monitoring | background check | credit check | anti-money | know your customer | eprivacy | nis2 | dora | ai act | fedramp | hitrust | glba | section 508 | export regulation* | cite the license | third-party code | copied from | copy pasted from | code from stackoverflow | \
        dual licens* | commercial licen* | licence header | license header | license file | license check | license scan* | notice | aufbewahrungsfrist | löschfrist | auskunft | betroffenen | einwilligungs* | aviso legal | ley de | 等保 | 未成年人 | 留存 | 保存期間 | 規約",
    ),
    group(
        "people-data",
        &[(COMPLIANCE, 0.45)],
        "blur faces | faces | bought list | list of contacts | contacts | before the user agrees | user agrees | user consents | must not track | track before | tracking | without the notice | copy this | snippet into our product | into our product | cold mails | mailing list | consent | who is online | online when | when employees | track employees | monitor employees | hr wants | hr asked | legal asked | legal team | lawyer | auditor | auditors | audit | request body | full request body | customer names | user names and | addresses of | birth dates | health data | location history | kundendaten | mitarbeiterdaten | nutzerdaten | datos de clientes | datos de usuarios | 员工数据 | 客户数据 | 社員 | 従業員",
    ),
    group(
        "records-of-people",
        &[],
        "user database | customer database | employee database | access to the database | bank_balance | bank balance | phone_number | employee_id | customer_id and | account balance | date_of_birth | user basis data | قاعدة بيانات | base de datos de | kundendatenbank | 用户数据库 | 顧客データベース",
    ),
];

pub(super) const PAIRS: &[Pair] = &[
    pair("personal", "leaking-out", 90, &[(COMPLIANCE, 0.75)]),
    pair("people", "records-of-people", 200, &[(COMPLIANCE, 0.6)]),
    pair("sign-in", "leaking-out", 30, &[(SECURITY, 0.45)]),
    pair("permitted", "personal", 90, &[(COMPLIANCE, 0.7)]),
    pair("permitted", "subject-data", 120, &[(COMPLIANCE, 0.5)]),
    pair("personal", "outside", 100, &[(COMPLIANCE, 0.6)]),
    pair("permitted", "leaking-out", 60, &[(COMPLIANCE, 0.4)]),
    pair("subject-data", "outside", 100, &[(COMPLIANCE, 0.4)]),
    pair("people-data", "permitted", 100, &[(COMPLIANCE, 0.5)]),
    pair("people-data", "leaking-out", 100, &[(COMPLIANCE, 0.4)]),
    pair("people-data", "personal", 100, &[(COMPLIANCE, 0.3)]),
    pair("people-data", "outside", 100, &[(COMPLIANCE, 0.3)]),
];

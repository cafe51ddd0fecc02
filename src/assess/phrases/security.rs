//! Security: who may do what, cryptography, secrets, untrusted input, the supply chain.

use super::{Group, Pair, SECURITY, code, group, pair};

pub(super) const GROUPS: &[Group] = &[
    group(
        "vulnerability",
        &[(SECURITY, 1.2)],
        "cve-* | cves | vulnerab* | ghsa-* | security advisor* | security fix* | security issue | \
        security hole | security bug | security risk | security flaw | security concern | security review | security audit | \
        exploit* | owasp | pentest* | pen test | zero day | attacker | malicious | malware | remote code execution | rce | \
        privilege escalation | path traversal | directory traversal | zip slip | buffer overflow | heap overflow | stack overflow attack | \
        use after free | use-after-free | out of bounds read | out-of-bounds | double free | integer overflow | denial of service | \
        supply chain | typosquat* | xss | cross-site | cross site scripting | csrf | xsrf | ssrf | sql injection | sqli | \
        command injection | code injection | header injection | clickjack* | open redirect | replay attack | brute force | brute-force | \
        man in the middle | mitm | timing attack | insecure | untrusted input | untrusted data | sanitize input | escape user input | \
        prototype pollution | deserialization attack | unsafe deserialization | sandbox escape | hijack* | phishing | \
        vulnerabilidad* | sicherheitslücke* | schwachstelle* | 漏洞 | 攻击 | 注入攻击 | 脆弱性 | 攻撃",
    ),
    group(
        "authentication",
        &[(SECURITY, 1.0)],
        "authentication | authenticate | authenticating | unauthenticated | authorization | \
        authorisation | unauthorized | authorizer | oauth | oauth2 | openid | oidc | saml | sso | single sign-on | single sign on | \
        jwt | bearer token | access token | refresh token | id token | session token | session cookie | session fixation | auth token | \
        kerberos* | keytab | ldap | spnego | mfa | 2fa | totp | two-factor | two factor | passkey* | webauthn | delegation token | \
        credential provider | assume role | assumed role | signature verification | verify the signature | verify signature | signature check | \
        hmac | signed url | presigned | pre-signed | sas token | password reset | reset password | forgot password | magic link | \
        password hash* | hash password | hashed password | password polic* | auth check | auth bypass | bypass auth* | session management | \
        spring security | proxy user | impersonat* | basic auth | api auth* | token expir* | token validat* | validate token | \
        external credential | user credential | login flow | anmeldung | autenticaci* | autorizaci* | 认证 | 鉴权 | 登录验证 | 認証 | 認可",
    ),
    group(
        "sign-in",
        &[(SECURITY, 0.45)],
        "login | log in | logged in | logged-in | sign in | sign-in | signin | signup | sign up | logout | log out | \
        password | passwd | passphrase | credential | auth | token | session | cookie | api key | apikey | secret | admin panel | \
        superuser | root user | user role | contraseña | passwort | kennwort | iniciar sesión | einloggen | 密码 | 登录 | パスワード | ログイン",
    ),
    group(
        "cryptography",
        &[(SECURITY, 1.0)],
        "cifr* | descifr* | clave privada | clave secreta | certificado* | chiffr* | entschlüssel* | privater schlüssel | privaten schlüssel | zertifikat* | 私钥 | 公钥 | 秘密鍵 | 復号 | encrypt* | decrypt* | cipher* | cryptograph* | crypto key | aes-* | aes256 | rsa key | ecdsa | ed25519 | \
        bcrypt | argon2 | scrypt | pbkdf2 | private key | keystore | truststore | trust store | certificate authority | ca certificate | \
        ca bundle | x509 | x.509 | mtls | mutual tls | self-signed | self signed | key rotation | rotate key | rotate the key | \
        hsm | key management | initialization vector | nonce reuse | random number generator | csprng | secure random | weak hash | \
        sha-1 | sha1 | md5 | certificate validation | certificate verif* | certificate pinning | hostname verif* | \
        cert verif* | ssl verif* | tls verif* | ssl certificate | tls certificate | tls handshake | ssl handshake | \
        verschlüssel* | cifrar | cifrado | 加密 | 解密 | 证书 | 暗号化 | 証明書",
    ),
    group(
        "transport",
        &[(SECURITY, 0.45)],
        "ssl | tls | certificate | cert | public key | ssh key | gpg | pgp | checksum mismatch",
    ),
    group(
        "secrets-handling",
        &[(SECURITY, 1.0)],
        "secrets manager | secret manager | key vault | keyvault | hashicorp vault | store secret | secret storage | \
        secrets in | leaked key | leaked token | leaked credential | leak credential | credentials in | hardcoded password | hard-coded | \
        hardcoded secret | token storage | store the token | wallet key | seed phrase | mnemonic phrase | descriptor wallet | watch-only | \
        secret rotation | rotate secret | rotate the secret | revoke token | revoke key | token revo* | .env file committed",
    ),
    group(
        "access",
        &[(SECURITY, 1.0)],
        "access control | acl | acls | rbac | role-based | permission check | permission model | file permission | \
        privileges | least privilege | multi-tenant isolation | tenant isolation | tenantid | tenant id | idor | other user's | other users' | \
        another user's | other customers' | other customer's | other people's | someone else's | anyone can | anybody can | any user can | \
        everyone can see | everybody can see | without logging in | without login | not logged in | without permission | without auth* | \
        as admin | become admin | is_admin | isadmin | role: admin | grant all | security group | security policy | cors polic* | content security policy | seccomp | apparmor | selinux | setuid | superuser check | permitall | allow all origin | public bucket | \
        world readable | world-readable | world writable | ownership check | owner check | belongs to the user | \
        pedido de otro | datos de otro | otro cliente | otro usuario | fremde daten | andere kunden | anderen kunden | \
        别人的 | 其他用户 | 越权 | 权限 | 他人の | 他のユーザー | 権限",
    ),
    code(
        "unsafe-code",
        &[(SECURITY, 0.9)],
        "verify=false | verify = false | sslhandshakeexception | pkix path | certpathvalidator* | certificate_verify_failed |  insecureskipverify | rejectunauthorized | no-check-certificate | chmod 777 | \
        pickle.loads | yaml.load( | dangerouslysetinnerhtml | permitall() | csrf().disable | allowanonymous | 0.0.0.0/0 | \
        shell=true | strict_host_key* | stricthostkeychecking | nosniff | x-frame-options | set-cookie | httponly | samesite",
    ),
    group(
        "memory-safety",
        &[(SECURITY, 0.6)],
        "segfault in parser | addresssanitizer | asan | ubsan | fuzzer | fuzzing | oss-fuzz | heap-buffer* | \
        uninitialized memory | dangling pointer | strcpy | sprintf( | gets( | scanf( | unsanitized | tainted",
    ),
    group(
        "dependency-bump",
        &[],
        "upgrade | bump | update | downgrade | replace | dependency | transitive | jackson | netty | log4j* | okio | guava | protobuf",
    ),
    group(
        "open-up",
        &[],
        "skip | bypass | disable | turn off | ignore | accept | allow | open up | remove the check | without check* | deaktivier* | \
        ausschalten | abschalten | desactivar | saltarse | 关闭 | 跳过 | 無効",
    ),
    group(
        "check",
        &[],
        "check | verification | validation | signature | middleware | guard | policy | firewall | auth | mfa | csrf | captcha | ssl | tls | \
        certificate | permission | prüfung | comprobación | 校验 | 检查 | チェック",
    ),
    group(
        "people",
        &[],
        "user | customer | account | tenant | client | people | person | patient | employee | member | usuario | cliente | kunde* | benutzer | 用户 | 客户 | ユーザー | 顧客",
    ),
    group(
        "seeing",
        &[],
        "can see | can read | can view | can edit | can access | can download | could see | could read | shows up for | exposes | exposed | visible to | \
        leaks | leaking | leaked | guess* the id | guessing | changing the id | change the id | enumerat* | ver el | sehen | 看到 | 見え*",
    ),
    group(
        "expiring",
        &[],
        "never expire* | doesn't expire | does not expire | not expire* | expires | expired | expiry | one-time | one time use | used again | can be used again | reused | reuse | still works | still valid | still active | still log | keep access | keeps access | lose access | \
        after we deactivate | after logout | after log out | after deletion | invalidate* | revoke* | kick them out | läuft nie ab | abgelaufen | caduca | expira* | 过期 | 失效 | 有効期限",
    ),
    group(
        "entry",
        &[(SECURITY, 0.3)],
        "reset link | invite link | invitation link | activation link | share link | shared link | access | admin page | admin area | admin route | internal api | /internal | /admin | deactivated user | disabled account | any account | any user's | god mode | back door | backdoor | workspace trust | trusted | \
        untrusted | verwaltungsbereich | panel de administración | 管理画面 | 后台 | 管理员",
    ),
    group(
        "plain-text",
        &[],
        "plain text | plaintext | plain-text | cleartext | clear text | unencrypted | unhashed | without salt | unsalted | klartext | texto plano | sin cifrar | 明文 | 平文",
    ),
    group(
        "uploads",
        &[],
        "upload | uploads | uploaded | file name | filename | archive | zip | tar | pickle | xml | yaml | template | user input | query string | html input | request parameter",
    ),
    group(
        "executing",
        &[],
        "execute | executes | executed | runs them | runs it | eval | exec | shell out | subprocess | os.system | include( | interpreted | rendered as html | unescaped | raw html | .php files",
    ),
    group(
        "exposed-secret",
        &[(SECURITY, 1.1)],
        "in the git history | pushed to github | committed to git | committed the key | committed the .env | committed .env | public repo | public repository | in the logs in clear | printed in the log | hardcoded in | in source code | in the frontend bundle | client side secret | shared in slack",
    ),
    code(
        "string-built-query",
        &[(SECURITY, 0.9)],
        "f\"select | f'select | f\"update | f\"delete | f\"insert | where name='{ | where id={ | where id='{ | ='\" + | = '\" + | ='\"+ | = '$ | ='$ | + req.query | + req.params | + request.get | + request.args | execute(f",
    ),
    group(
        "other-peoples",
        &[(SECURITY, 0.9)],
        "every other | each other's | other employee* | other student* | other patient* | other people's | other accounts | other tenant | other tenants | another tenant | another account | another customer | another user | anderer nutzer | fremde | eines anderen | ajenos | de otros | 别的用户 | 别人",
    ),
    group(
        "rules-of-access",
        &[(SECURITY, 0.9)],
        "row level security | row-level security | rls policy | security rules | firebase rules | storage rules | bucket policy | user permission | user permissions | roles and permissions | permission denied for | permission system | permissions for | policy check | gate check | claims | identityserver | asp.net identity | antiforgery | anti-forgery | captcha | account lockout | \
        lock the account | password strength | ip whitelist | ip allowlist | allowlist | whitelist ip | x-forwarded-for | webhook signature | signing secret | signing key | code signing | csp | iframe sandbox | innerhtml | html escaping | xxe | xml external | npm audit | dependabot alert | snyk | trivy | sast | secret scanning | gitleaks | filters on the current | scoped to the | \
        by id only | without checking | does not check | doesn't check | do not check | not checked | never checked | no check | not verified | never verified | not validated | unvalidated | trusts the | trust the client | client-side only check | server side check | who is allowed | who may | only admins | only the owner | admins only | admin-only | berechtigung | zugriffsrecht* | zugriff auf | permisos | acceso a | 未授权 | 鉴权 | 校验权限 | アクセス制御 | 権限チェック",
    ),
    group(
        "concatenated",
        &[],
        "concatenat* | string formatting | string interpolation | sprintf | f-string | building the query | builds the query | raw sql | raw query",
    ),
    group(
        "sql-words",
        &[],
        "sql | query | insert command | where clause | select statement | statement | shell command | system command | html | xpath",
    ),
    group(
        "hidden-values",
        &[],
        "password | passwords | secret | secrets | api key | api keys | credentials | token | tokens | keys",
    ),
    group(
        "hiding",
        &[],
        "hidden | hide | must be hidden | store securely | securely | safely store | secure way | where to store | where do i put | keep out of | env variables | environment variable | env file | .env | copy over | rotate | expose | log | logged | commit | in the repo | in docker | in git",
    ),
    group(
        "weak-choice",
        &[(SECURITY, 0.9)],
        "using sha-1 | using md5 | sha-1 hash | md5 hash | random token | random password | password generator | generate a token | generate tokens | math.random | rand() | hardcode the | des encryption | ecb | rc4 | execute command | executes a command | run a shell command | user supplied | user-supplied | user provided | from the user",
    ),
    group(
        "security-topic",
        &[(SECURITY, 0.45)],
        "registry access | deploy key | verify | verification | validate the request | access key | access keys | encryption | confidential* | sensitive | trusted origin | captcha | admin | admins | administrator | role | roles | restrict | restricted | restricting | principal | service principal | superuser | non-superuser | crypto | cryptographic | createcipher | hash function | hashing | salt | signing | unsigned | webhook secret | passport | keycloak | auth0 | okta | cognito | firebase auth | devise | identity provider | idp | guard | firewall | trust | untrusted | privilege | privileged | grants | owner | ownership | secure | securely | security | protect | protects | protected | protection | wachtwoord | administrador* | permiso* | sicher | geschützt | 管理员 | 安全 | 私钥 | 公開になって* | 公開 | セキュリティ | 管理者",
    ),
    group(
        "exposure",
        &[(SECURITY, 0.5)],
        "can still push | can still log | can still access | can still see | can still use | still has access | old employee | former employee | ex-employee | ex employee | who left | left the company | really comes from | comes from github | comes from stripe | prove that the request | reachable from outside | reachable from the internet | dumps env | dumps the env | debug endpoint | actuator | safe to use | confirm the mail | confirm the email | confirmation link | email verification | verify email | opening /profile | of another member | another member | comparison with == | crafted file | malformed input | malicious package | typo in package name | for anybody | anybody who | anyone with | anyone who has | everyone with the link | who has the url | has the link | publicly | public link | public url | public access | open to the internet | exposed to the internet | full card number | reads files outside | outside the workspace | outside the root | outside the directory | parent directory | ../ | localstorage | local storage | wrong service | without the signature | unsigned request | shows full | shows the full | shows passwords | only allow | only allowed | limit access | same company | same organization | same tenant | restrict an | protect me from | escape html | buffer of | fixed size buffer | from the query string | file name from | filename from | path from the | url parameter | query parameter | user-controlled | client sends | in the browser | 限制只有 | 只有管理员 | 只允许 | 誰でも",
    ),
    group("permission-word", &[(SECURITY, 0.4)], "permission | permissions | sandbox | signature | signatures"),
];

pub(super) const PAIRS: &[Pair] = &[
    pair("open-up", "check", 50, &[(SECURITY, 0.7)]),
    pair("people", "seeing", 60, &[(SECURITY, 0.7)]),
    pair("sign-in", "stakes-wrong", 60, &[(SECURITY, 0.4)]),
    pair("sign-in", "transport", 120, &[(SECURITY, 0.3)]),
    pair("sign-in", "open-up", 60, &[(SECURITY, 0.5)]),
    pair("entry", "expiring", 80, &[(SECURITY, 0.8)]),
    pair("sign-in", "expiring", 60, &[(SECURITY, 0.6)]),
    pair("sign-in", "plain-text", 100, &[(SECURITY, 0.6)]),
    pair("uploads", "executing", 60, &[(SECURITY, 0.9)]),
    pair("people", "expiring", 60, &[(SECURITY, 0.4)]),
    pair("entry", "open-up", 60, &[(SECURITY, 0.6)]),
    pair("entry", "people", 60, &[(SECURITY, 0.25)]),
    pair("concatenated", "sql-words", 60, &[(SECURITY, 0.9)]),
    pair("hidden-values", "hiding", 40, &[(SECURITY, 0.5)]),
    pair("people", "rules-of-access", 80, &[(SECURITY, 0.2)]),
    pair("security-topic", "exposure", 100, &[(SECURITY, 0.3)]),
    pair("security-topic", "sign-in", 80, &[(SECURITY, 0.25)]),
    pair("security-topic", "people", 60, &[(SECURITY, 0.2)]),
    pair("exposure", "people", 60, &[(SECURITY, 0.2)]),
    pair("exposure", "uploads", 60, &[(SECURITY, 0.3)]),
];

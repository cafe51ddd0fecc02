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
        &[(SECURITY, 0.55)],
        "login | log in | logged in | logged-in | sign in | sign-in | signin | signup | sign up | logout | log out | \
        password | passwd | passphrase | credential | auth | token | session | cookie | api key | apikey | secret | admin panel | \
        superuser | sudo | root user | user role | contraseña | passwort | kennwort | iniciar sesión | einloggen | 密码 | 登录 | パスワード | ログイン",
    ),
    group(
        "cryptography",
        &[(SECURITY, 1.0)],
        "encrypt* | decrypt* | cipher* | cryptograph* | crypto key | aes-* | aes256 | rsa key | ecdsa | ed25519 | \
        bcrypt | argon2 | scrypt | pbkdf2 | private key | keystore | truststore | trust store | certificate authority | ca certificate | \
        ca bundle | x509 | x.509 | mtls | mutual tls | self-signed | self signed | key rotation | rotate key | rotate the key | \
        hsm | key management | initialization vector | nonce reuse | random number generator | csprng | secure random | weak hash | \
        sha-1 | sha1 | md5 | certificate validation | certificate verif* | certificate pinning | hostname verif* | \
        cert verif* | ssl verif* | tls verif* | ssl certificate | tls certificate | tls handshake | ssl handshake | \
        verschlüssel* | cifrar | cifrado | 加密 | 解密 | 证书 | 暗号化 | 証明書",
    ),
    group(
        "transport",
        &[(SECURITY, 0.55)],
        "ssl | tls | https | certificate | cert | public key | signature | signed | ssh key | gpg | pgp | checksum mismatch",
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
        as admin | become admin | is_admin | isadmin | role: admin | grant all | security group | security policy | cors polic* | content security policy | \
        sandbox* | seccomp | apparmor | selinux | setuid | superuser check | permitall | allow all origin | public bucket | \
        world readable | world-readable | world writable | ownership check | owner check | belongs to the user | \
        pedido de otro | datos de otro | otro cliente | otro usuario | fremde daten | andere kunden | anderen kunden | \
        别人的 | 其他用户 | 越权 | 权限 | 他人の | 他のユーザー | 権限",
    ),
    code(
        "unsafe-code",
        &[(SECURITY, 0.9)],
        "verify=false | insecureskipverify | rejectunauthorized | no-check-certificate | chmod 777 | \
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
];

pub(super) const PAIRS: &[Pair] = &[
    pair("open-up", "check", 50, &[(SECURITY, 0.7)]),
    pair("people", "seeing", 60, &[(SECURITY, 0.7)]),
    pair("sign-in", "stakes-wrong", 60, &[(SECURITY, 0.4)]),
    pair("sign-in", "transport", 120, &[(SECURITY, 0.3)]),
    pair("sign-in", "open-up", 60, &[(SECURITY, 0.5)]),
];

//! Secrets that are known by where they stand, not by who issued them. They come last: a more specific rule wins.

use crate::Severity::{Critical, High, Medium};
use crate::secrets::rule::{SecretRule, rule};

/// Whole values that stand in examples where a password would be.
const EXAMPLE_PASSWORDS: &str = r"(?xi)
    pass | password | passwd | pwd | pw | secret | changeme | change-me | example | your[_-]?password
    | user | username | root | admin | guest | test | x+ | \*+ | \.+
    | postgres | mysql | redis | mongo | rabbitmq | docker";

/// Whole values that name a secret or say where it comes from: paths, addresses, calls, plain words.
const NO_VALUES: &str = r"(?xi)
    [a-z_]+ | [a-z]+ (?: [-_.\ ][a-z]+ )+
    | [a-z0-9_]+ (?: \.[a-z0-9_]+ )+ (?: \(.* )? | [a-z0-9_.:]+ \(.*
    | \.{0,2}/.* | [a-z]+://.*
    | [a-z0-9_/-]+ \. (?: json | ya?ml | toml | txt | pem | key | env | rs | go | py | js | ts )
    | .* (?: \$\{ | \{\{ ) .*";

/// A quoted value that is given to a name, in most languages and formats.
const ASSIGNED: &str = r#"(?xi)
    (?: secret | passw(?:or)?d | token | api[_-]?key | access[_-]?key | auth[_-]?key | credential )
    [a-z0-9_-]{0,24} \\?["']? \]? \s* (?: := | => | [:=] ) \s*
    \\?["'] (?<secret> [^\s"'\\]{12,200} ) \\?["']"#;

/// A bare value that is given to a name in capitals, as in a file of environment variables.
const IN_ENVIRONMENT: &str = r#"(?x)
    ^ \s* (?: export\s+ | ENV\s+ | -\s+ )?
    [A-Z0-9_]* (?: SECRET | PASSWORD | PASSWD | TOKEN | API_?KEY | ACCESS_KEY ) [A-Z0-9_]* \s* [=:] \s*
    (?<secret> [^\s"'\#;,()]{16,200} ) \s* (?: \#.* )? $"#;

const IF_IT_IS_ONE: &str =
    "If it is one: revoke it and keep the new one in a secret store. If not: say so in an allow comment.";

/// Words that people give to variables which hold a secret.
const NAMES: &[&str] = &[
    "secret",
    "password",
    "passwd",
    "token",
    "api_key",
    "apikey",
    "api-key",
    "access_key",
    "access-key",
    "accesskey",
    "auth_key",
    "auth-key",
    "authkey",
    "credential",
];

pub(crate) static RULES: &[SecretRule] = &[
    rule(
        "secrets/private-key",
        Critical,
        "A private key",
        &["private key"],
        r"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----",
    )
    .pem()
    .help(
        "Treat it as leaked: make a new key pair, replace the public half wherever it is trusted, and take the old \
         one out of the history before this is pushed.",
    ),
    rule(
        "secrets/json-web-token",
        Medium,
        "A JSON web token",
        &["eyj"],
        r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,}",
    )
    .entropy(4.0),
    rule(
        "secrets/password-in-url",
        High,
        "A password inside an address",
        &["://"],
        r#"\b[A-Za-z][A-Za-z0-9+.-]*://[^\s:/@"'`<>]*:(?<secret>[^\s@/"'`<>]{3,})@[A-Za-z0-9\[{$<%]"#,
    )
    .entropy(2.0)
    .allow(EXAMPLE_PASSWORDS)
    .help("Change the password, and put the address together from a secret store when the program starts."),
    rule(
        "secrets/basic-authorization",
        High,
        "A user name and password in an authorization header",
        &["authorization"],
        r#"(?i)authorization\\?["']?\s*[:=,]\s*\\?["']?basic\s+(?<secret>[A-Za-z0-9+/]{16,}={0,2})"#,
    ),
    rule(
        "secrets/bearer-token",
        Medium,
        "A bearer token",
        &["bearer"],
        r"(?i)\bbearer\s+(?<secret>[A-Za-z0-9_.~+/-]{24,}=*)",
    )
    .entropy(4.0)
    .allow(NO_VALUES),
    rule(
        "secrets/assigned-secret",
        Medium,
        "Something that looks like a secret",
        NAMES,
        ASSIGNED,
    )
    .entropy(3.6)
    .allow(NO_VALUES)
    .help(IF_IT_IS_ONE),
    rule(
        "secrets/assigned-in-environment",
        Medium,
        "Something that looks like a secret",
        NAMES,
        IN_ENVIRONMENT,
    )
    .entropy(3.6)
    .allow(NO_VALUES)
    .help(IF_IT_IS_ONE),
];

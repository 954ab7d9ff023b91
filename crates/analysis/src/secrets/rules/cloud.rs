//! Shapes of the keys of cloud accounts and infrastructure. Values without a shape of their own are in `generic`.

use crate::Severity::{Critical, High};
use crate::secrets::rule::{SecretRule, rule};

/// Forty characters after something that speaks of an AWS secret.
const AWS_SECRET: &str = r#"(?xi)
    (?: aws | secret.?access.?key ) .{0,40}? ["'\s:=>,] ["'\s]*
    (?<secret> [a-z0-9/+]{40} ) (?: [^a-z0-9/+=] | $ )"#;

/// Three characters, a digit, `Q~`, and the rest; nothing that belongs to it on either side.
const AZURE_CLIENT_SECRET: &str = r"(?x)
    (?: ^ | [^A-Za-z0-9_~.-] )
    (?<secret> [A-Za-z0-9_~.]{3} \d Q~ [A-Za-z0-9_~.-]{31,34} )
    (?: [^A-Za-z0-9_~.-] | $ )";

/// A prefixed key, or a plain UUID after the name of the service.
const HEROKU: &str = r#"(?xi)
    \b HRKU-[0-9a-z_-]{36,}
    | heroku .{0,30}? ["'\s:=] [0-9a-f]{8} (?: -[0-9a-f]{4} ){3} -[0-9a-f]{12} \b"#;

/// The signature in the query of an address, after one of the parameters that it signs.
const AZURE_SAS: &str = r#"(?xi)
    \b s[verpt]= [^\s"']* & (?: amp; )? sig= (?<secret> [a-z0-9%/+]{43,70} (?: %3D | = ) )"#;

pub(crate) static RULES: &[SecretRule] = &[
    rule(
        "secrets/aws-access-key-id",
        Critical,
        "An AWS access key id",
        &["akia", "asia", "abia", "acca"],
        r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b",
    ),
    rule(
        "secrets/aws-secret-access-key",
        Critical,
        "An AWS secret access key",
        &["aws", "secret_access_key", "secretaccesskey", "secret-access-key"],
        AWS_SECRET,
    )
    .entropy(4.2),
    rule(
        "secrets/gcp-api-key",
        High,
        "A Google API key",
        &["aiza"],
        r"\b(?<secret>AIza[0-9A-Za-z_-]{35})(?:[^0-9A-Za-z_-]|$)",
    ),
    rule(
        "secrets/gcp-service-account",
        Critical,
        "The key of a Google service account",
        &["private_key_id"],
        r#"private_key_id\\?["']\s*:\s*\\?["'](?<secret>[0-9a-f]{40})\b"#,
    ),
    rule(
        "secrets/google-oauth-secret",
        High,
        "A Google OAuth client secret",
        &["gocspx-"],
        r"\bGOCSPX-[A-Za-z0-9_-]{28}",
    ),
    rule(
        "secrets/azure-storage-key",
        Critical,
        "An Azure storage account key",
        &["accountkey"],
        r"(?i)AccountKey\s*=\s*(?<secret>[A-Za-z0-9+/]{86}==)",
    )
    .entropy(4.0),
    rule("secrets/azure-sas", High, "A signed Azure storage address", &["sig="], AZURE_SAS),
    rule("secrets/azure-client-secret", Critical, "An Azure client secret", &["q~"], AZURE_CLIENT_SECRET),
    rule(
        "secrets/digitalocean-token",
        Critical,
        "A DigitalOcean token",
        &["dop_v1_", "doo_v1_", "dor_v1_"],
        r"\bdo[opr]_v1_[a-f0-9]{64}\b",
    ),
    rule(
        "secrets/alibaba-access-key-id",
        High,
        "An Alibaba Cloud access key id",
        &["ltai"],
        r"\bLTAI[A-Za-z0-9]{17,21}\b",
    )
    .entropy(3.5),
    rule(
        "secrets/cloudflare-origin-key",
        High,
        "A Cloudflare origin CA key",
        &["v1.0-"],
        r"\bv1\.0-[a-f0-9]{24}-[a-f0-9]{146}\b",
    ),
    rule("secrets/heroku-key", High, "A Heroku API key", &["heroku", "hrku-"], HEROKU),
    rule(
        "secrets/vault-token",
        Critical,
        "A HashiCorp Vault token",
        &["hvs.", "hvb.", "hvr."],
        r"\bhv[sbr]\.[A-Za-z0-9_-]{24,}",
    )
    .entropy(3.5),
    rule(
        "secrets/terraform-token",
        High,
        "A Terraform Cloud token",
        &[".atlasv1."],
        r"\b[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60,70}",
    )
    .entropy(3.5),
    rule("secrets/databricks-token", High, "A Databricks token", &["dapi"], r"\bdapi[a-f0-9]{32}(?:-\d)?\b"),
    rule("secrets/pulumi-token", High, "A Pulumi token", &["pul-"], r"\bpul-[a-f0-9]{40}\b"),
    rule(
        "secrets/doppler-token",
        High,
        "A Doppler token",
        &["dp.pt.", "dp.st.", "dp.sa."],
        r"\bdp\.(?:pt|sa|st\.(?:[a-z0-9_-]+\.)?)\.?[A-Za-z0-9]{40,44}\b",
    )
    .entropy(3.5),
    rule(
        "secrets/planetscale-token",
        High,
        "A PlanetScale token",
        &["pscale_"],
        r"\bpscale_(?:tkn|oauth|pw)_[A-Za-z0-9=._-]{32,64}",
    ),
];

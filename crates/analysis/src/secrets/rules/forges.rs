//! Shapes of the tokens of code hosts, package registries and the tools around them.

use crate::Severity::{Critical, High, Medium};
use crate::secrets::rule::{SecretRule, rule};

pub(crate) static RULES: &[SecretRule] = &[
    rule(
        "secrets/github-token",
        Critical,
        "A GitHub token",
        &["ghp_", "gho_", "ghu_", "ghs_", "ghr_"],
        r"\bgh[pousr]_[A-Za-z0-9]{36,251}\b",
    ),
    rule(
        "secrets/github-fine-grained-token",
        Critical,
        "A fine-grained GitHub token",
        &["github_pat_"],
        r"\bgithub_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}\b",
    ),
    rule(
        "secrets/gitlab-token",
        Critical,
        "A GitLab token",
        &["glpat-", "gldt-", "glrt-", "glptt-", "glsoat-", "glcbt-", "gloas-"],
        r"\bgl(?:pat|dt|rt|ptt|soat|cbt|oas)-[A-Za-z0-9_.-]{20,}",
    ),
    rule("secrets/npm-token", Critical, "An npm token", &["npm_"], r"\bnpm_[A-Za-z0-9]{36}\b"),
    rule(
        "secrets/npm-registry-token",
        High,
        "A token for a package registry",
        &["_authtoken"],
        r"(?i)_authToken\s*=\s*(?<secret>[A-Za-z0-9+/=_-]{32,})",
    ),
    rule("secrets/pypi-token", Critical, "A PyPI token", &["pypi-age"], r"\bpypi-AgE[A-Za-z0-9_-]{50,}"),
    rule("secrets/crates-io-token", Critical, "A crates.io token", &["cio"], r"\bcio[A-Za-z0-9]{32}\b")
        .entropy(3.8),
    rule(
        "secrets/rubygems-token",
        Critical,
        "A RubyGems token",
        &["rubygems_"],
        r"\brubygems_[a-f0-9]{48}\b",
    ),
    rule("secrets/nuget-key", High, "A NuGet key", &["oy2"], r"\boy2[a-z0-9]{43}\b"),
    rule(
        "secrets/docker-hub-token",
        High,
        "A Docker Hub token",
        &["dckr_pat_", "dckr_oat_"],
        r"\bdckr_[po]at_[A-Za-z0-9_-]{27,}",
    ),
    rule(
        "secrets/atlassian-token",
        High,
        "An Atlassian token",
        &["atatt3", "atbb", "atctt3"],
        r"\b(?:AT(?:A|C)TT3[A-Za-z0-9_=-]{60,}|ATBB[A-Za-z0-9]{28,32})",
    ),
    rule(
        "secrets/linear-key",
        High,
        "A Linear API key",
        &["lin_api_", "lin_oauth_"],
        r"\blin_(?:api|oauth)_[A-Za-z0-9]{40,64}\b",
    ),
    rule(
        "secrets/notion-token",
        High,
        "A Notion token",
        &["ntn_", "secret_"],
        r"\b(?:ntn_[0-9]{11}[A-Za-z0-9]{35}|secret_[A-Za-z0-9]{43})\b",
    )
    .entropy(3.8),
    rule("secrets/postman-key", High, "A Postman API key", &["pmak-"], r"\bPMAK-[a-f0-9]{24}-[a-f0-9]{34}\b"),
    rule("secrets/figma-token", Medium, "A Figma token", &["figd_"], r"\bfigd_[A-Za-z0-9_-]{40,}"),
    rule(
        "secrets/sonar-token",
        Medium,
        "A SonarQube token",
        &["sqa_", "sqp_", "squ_"],
        r"\bsq[apu]_[a-f0-9]{40}\b",
    ),
];
